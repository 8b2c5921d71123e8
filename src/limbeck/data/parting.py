"""Train, validation and held-out parts in which no content stands twice, whoever made them.

Where nobody parted the texts, a hash of each text's content decides. So the same text lands in the same part whatever
the order of the file, and texts that are added later move none of the others. Rows of one query stay together where the
task puts its passages in order: the query's content decides then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from limbeck.data.labelled import GivenExamples
from limbeck.data.labels import only_one_label
from limbeck.data.queries import notes_on
from limbeck.data.tables import HELD_OUT, TRAIN, VALIDATION, WHOLE
from limbeck.errors import DataError, LabelError, RecipeError
from limbeck.ground import fingerprint
from limbeck.ground.wording import counted
from limbeck.recipe.knobs import DataTable
from limbeck.text.examples import Examples, LeakReport, Parts
from limbeck.text.units import Ragged

_SHOWN_LABELS = 10
_ENDS = (2,)
"""Shape of an answer, which is two characters."""
_ATTEMPTS = 8
_ALL_TEXTS = "the texts"


def split(given: GivenExamples, *, settings: DataTable | None = None) -> Parts:
    """Part the examples of one source; see `parts_from` for what happens to given parts.

    Raises:
        DataError: A part would be empty, or training would see one label only.
        RecipeError: The shares leave nothing to train on.
    """
    parts = given.parts
    return parts_from(
        parts[WHOLE] if WHOLE in parts else parts[TRAIN],
        validation=parts.get(VALIDATION),
        held_out=parts.get(HELD_OUT),
        settings=settings,
        source=given.source,
        shares_contexts=given.shares_contexts,
        by_query=given.by_query,
    )


def parts_from(
    train: Examples,
    *,
    validation: Examples | None = None,
    held_out: Examples | None = None,
    settings: DataTable | None = None,
    source: str = "the data",
    shares_contexts: bool = False,
    by_query: bool = False,
) -> Parts:
    """Make three clean parts of what is given.

    Repeats within a part are dropped (the first one stays, with its label). A text that stands in train is dropped from
    validation and from held-out, one that stands in validation from held-out. What is missing is carved out by content:

    - train alone: held-out and validation from it, in the shares of `settings`.
    - train and validation, as in GLUE, whose test labels are secret: validation becomes held-out, as the labels that it
      is judged by must not have chosen anything; a new validation part is carved out of train. The same where the
      held-out part has no labels, but train and validation have.
    - train and held-out: validation out of train.

    Args:
        train: Texts to learn from.
        validation: Texts that choose the best checkpoint.
        held_out: Texts that nothing reads before `verify`.
        settings: The shares.
        source: What the data are called in messages.
        shares_contexts: Whether many rows ask about one second text. Then no second text stands in two parts, and what
            is carved out is carved out by second text.
        by_query: Whether no first text of a pair may stand in two parts, whatever its second.

    Raises:
        DataError: Some parts hold pairs and others single texts, a part would be empty or have no query with several
            passages, or train has one label only.
        RecipeError: The shares leave nothing to train on.
    """
    shares = settings or DataTable()
    notes: list[str] = []
    may_judge = validation is not None and validation.labels is not None and train.labels is not None
    if held_out is not None and held_out.labels is None and may_judge:
        notes.append(f"The held-out part has no labels and is left out ({counted(len(held_out), 'text')}).")
        held_out = None
    if held_out is None and validation is not None:
        notes.append(
            "No labelled held-out part was given: validation is held out, and a new validation part comes from train."
        )
        held_out, validation = validation, None
    given = {TRAIN: train, VALIDATION: validation, HELD_OUT: held_out}
    _check_alike([examples for examples in given.values() if examples is not None], source)
    cleaner = _Cleaner(by_query, shares_contexts)
    clean = {part: cleaner.cleaned(part, examples) for part, examples in given.items() if examples is not None}
    rest = clean[TRAIN]
    if HELD_OUT not in clean:
        clean[HELD_OUT], rest = _carved(rest, HELD_OUT, shares.held_out_share)
        if VALIDATION not in clean:
            left = 1 - shares.held_out_share
            clean[VALIDATION], rest = _carved(rest, VALIDATION, _share_of_rest(shares.validation_share, left))
    elif VALIDATION not in clean:
        clean[VALIDATION], rest = _carved(rest, VALIDATION, shares.validation_share)
    clean[TRAIN] = rest
    _check_filled(clean, given, source)
    notes += cleaner.notes
    if by_query:
        notes += notes_on({part: found.examples for part, found in clean.items()}, source=source)
    notes += _absent_labels(clean)
    leaks = LeakReport(cleaner.repeats, cleaner.leaks, cleaner.contradictions, tuple(notes))
    return Parts(clean[TRAIN].examples, clean[VALIDATION].examples, clean[HELD_OUT].examples, leaks)


def held_out_of(given: GivenExamples, *, settings: DataTable | None = None) -> tuple[Examples, LeakReport]:
    """What to judge an artifact by: each text of a single file once, else the held-out part that `split` gives.

    Returns: The texts, and what was found in parting them: a text that counted a hundred times would prove anything.

    Raises:
        DataError: The held-out part would be empty, or what else `split` refuses.
    """
    if WHOLE not in given.parts:
        parts = split(given, settings=settings)
        return parts.held_out, parts.leaks
    cleaner = _Cleaner(by_query=given.by_query, shares_contexts=given.shares_contexts)
    clean = cleaner.cleaned(_ALL_TEXTS, given.parts[WHOLE])
    return clean.examples, LeakReport(cleaner.repeats, cleaner.leaks, cleaner.contradictions, tuple(cleaner.notes))


def refuse_unanswerable(parts: Parts, settings: DataTable) -> None:
    """Refuse questions without an answer where the recipe says that every question has one.

    Raises:
        DataError: Training or held-out questions have none, and no threshold says when to decline.
    """
    if settings.no_answer_threshold is not None:
        return
    for name, examples in (("training", parts.train), ("held-out", parts.held_out)):
        labels = examples.labels
        if isinstance(labels, Ragged) and labels.values.shape[1:] == _ENDS and (n := int((labels.lengths == 0).sum())):
            raise DataError(
                f"{counted(n, f'{name} question has', f'{name} questions have')} no answer, and the recipe says that "
                "every question has one.",
                hint="Say when a model may decline: --data.no_answer_threshold 0; or leave these questions out.",
            )


def in_sentences(leaks: LeakReport) -> tuple[str, ...]:
    """What parting the texts found, for the terminal and the report; nothing found gives one sentence that says so."""
    told = [
        f"{counted(rows, 'repeated row was', 'repeated rows were')} dropped from {part}."
        for part, rows in leaks.repeats.items()
        if rows
    ]
    for pair, rows in leaks.leaks.items():
        part, _, other = pair.partition(" in ")
        if rows:
            told.append(f"{counted(rows, 'text', 'texts')} of {part} also stood in {other}: removed from {part}.")
    if leaks.contradictions:
        told.append(
            f"{counted(leaks.contradictions, 'row has', 'rows have')} another label than an earlier row of its text; "
            "the first one counts."
        )
    return (*(told or ["No text stands twice."]), *leaks.notes)


@dataclass(frozen=True)
class _Clean:
    """Examples with what decides on the part of each, computed already: its content, its query's, or its context's."""

    examples: Examples
    keys: tuple[str, ...]

    def take(self, indices: Sequence[int]) -> "_Clean":
        return _Clean(self.examples.take(indices), tuple(self.keys[index] for index in indices))


@dataclass
class _Cleaner:
    """Sees the parts one after the other, the one that wins first: train, validation, held-out."""

    by_query: bool = False
    shares_contexts: bool = False
    repeats: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    leaks: dict[str, int] = field(default_factory=dict)
    contradictions: int = 0
    _first: dict[str, tuple[str, object]] = field(default_factory=dict)
    _first_asked: dict[str, str] = field(default_factory=dict)
    _first_of_context: dict[str, str] = field(default_factory=dict)

    def cleaned(self, part: str, examples: Examples) -> _Clean:
        contents = examples.content_fingerprints
        keys = examples.query_fingerprints if self.by_query else contents
        if self.shares_contexts:
            keys = tuple(fingerprint.of_content(context) for context in examples.text_pairs or ())
        labels: Sequence[object] = [None] * len(examples) if examples.labels is None else examples.labels.tolist()
        self.repeats[part] = 0
        self.leaks |= {f"{part} in {earlier}": 0 for earlier in self.repeats if earlier != part}
        in_part: set[str] = set()
        kept = []
        for index, (content, label) in enumerate(zip(contents, labels, strict=True)):
            earlier, first_label = self._first.setdefault(content, (part, label))
            if self.shares_contexts:
                earlier = self._first_of_context.setdefault(keys[index], part)
            if label is not None and first_label is not None and label != first_label:
                self.contradictions += 1
            if content in in_part:
                self.repeats[part] += 1
                continue
            in_part.add(content)
            if earlier != part:
                self.leaks[f"{part} in {earlier}"] += 1
                continue
            kept.append(index)
        if self.by_query:
            kept = self._first_part_only(part, kept, keys)
        return _Clean(examples, keys) if len(kept) == len(examples) else _Clean(examples, keys).take(kept)

    def _first_part_only(self, part: str, kept: list[int], queries: Sequence[str]) -> list[int]:
        """Those of the rows whose query stands in no earlier part."""
        alone = [row for row in kept if self._first_asked.setdefault(queries[row], part) == part]
        if len(alone) < len(kept):
            n_asked = len({queries[row] for row in kept}) - len({queries[row] for row in alone})
            self.notes.append(
                f"{counted(n_asked, 'query', 'queries')} of {part} also stood in an earlier part with other passages: "
                f"{counted(len(kept) - len(alone), 'row')} removed from {part}."
            )
        return alone


def _carved(clean: _Clean, part: str, share: float) -> tuple[_Clean, _Clean]:
    """The texts that a hash of key and part puts into `part`, and the rest.

    Where the hash puts none there, another one is tried: so train as an earlier run parted it, which holds none of the
    texts that the same hash would choose, can be parted again, and so can very few texts.
    """
    bound = int(share * 2**64)
    inside = np.zeros(len(clean.keys), dtype=np.bool_)
    for attempt in range(_ATTEMPTS):
        salt = f"{part} {attempt} " if attempt else f"{part} "
        inside[:] = [int(fingerprint.of_bytes((salt + key).encode())[:16], 16) < bound for key in clean.keys]
        if inside.any():
            break
    return clean.take(np.flatnonzero(inside).tolist()), clean.take(np.flatnonzero(~inside).tolist())


def _share_of_rest(share: float, left: float) -> float:
    if share >= left:
        raise RecipeError(
            f"data.validation_share = {share:g} and data.held_out_share = {1 - left:g} leave nothing to train on.",
            hint="Together they must be less than 1; 0.1 and 0.2 are the defaults.",
        )
    return share / left


def _check_alike(parts: Sequence[Examples], source: str) -> None:
    if len({examples.text_pairs is None for examples in parts}) > 1:
        raise DataError(
            f"{source}: some parts hold pairs of texts, others single texts.",
            hint="Give all parts the same columns, or name them: --data.text NAME --data.text_pair NAME.",
        )
    if len({examples.label_names for examples in parts}) > 1:
        raise LabelError(
            f"{source}: the parts have different label names.", hint="Give all parts the label names of one teacher."
        )


def _check_filled(clean: dict[str, _Clean], given: dict[str, Examples | None], source: str) -> None:
    before, train = given[TRAIN], clean[TRAIN].examples
    if before is not None and (only := _only_label(before)) is not None:
        raise only_one_label(source, only)
    emptied = [part for part, found in clean.items() if not found.examples.texts and part != TRAIN and given[part]]
    if emptied:
        raise DataError(
            f"{source}: nothing is left of the {emptied[0]} part, as each of its texts stands in an earlier part too.",
            hint="Give other texts for it, or leave it out: then it is carved out of train.",
        )
    faults = [f"the {part} part would be empty" for part, found in clean.items() if not found.examples.texts]
    if not faults and _only_label(train) is not None:
        faults.append("train would hold one label only")
    if faults:
        total = sum(len(found.examples) for found in clean.values())
        raise DataError(
            f"{source}: {counted(total, 'different text')} cannot be parted, as {faults[0]}.",
            hint="Give at least a hundred different texts, or a folder with train, validation and test files.",
        )


def _only_label(examples: Examples) -> str | None:
    """What people say of every text, where they always say the same."""
    if examples.labels is None:
        return None
    if isinstance(examples.labels, Ragged) and examples.labels.values.ndim > 1:
        return None  # answers have no names
    labels = examples.labels.values if isinstance(examples.labels, Ragged) else examples.labels
    found = np.unique(labels, axis=0)
    if len(found) != 1:
        return None
    if found.ndim == 2:
        return ", ".join(examples.label_names[index] for index in np.flatnonzero(found[0])) or "(none)"
    return f"{found[0]:g}" if found.dtype.kind == "f" else examples.label_names[int(found[0])]


def _absent_labels(clean: dict[str, _Clean]) -> list[str]:
    train = clean[TRAIN].examples
    labels = train.labels.values if isinstance(train.labels, Ragged) else train.labels
    if labels is None or labels.dtype.kind == "f" or (isinstance(train.labels, Ragged) and labels.ndim > 1):
        return []
    counts = np.bincount(labels, minlength=len(train.label_names)) if labels.ndim == 1 else (labels == 1).sum(axis=0)
    absent = [train.label_names[index] for index in np.flatnonzero(counts == 0)]
    if not absent:
        return []
    shown = ", ".join(map(repr, absent[:_SHOWN_LABELS])) + (" ..." if len(absent) > _SHOWN_LABELS else "")
    return [f"{len(absent)} of {counted(len(counts), 'label')} have no text in train: {shown}."]
