"""A plan as tables on the terminal: shapes, texts, times and disk, within 80 columns; on stderr."""

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from limbeck.cli.console import stderr
from limbeck.ground import wording
from limbeck.records.plan import STUDENT_SHAPE, Estimate, Plan, PlannedShape, in_bytes


def print_plan(plan: Plan) -> None:
    """Shapes first, then what the run will take, then the whole in a sentence."""
    stderr.print()
    stderr.print(_shapes(plan), soft_wrap=False)
    stderr.print(
        "\n*  the recipe's student; bytes of model and tokenizer, multiply-adds of a text\n"
        f"   in the mean of all given ones, and their share of the {plan.reference.name}'s"
    )
    for table in (_texts(plan), _times(plan), _disk(plan)):
        stderr.print()
        stderr.print(table, soft_wrap=False)
    stderr.print()
    for sentence in plan.notes:
        stderr.print(sentence, markup=False)
    stderr.print(f"\n{plan.sentence}", markup=False)


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    return table


def _shapes(plan: Plan) -> Table:
    table = _table("model", "parameters", "float32", plan.scheme, "multiply-adds", "share")
    for shape in plan.shapes:
        work = shape.multiply_adds_per_thousand
        share = None if work is None else work / (plan.reference.multiply_adds_per_thousand or 1)
        table.add_row(
            _name(shape),
            wording.millions(shape.parameters),
            wording.size(shape.float_bytes),
            in_bytes(shape.scheme_bytes),
            wording.millions(None if work is None else work / 1000),
            wording.percent(share),
        )
    return table


def _name(shape: PlannedShape) -> Text:
    layers = "" if shape.layers is None else wording.counted(shape.layers, "layer") if shape.layers else "static"
    name = layers if shape.name == STUDENT_SHAPE else ", ".join(filter(None, (shape.name, layers)))
    return Text(f"{name} *" if shape.is_recipes else name, "bold" if shape.is_recipes else "")


def _texts(plan: Plan) -> Table:
    table = _table("texts", "all", "made up", "tokens", "answered already")
    for name, part in plan.parts.items():
        counts = (part.n_texts, part.n_made_up, part.n_tokens, part.n_answered)
        table.add_row(name.replace("_", "-"), *map(wording.count, counts))
    return table


def _times(plan: Plan) -> Table:
    table = _table("time on this machine", "estimate", "between rounds", "steps")
    for stage, estimate in plan.times.items():
        training = plan.trainings.get(stage)
        table.add_row(stage, *_range(estimate), "" if training is None else wording.count(training.steps))
    table.add_row(Text("together", "bold"), *_range(plan.total), "")
    return table


def _range(estimate: Estimate) -> tuple[str, str]:
    low, high = wording.duration(estimate.low), wording.duration(estimate.high)
    return wording.duration(estimate.seconds), f"{low} {wording.NOTHING} {high}"


def _disk(plan: Plan) -> Table:
    table = _table("disk", "bytes")
    for what, n_bytes in plan.disk.items():
        table.add_row(what, wording.size(n_bytes))
    return table
