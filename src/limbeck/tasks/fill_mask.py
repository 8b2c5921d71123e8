"""Fill-mask: which token stands in the place of a mask; what makes a general encoder, to be fine-tuned later.

Texts need no labels, as each holds what is right. What judges a model is the same for everybody: a hash of the text
hides some of its tokens (see `limbeck.text.masking`). What a model says of them is kept as `limbeck.text.kept_tokens`
tells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError
from limbeck.tasks.columns import TEXT_NAMES, KnownNames
from limbeck.tasks.decisions import Decisions, Distributions
from limbeck.tasks.measures import GeometricMean, Measure, Ratio
from limbeck.tasks.task import Answer, Change, LabelKind, MeasureWords, Respelled, Task, surest_first
from limbeck.text import kept_tokens
from limbeck.text.kept_tokens import UNKNOWN, hidden_of, tokens_of
from limbeck.text.units import Ragged, UnitLogits, owners_of
from limbeck.text.windows import Reads

_SHOWN, _NEAR, _CHANGES_SHOWN = 5, 5, 8
_HIDDEN = ("hidden token", "hidden tokens")


@dataclass(frozen=True, slots=True)
class Filling:
    """A token that may stand in the place of a mask, its number in the vocabulary, and its probability."""

    token: str
    id: int
    probability: float


@dataclass(frozen=True, slots=True)
class FilledMask:
    """What a model puts in the place of one mask.

    Args:
        start: First character of the mask in its text.
        end: The character behind its last one.
        tokens: The likeliest, in their order.
    """

    start: int
    end: int
    tokens: tuple[Filling, ...]


@dataclass(frozen=True, slots=True)
class FillAnswer(Answer):
    """What a masked language model says about one text.

    Args:
        masks: In the order of the text; those behind the length limit are missing.
    """

    masks: tuple[FilledMask, ...]

    def to_json(self, *, in_full: bool = False, label_names: Sequence[str] = ()) -> dict[str, Any]:  # noqa: ARG002
        """Each mask with its five likeliest tokens; in full with all that are kept."""
        return {
            "masks": [
                {
                    "start": mask.start,
                    "end": mask.end,
                    "tokens": [
                        {"token": one.token, "probability": one.probability}
                        for one in mask.tokens[: None if in_full else _SHOWN]
                    ],
                }
                for mask in self.masks
            ]
        }


AMONG_FIVE = MeasureWords(
    "top-5 accuracy",
    "Share of the hidden tokens that are among the five likeliest in their place.",
    "has {value} of the hidden tokens of {texts} among its five likeliest",
)
TRUE_PROBABILITY = MeasureWords(
    "true-token probability",
    "Geometric mean of the probability that the hidden tokens are given: 1 divided by the perplexity.",
    "gives the hidden tokens of {texts} a probability of {value} in the geometric mean",
)


class FillMask(Task):
    """A token a mask."""

    name = "fill-mask"
    hub_name = "fill-mask"
    hub_metric = "accuracy"
    columns = KnownNames(texts=TEXT_NAMES, pairs=(), labels=())
    label_kind = LabelKind.HIDDEN
    score = MeasureWords(
        "accuracy",
        "Share of the hidden tokens in whose place the likeliest token is the one that stood there.",
        "fills {value} of the masks in {texts} with the token that stood there",
    )
    agreement = MeasureWords(
        "agreement",
        "Share of the hidden tokens in whose place the likeliest token is the teacher's.",
        "fills {value} of the masks in {texts} as the teacher does",
    )
    groups_changes = False
    respelled = Respelled.NOTHING
    takes_pairs = False
    further = (AMONG_FIVE, TRUE_PROBABILITY)
    takes_made_up = False
    taught_live = True
    reads = Reads.MASKS
    head = "ForMaskedLM"

    def answers(self, logits: UnitLogits, label_names: Sequence[str]) -> list[FillAnswer]:  # noqa: ARG002
        """One answer a text; tokens whose names nobody knows are told by number.

        Raises:
            ShapeError: The rows are not those of `limbeck.text.kept_tokens`.
        """
        _check(logits)
        name_of = logits.name_of or str
        found = []
        for rows, spans in zip(logits.rows, logits.units.spans, strict=True):
            shares = np.exp(kept_tokens.log_probabilities_of(rows))
            found.append(
                FillAnswer(
                    tuple(
                        FilledMask(
                            start,
                            end,
                            tuple(
                                Filling(name_of(token), token, share)
                                for token, share in zip(tokens, chances, strict=True)
                            ),
                        )
                        for (start, end), tokens, chances in zip(
                            spans.tolist(), tokens_of(rows).tolist(), shares.tolist(), strict=True
                        )
                    )
                )
            )
        return found

    def score_of(self, logits: UnitLogits, labels: Ragged, label_names: Sequence[str] = ()) -> Ratio:  # noqa: ARG002
        """Share of hidden tokens that were found, over all texts; the rows themselves hold what stood there.

        Args:
            logits: Of n texts, at least one.
            labels: n rows; nothing stands in them.
            label_names: Not looked at.

        Raises:
            ShapeError: Texts and labels differ in number, or rows of another kind.
        """
        _check(logits)
        if len(labels) != len(logits):
            raise ShapeError(
                f"Expected what stood in each of {len(logits)} texts, got {len(labels)} rows.",
                hint="Score the logits of the very texts that were given.",
            )
        return self._share(logits, near=1)

    def further_of(
        self,
        logits: UnitLogits,
        *,
        labels: Ragged | None,
        teacher_logits: UnitLogits | None,  # noqa: ARG002
        label_names: Sequence[str] = (),  # noqa: ARG002
    ) -> Mapping[MeasureWords, Measure]:
        """Whether the hidden token is among five, and its probability; arguments and errors as in `score_of`."""
        if labels is None:
            return {}
        _check(logits)
        is_known = hidden_of(logits.values) != UNKNOWN
        sums = np.where(is_known, kept_tokens.hidden_log_probabilities(logits.values), 0.0)
        return {
            AMONG_FIVE: self._share(logits, near=_NEAR),
            TRUE_PROBABILITY: GeometricMean(_by_text(logits, sums), _by_text(logits, is_known)),
        }

    def agreement_of(self, logits: UnitLogits, teacher_logits: UnitLogits, label_names: Sequence[str] = ()) -> Ratio:  # noqa: ARG002
        """Share of hidden tokens with the same likeliest token.

        Raises:
            ShapeError: The teacher answered for other tokens.
        """
        is_same = self._is_same(logits, teacher_logits)
        return Ratio(_by_text(logits, is_same), logits.units.spans.lengths)

    def decisions_of(self, logits: UnitLogits, labels: Ragged, label_names: Sequence[str] = ()) -> Decisions:  # noqa: ARG002
        """One for each hidden token that is known: the likeliest token in its place."""
        _check(logits)
        hidden, likeliest = hidden_of(logits.values), tokens_of(logits.values)[:, 0]
        sure = np.exp(kept_tokens.log_probabilities_of(logits.values)[:, 0])
        known = np.flatnonzero(hidden != UNKNOWN)
        owners = owners_of(logits.units.spans)
        return Decisions(owners[known], likeliest[known], (likeliest == hidden)[known], sure[known], _HIDDEN)

    def distributions_of(self, logits: UnitLogits, teacher_logits: UnitLogits) -> Distributions | None:
        """One for each hidden token; see `kept_tokens.side_by_side`."""
        for side in (logits, teacher_logits):
            _check(side)
        if not logits.units.are_those_of(teacher_logits.units):
            return None
        found, wanted = kept_tokens.side_by_side(logits.values, teacher_logits.values)
        return Distributions(owners_of(logits.units.spans), wanted, found, _HIDDEN)

    def changes(self, logits: UnitLogits, teacher_logits: UnitLogits, label_names: Sequence[str]) -> list[Change]:  # noqa: ARG002
        """Every text with another likeliest token somewhere, in the order of `surest_first`: "'a' for 'the'"."""
        is_same = self._is_same(logits, teacher_logits)
        name_of = logits.name_of or teacher_logits.name_of or str
        sides = [np.exp(kept_tokens.log_probabilities_of(one.values)[:, 0]) for one in (logits, teacher_logits)]
        spans, units = logits.units.spans, range(len(logits))
        parted = [
            np.flatnonzero(~is_same[spans.starts[row] : spans.starts[row + 1]]) + spans.starts[row] for row in units
        ]
        sure, teacher_sure = (
            np.array([side[places].min(initial=1.0) for places in parted], np.float64) for side in sides
        )
        changed = np.array([len(places) > 0 for places in parted], np.bool_)

        def filled(side: UnitLogits, row: int) -> str:
            text, found = logits.units.texts[row], []
            for place in parted[row][:_CHANGES_SHOWN]:
                start, end = spans.values[place].tolist()
                token = name_of(int(tokens_of(side.values[place : place + 1])[0, 0]))
                found.append(f"'{token}' for '{text[start:end]}'")
            return ", ".join(found)

        return [
            Change(row, filled(teacher_logits, row), filled(logits, row), None, None)
            for row in surest_first(changed, sure, teacher_sure)
        ]

    def label_in_words(self, label: Any, label_names: Sequence[str], text: str = "") -> None:  # noqa: ANN401
        """Nothing: what stood there is told with each answer."""

    def _share(self, logits: UnitLogits, *, near: int) -> Ratio:
        """Share of the known hidden tokens that are among so many of the likeliest."""
        hidden = hidden_of(logits.values)
        is_found = (tokens_of(logits.values)[:, :near] == hidden[:, None]).any(axis=1)
        return Ratio(_by_text(logits, is_found), _by_text(logits, hidden != UNKNOWN))

    def _is_same(self, logits: UnitLogits, others: UnitLogits) -> NDArray[np.bool_]:
        for side in (logits, others):
            _check(side)
        if not logits.units.are_those_of(others.units):
            raise ShapeError(
                "The two models filled other masks, so their answers cannot be compared.",
                hint="Compare models of one tokenizer, with one length limit.",
            )
        found: NDArray[np.bool_] = tokens_of(logits.values)[:, 0] == tokens_of(others.values)[:, 0]
        return found


def _by_text(logits: UnitLogits, values: NDArray[Any]) -> NDArray[Any]:
    """(n,) sums over the hidden tokens of each text."""
    sums = np.concatenate([np.zeros(1, values.dtype), values]).cumsum(
        dtype=np.float64 if values.dtype.kind == "f" else np.int64
    )
    found: NDArray[Any] = np.diff(sums[logits.units.spans.starts])
    return found


def _check(logits: UnitLogits) -> None:
    if logits.n_classes != len(kept_tokens.COLUMNS):
        raise ShapeError(
            f"Expected rows of {len(kept_tokens.COLUMNS)} numbers that tell the likeliest tokens, got "
            f"{logits.n_classes}.",
            hint="Give what limbeck.text.kept_tokens.kept_rows makes of a masked language model's logits.",
        )
