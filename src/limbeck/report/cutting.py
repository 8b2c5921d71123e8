"""What was cut from the teacher: the rounds in which layers were taken out, as rows of a table."""

from limbeck.ground import wording
from limbeck.records.cuts import Cut


def removal_rows(cut: Cut | None) -> list[tuple[int, list[str]]]:
    """(layer, what its removal would have cost in each round), in nats; "out" where it went, "" where it was gone.

    Args:
        cut: How the student was cut; None or without rounds gives no rows.
    """
    if cut is None:
        return []
    costs = [{cost.layer: cost.nats for cost in removal.costs} for removal in cut.removals]
    layers = sorted({layer for of_round in costs for layer in of_round})
    rows = []
    for layer in layers:
        cells = []
        for removal, of_round in zip(cut.removals, costs, strict=True):
            told = wording.three_figures(of_round[layer]) if layer in of_round else ""
            cells.append(f"{told}, out" if removal.removed == layer else told)
        rows.append((layer, cells))
    return rows
