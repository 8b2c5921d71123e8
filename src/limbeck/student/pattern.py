"""The pattern that a student is cut by: which parts of the teacher it takes over."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from limbeck.encoder import heads
from limbeck.encoder.families import FAMILIES, layer_count
from limbeck.recipe.student import StudentTable
from limbeck.student.factorise import OTHERWISE_ALBERT, albert_config, refuse_unfactorisable
from limbeck.student.scratch import checked_config, read_config
from limbeck.student.shape import choose_layers
from limbeck.student.width import PLACES, Widths, is_narrower, wanted_sizes

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


_CLASSIFIER_SIZE, _VECTOR_SIZE = 128, 256
"""Of a static student's tables; vectors of the teacher's width lie in no more directions than that."""


@dataclass(frozen=True)
class StaticPattern:
    """The tables of a static student.

    Args:
        table_size: Numbers of a token and of a run.
        ngram_rows: Rows of the table of runs; 0 for none.
        longest_ngram: Tokens of the longest run.
        runs: (ngram_rows,) which run has each row (`ngrams.known_runs`); None before texts were looked at.
    """

    table_size: int
    ngram_rows: int
    longest_ngram: int
    runs: NDArray[np.int32] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Pattern:
    """What a student takes over.

    Args:
        layers: For each student layer the teacher layer that it is made of, or, from scratch, that it stands for;
            counted from 0.
        widths: The channels, heads and neurons that are kept; None keeps all.
        embedding_size: Width of the factorised embedding tables; None leaves them as they are.
        config: The user's config, of which a student is made from scratch; None takes the teacher over.
        static: The tables of a static student, which has no layers; None for all others.
    """

    layers: tuple[int, ...]
    widths: Widths | None = None
    embedding_size: int | None = None
    config: Mapping[str, Any] | None = None
    static: StaticPattern | None = None

    @property
    def keeps_all(self) -> bool:
        """Whether layers and embeddings are taken over as they are; the lowest then compute what the teacher does."""
        return all(part is None for part in (self.widths, self.embedding_size, self.config, self.static))


def unmeasured(config: "PreTrainedConfig", wanted: StudentTable) -> Pattern:
    """A pattern of the wanted sizes that needs no measuring: for sizes alone, or where nothing is left to measure.

    Args:
        config: The teacher's.
        wanted: The recipe's student table; where parts are chosen by what they are worth, spaced layers and the first
            channels, heads and neurons stand in.

    Raises:
        RecipeError: The teacher has no such parts, or the user's config is none.
    """
    if wanted.is_static:
        usual = _VECTOR_SIZE if heads.head_for(config) == heads.VECTOR else _CLASSIFIER_SIZE
        return Pattern((), static=StaticPattern(wanted.table_size or usual, wanted.ngram_rows, wanted.longest_ngram))
    if wanted.config is not None:
        return _from_scratch(config, read_config(wanted.config))
    if wanted.choose == "by_loss":
        wanted = wanted.model_copy(update={"choose": "spaced"})
    layers = choose_layers(config, wanted)
    if wanted.embedding_size is not None:
        refuse_unfactorisable(config, wanted)
    if not is_narrower(wanted):
        return Pattern(layers, embedding_size=wanted.embedding_size)
    sizes = wanted_sizes(config, wanted)
    first = Widths(
        tuple(range(sizes.hidden)),
        tuple(tuple(range(sizes.heads)) for _ in layers),
        tuple(tuple(range(sizes.neurons)) for _ in layers),
    )
    return Pattern(layers, first, wanted.embedding_size)


def _from_scratch(teacher: "PreTrainedConfig", told: Mapping[str, Any]) -> Pattern:
    """Which teacher layer each layer of a student from scratch stands for: evenly spaced, the last for the last."""
    n_teacher, n_student = layer_count(teacher), layer_count(checked_config(told))
    steps = max(1, n_student - 1)
    layers = tuple(round(index * (n_teacher - 1) / steps) for index in range(n_student))
    return Pattern(layers if n_student > 1 else (n_teacher - 1,), config=told)


def planned_config(teacher: "PreTrainedConfig", pattern: Pattern) -> "PreTrainedConfig":
    """The config of the student that a pattern makes.

    Args:
        teacher: The teacher's config. It is not changed.
        pattern: What is taken over.
    """
    from transformers import AutoConfig

    if pattern.static is not None:
        from limbeck.student.static import StaticConfig

        return StaticConfig(
            vocab_size=int(teacher.vocab_size),
            table_size=pattern.static.table_size,
            ngram_rows=pattern.static.ngram_rows,
            longest_ngram=pattern.static.longest_ngram,
            hidden_size=int(teacher.hidden_size or 0),
            pad_token_id=teacher.pad_token_id,
            **heads.carried(teacher),
        )
    if pattern.config is not None:
        ids = {"vocab_size": teacher.vocab_size, "pad_token_id": teacher.pad_token_id}
        return AutoConfig.for_model(**{**pattern.config, **ids, **heads.carried(teacher)})
    config = copy.deepcopy(teacher)
    setattr(config, FAMILIES[teacher.model_type].count_field, len(pattern.layers))
    if getattr(config, "layer_types", None):
        config.layer_types = [teacher.layer_types[layer] for layer in pattern.layers]
    if pattern.widths is not None:
        widths = pattern.widths
        sizes = (len(widths.channels), len(widths.heads[0]), len(widths.neurons[0]))
        is_tied = getattr(config, "embedding_size", None) == config.hidden_size
        for name, size in zip(PLACES[teacher.model_type].sizes, sizes, strict=True):
            setattr(config, name, size)
        if is_tied:
            config.embedding_size = sizes[0]
    if pattern.embedding_size is not None and config.model_type == OTHERWISE_ALBERT:
        return albert_config(config, embedding_size=pattern.embedding_size)
    if pattern.embedding_size is not None:
        config.embedding_size = pattern.embedding_size
    return config
