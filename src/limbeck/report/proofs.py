"""The proof drawn: the difference to the teacher with its one-sided bounds, and the margin that decides."""

from limbeck.ground import wording
from limbeck.records.proof import NonInferiority
from limbeck.report.figures import Whisker, interval_chart
from limbeck.report.panels import Panel
from limbeck.report.svg import WIDTH

TITLE = "Artifact minus teacher, in points"


def proof_panel(proof: NonInferiority) -> Panel:
    """The difference, the bounds that decide, and the margin."""
    value = wording.points(proof.difference, decimals=2)
    whisker = Whisker("artifact", proof.measure.capitalize(), proof.difference, proof.low, proof.high, value)
    bounds = f"from {wording.signed(100 * proof.low, decimals=2)} to {wording.signed(100 * proof.high, decimals=2)}"
    drawing = interval_chart(
        [whisker],
        title=TITLE,
        description=f"{proof.measure} {value}, {bounds}; margin {wording.points(-proof.margin, decimals=2)}.",
        value_words=lambda share, decimals: wording.signed(100 * share, decimals=max(0, decimals - 2)),
        bound=-proof.margin,
        bound_words="margin",
        width=WIDTH,
    )
    return Panel(TITLE, drawing)


def two_sided(proof: NonInferiority) -> str:
    """The confidence of the interval between both bounds: "90 %" where each is sure at 95 %."""
    return f"{wording.plain(100 * (2 * proof.confidence - 1))} %"
