"""A student's shape: which of the teacher's layers it takes over, and what a model's numbers are."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from limbeck.encoder.families import FAMILIES, layer_count
from limbeck.errors import RecipeError
from limbeck.recipe.student import StudentTable
from limbeck.student.scratch import checked_config, read_config

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class Shape:
    """The numbers that make a model large or small."""

    layers: int
    hidden_size: int
    heads: int
    intermediate_size: int
    vocabulary: int
    parameters: int

    def to_json(self) -> dict[str, int]:
        """As the run record keeps it."""
        return asdict(self)


def shape_of(model: "PreTrainedModel") -> Shape:
    """The shape of a model of a known family."""
    config = model.config
    return Shape(
        layers=layer_count(config),
        hidden_size=int(config.hidden_size),
        heads=int(config.num_attention_heads),
        intermediate_size=int(getattr(config, "intermediate_size", 0) or getattr(config, "hidden_dim", 0)),
        vocabulary=int(config.vocab_size),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def count_layers(config: "PreTrainedConfig", wanted: StudentTable) -> int:
    """How many layers the student has, however they are chosen.

    Raises:
        RecipeError: More than the teacher has.
    """
    n_teacher = layer_count(config)
    if wanted.is_static:
        return 0
    if wanted.config is not None:
        return layer_count(checked_config(read_config(wanted.config)))
    if wanted.take_layers is not None:
        return len(wanted.take_layers)
    usual = n_teacher if wanted.choose == "all" else (n_teacher + 1) // 2
    n_student = wanted.layers if wanted.layers is not None else usual
    if n_student > n_teacher:
        raise RecipeError(
            f"student.layers = {n_student}, but the teacher has only {n_teacher} layers.",
            hint=f"Choose 1 to {n_teacher}; the default is {(n_teacher + 1) // 2}.",
        )
    return n_student


def choose_layers(
    config: "PreTrainedConfig", wanted: StudentTable, *, removed: Collection[int] = ()
) -> tuple[int, ...]:
    """Which teacher layers become the student's, counted from 0.

    Evenly spaced, they go from the first to the last (3 of 6: layers 0, 2 and 5): the first reads the embeddings that
    are taken over with it, and the head reads what the last one writes. "lower" goes from the first to the last too,
    but closer below (0, 1 and 5): their distances grow as squares do. By loss, they are those that `removed` leaves.

    Args:
        config: The teacher's.
        wanted: The recipe's student table.
        removed: Layers that were found to be missed least (see `removal.remove_layers`).

    Raises:
        RecipeError: More layers than the teacher has, or a layer that it does not have.
    """
    n_teacher, n_student = layer_count(config), count_layers(config, wanted)
    family = FAMILIES[config.model_type]
    if wanted.take_layers is not None:
        _refuse_absent(wanted.take_layers, config, n_teacher=n_teacher)
        return wanted.take_layers
    if wanted.choose == "by_loss":
        left = tuple(layer for layer in range(n_teacher) if layer not in removed)
        assert len(left) == n_student, "layers by loss are measured before they are chosen"
        return left
    return _placed(wanted.choose, n_teacher, n_student, keeps_first=family.keeps_first)


def _placed(choose: str | None, n_teacher: int, n_student: int, *, keeps_first: bool) -> tuple[int, ...]:
    """Layers chosen by where they stand."""
    if choose == "first":
        return tuple(range(n_student))
    if choose == "last":
        n_last = n_student - 1 if keeps_first else n_student
        return (*((0,) if keeps_first else ()), *range(n_teacher - n_last, n_teacher))
    if n_student == 1:
        return (0,) if keeps_first else (n_teacher - 1,)
    power = 2 if choose == "lower" else 1
    return _different(round((n_teacher - 1) * (index / (n_student - 1)) ** power) for index in range(n_student))


def _different(rising: Iterable[int]) -> tuple[int, ...]:
    """The same numbers, each that would be there twice moved up to the next that is free."""
    found: list[int] = []
    for number in rising:
        found.append(max(number, found[-1] + 1) if found else number)
    return tuple(found)


def _refuse_absent(taken: tuple[int, ...], config: "PreTrainedConfig", *, n_teacher: int) -> None:
    if taken[-1] >= n_teacher:
        raise RecipeError(
            f"student.take_layers names layer {taken[-1]}, but the teacher's {n_teacher} layers "
            f"are 0 to {n_teacher - 1}.",
            hint=f"Name layers from 0 to {n_teacher - 1}.",
        )
    if FAMILIES[config.model_type].keeps_first and taken[0] != 0:
        raise RecipeError(
            f"student.take_layers starts with {taken[0]}; in the family {config.model_type!r} the "
            "first layer differs from the rest and must stay the first.",
            hint="Put 0 in front.",
        )
