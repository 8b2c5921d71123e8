"""What models weigh before they are trained: each is built as the walk builds it, and its graph measured unwritten."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from limbeck import student
from limbeck.encoder.families import layer_count
from limbeck.encoder.origin import Origin
from limbeck.errors import SchemeError
from limbeck.export import multiply_adds, running_size
from limbeck.ground.progress import SILENT, Progress
from limbeck.quantization import refuse_unfit
from limbeck.recipe.knobs import QuantizeTable, Recipe
from limbeck.recipe.scheme import Scheme
from limbeck.recipe.student import StudentTable
from limbeck.records.plan import ENCODER_SHAPE, STUDENT_SHAPE, TEACHER_SHAPE, ByteBounds, PlannedShape
from limbeck.teacher import Teacher
from limbeck.walk import mixing, shaping

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ALL_UP_TO = 6
"""Of a teacher with more layers, not every number is shown."""
_SHARES = ((1, 1), (3, 4), (1, 2), (1, 3), (1, 4), (1, 6))


def usual_layers(n_teacher: int) -> tuple[int, ...]:
    """Numbers of layers worth looking at, from many to few: all; of a deep teacher, some shares of it and one."""
    if n_teacher <= _ALL_UP_TO:
        return tuple(range(n_teacher, 0, -1))
    shares = (-(-part * n_teacher // whole) for part, whole in _SHARES)  # rounded up
    return tuple(sorted({1, *shares}, reverse=True))


def weigh(
    master: Teacher,
    origin: Origin,
    recipe: Recipe,
    *,
    layers: Sequence[int] | None,
    lengths: Sequence[int],
    progress: Progress = SILENT,
) -> tuple[PlannedShape, ...]:
    """Weigh the teacher and its students.

    Args:
        master: The teacher.
        origin: What students start from, its vocabulary trimmed where the recipe says so.
        recipe: Its tables student and quantize.
        layers: Numbers of layers to show; None takes `usual_layers`. The recipe's own student is always among them.
        lengths: (n,) tokens of the data's texts.
        progress: Told of each shape.

    Returns: The teacher, what students start from where that is another, and students from many layers to few.

    Raises:
        RecipeError: More layers than there are.
    """
    tables, n_own = _tables(layers, recipe, origin)
    whole = origin.whole or origin
    found = []
    with progress.bar("weighing shapes", total=len(tables) + 1, unit="shapes") as bar:
        if not origin.is_teacher:
            found.append(_unseen(master))
        name = TEACHER_SHAPE if origin.is_teacher else ENCODER_SHAPE
        found.append(_weighed(name, whole.model, recipe.quantize, whole.tokenizer_folder, lengths))
        bar.advance()
        for n_layers, table in sorted(tables.items(), reverse=True):
            built = student.initialise(origin.model, table)
            is_own = n_layers == n_own
            found.append(
                _weighed(STUDENT_SHAPE, built, recipe.quantize, origin.tokenizer_folder, lengths, is_recipes=is_own)
            )
            bar.advance()
    return tuple(found)


def _tables(layers: Sequence[int] | None, recipe: Recipe, origin: Origin) -> tuple[dict[int, StudentTable], int]:
    """Number of layers -> the student table of that shape; and the recipe's own number."""
    n_own, own = next(iter(shaping.students(None, recipe, origin).items()))
    if recipe.student.config is not None:
        return {n_own: own}, n_own
    shown = usual_layers(layer_count(origin.model.config)) if layers is None else layers
    plain = recipe.model_copy(update={"student": recipe.student.model_copy(update={"take_layers": None})})
    return shaping.students(shown, plain, origin) | {n_own: own}, n_own


def _weighed(
    name: str,
    model: "PreTrainedModel",
    table: QuantizeTable,
    tokenizer_folder: Path,
    lengths: Sequence[int],
    *,
    is_recipes: bool = False,
) -> PlannedShape:
    shape, work = student.shape_of(model), multiply_adds(model)
    bounds = None
    with contextlib.suppress(SchemeError):  # groups that fit a narrower student need not fit its teacher
        refuse_unfit(model, scheme=Scheme.parse(table.scheme))
        bounds = ByteBounds(*mixing.size_bounds(model, table, tokenizer_folder=tokenizer_folder))
    return PlannedShape(
        name=name,
        layers=shape.layers,
        hidden_size=shape.hidden_size,
        vocabulary=shape.vocabulary,
        parameters=shape.parameters,
        float_bytes=running_size(model, None, tokenizer_folder=tokenizer_folder),
        scheme_bytes=bounds,
        multiply_adds=work.of([median_of(lengths)]),
        multiply_adds_per_thousand=round(1000 * work.of(lengths) / len(lengths)),
        is_recipes=is_recipes,
    )


def median_of(lengths: Sequence[int]) -> int:
    """The middle length, a whole number of tokens."""
    return int(np.median(np.asarray(lengths)))


def _unseen(master: Teacher) -> PlannedShape:
    """A teacher of which only what it tells is known."""
    return PlannedShape(
        name=TEACHER_SHAPE,
        layers=None,
        hidden_size=None,
        vocabulary=None,
        parameters=master.n_parameters,
        float_bytes=master.size_bytes,
        scheme_bytes=None,
        multiply_adds=None,
        multiply_adds_per_thousand=None,
    )
