"""`limbeck verify --plan`: how many texts a proof takes, as a table; from an artifact, from texts, or from nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from limbeck.artifact.sealed import ARTIFACT_FOLDER, FolderKind, folder_kind, open_artifact
from limbeck.cli.console import stderr
from limbeck.evaluate.needed import POWER
from limbeck.evaluate.proof import rounded_up
from limbeck.evaluate.sample_plan import SamplePlan, Wanted, plan_of_manifest, plan_of_nothing, plan_of_proof
from limbeck.ground import wording
from limbeck.recipe.knobs import Recipe, with_overrides
from limbeck.records.proof import NonInferiority
from limbeck.records.run import from_json
from limbeck.records.verdict import Verdict


def plan_proof(
    artifact: str | None,
    verdict: Verdict | None,
    *,
    recipe: Recipe | None,
    changes: Mapping[str, Any],
    power: float | None,
) -> SamplePlan:
    """The plan of a proof by the recipe's margin and confidence.

    Args:
        artifact: The folder that ships; None for supposed disagreements.
        verdict: What it was judged to be on texts given now; None takes the verdict that it holds.
        recipe: As given; None takes the one that the artifact was made with.
        changes: Dotted recipe keys that win over it.
        power: How often the texts shall suffice; None takes four of five.

    Raises:
        LimbeckError: It is no artifact, or nothing tells how often the two part, or a key is wrong.
    """
    manifest = None if artifact is None else open_artifact(_artifact_of(Path(artifact).expanduser())).manifest
    if recipe is None:
        recipe = (
            Recipe() if manifest is None else Recipe.from_dict(dict(manifest.recipe), source="the artifact's recipe")
        )
    settings = Recipe.from_dict(with_overrides(recipe.model_dump(), dict(changes)), source="the command line").verify
    wanted = Wanted(settings.margin, settings.confidence, POWER if power is None else power)
    if manifest is None:
        return plan_of_nothing(wanted)
    if verdict is not None:
        return plan_of_proof(verdict.non_inferiority, wanted)
    told = (manifest.verdict or {}).get("non_inferiority")
    return plan_of_manifest(manifest.verdict, None if told is None else from_json(NonInferiority, told), wanted)


def _artifact_of(path: Path) -> Path:
    """The artifact itself, where the folder of a finished run is given."""
    inside = path / ARTIFACT_FOLDER
    return inside if folder_kind(path) is FolderKind.RUN and inside.is_dir() else path


def print_proof_plan(plan: SamplePlan) -> None:
    """What is planned for, then the table, within 80 columns; on stderr."""
    wanted = plan.wanted
    stderr.print(
        f"\nTexts that decide, with {100 * wanted.confidence:g} % confidence, whether the artifact's {plan.measure}\n"
        f"is at most {wording.margin(wanted.margin)} below the teacher's. "
        f"So many do in {100 * wanted.power:g} of 100 cases.\n"
        f"{plan.source}\n",
        markup=False,
        highlight=False,
    )
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("points of difference", justify="right")
    table.add_column("comes out")
    for one in plan.disagreements:
        table.add_column(one.words, justify="right")
    for row in plan.rows:
        figures = ("never" if n is None else wording.count(rounded_up(n)) for n in row.n_texts)
        table.add_row(wording.signed(100 * row.difference, decimals=2), row.answer, *figures)
    stderr.print(table, soft_wrap=False)
