"""Which column of a table holds the text, the second text of a pair, and the label: given by name, or found by name."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from limbeck.errors import DataError

TEXT_NAMES = (
    "text", "sentence", "utterance", "query", "question", "content", "review", "review_text", "comment",
    "comment_text", "tweet", "message", "document", "headline", "body", "input", "prompt",
)  # fmt: skip
PAIR_NAMES = (
    ("text", "text_pair"), ("text", "text2"), ("text1", "text2"), ("text_1", "text_2"), ("text_a", "text_b"),
    ("sentence", "sentence_pair"), ("sentence1", "sentence2"), ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"), ("question1", "question2"), ("premise", "hypothesis"), ("question", "answer"),
    ("question", "sentence"), ("question", "passage"), ("query", "passage"), ("query", "document"),
    ("query", "text"), ("claim", "evidence"),
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "label_text", "label_name", "intent", "category", "class", "sentiment", "target", "topic",
    "emotion", "gold_label",
)  # fmt: skip
SEVERAL_LABEL_NAMES = (
    "labels", "label", "label_names", "label_text", "categories", "classes", "tags", "topics", "emotions", "intents",
    "targets",
)  # fmt: skip
NUMBER_NAMES = (
    "score", "label", "labels", "similarity", "similarity_score", "rating", "stars", "value", "target", "number",
)  # fmt: skip

WORDS_NAMES = ("tokens", "words", "text", "sentence")
TAG_NAMES = ("tags", "ner_tags", "labels", "tag", "label", "ner", "pos_tags", "chunk_tags")
QUESTION_NAMES = (("question", "context"), ("question", "passage"), ("question", "paragraph"), ("question", "document"))
ANSWER_NAMES = ("answers", "answer")

_SHOWN_CHARACTERS = 40
_SHOWN_COLUMNS = 20


@dataclass(frozen=True)
class KnownNames:
    """The column names that a task looks for, in lower case with underscores.

    Args:
        texts: Names of a single text; the first one wins over the others.
        pairs: Names of the two texts of a pair.
        labels: Names of the label; the first one wins over the others.
    """

    texts: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """Columns by the names that stand in the table; None where it has none (found) or where nobody said (given).

    Args:
        text: Of the text.
        text_pair: Of the second text of a pair.
        label: Of the label, as it was given or found.
        label_columns: Where each label has a column of its own, given as "joy,anger": these columns; else empty.
    """

    text: str | None
    text_pair: str | None
    label: str | None
    label_columns: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Every column that is read."""
        return [
            name for name in (self.text, self.text_pair, *(self.label_columns or (self.label,))) if name is not None
        ]


def find_columns(found: Sequence[str], known: KnownNames, *, given: Columns, source: str) -> Columns:
    """Settle which columns to read. What is given counts; the rest is found by its name, and never guessed.

    A text column that is given alone means single texts, so that one text of a pair can be asked for.

    Args:
        found: Names of all columns of the table.
        known: What the task looks for.
        given: What the recipe or a flag says.
        source: What the table is called in messages.

    Returns: Columns whose `text` is set; `label` is None where no column looks like a label.

    Raises:
        DataError: A given column is not there, or no column or several ones could hold the text or the label.
    """
    labels = _given_labels(given.label, found)
    for flag, names in (("text", (given.text,)), ("text_pair", (given.text_pair,)), ("label", labels)):
        refuse_missing(found, [name for name in names if name is not None], key=f"data.{flag}", source=source)
    chosen = [name for name in (given.text, given.text_pair, *labels) if name is not None]
    if len(set(chosen)) < len(chosen):
        raise DataError(
            f"data.text, data.text_pair and data.label must name different columns; got {_listed(chosen)}.",
            hint="Give each of them its own column, or leave out what the data does not have.",
        )
    free = [name for name in found if name not in chosen]
    text, text_pair = (given.text, given.text_pair) if given.text else _find_text(free, known, given.text_pair, source)
    label = given.label or _find_label([name for name in free if name not in (text, text_pair)], known, source)
    return Columns(text, text_pair, label, labels if len(labels) > 1 else ())


def refuse_missing(found: Sequence[str], wanted: Sequence[str], *, key: str, source: str) -> None:
    """Refuse columns that are asked for and not there.

    Args:
        found: Names of all columns of the table.
        wanted: Those that are asked for.
        key: The recipe's key that asks for them.
        source: What the table is called in messages.

    Raises:
        DataError: One of them is not there; the message names those that are.
    """
    for name in wanted:
        if name not in found:
            import difflib  # here, as the runtime loads this file with the answers and must start fast

            near = difflib.get_close_matches(name, found, n=1, cutoff=0.7)
            raise DataError(
                f"{source} has no column {name!r} (asked for by {key}); its columns are {_listed(found)}.",
                hint=f"Did you mean --{key} {near[0]}?" if near else f"Give one of them with --{key} NAME.",
            )


def _given_labels(label: str | None, found: Sequence[str]) -> tuple[str, ...]:
    """The one column of this name, or the columns that it lists."""
    if label is None or label in found:
        return () if label is None else (label,)
    return tuple(name.strip() for name in label.split(","))


def looks_like_label(name: str, known: KnownNames) -> bool:
    """Whether a column of this name would have been taken for the label."""
    return _folded(name) in known.labels


def _find_text(free: Sequence[str], known: KnownNames, second: str | None, source: str) -> tuple[str, str | None]:
    by_name = _by_folded_name(free)
    pairs = [(by_name[one], by_name[two]) for one, two in known.pairs if one in by_name and two in by_name]
    if second is not None:
        partners = [one for one, two in known.pairs if two == _folded(second) and one in by_name]
        names = partners or [name for name in known.texts if name in by_name]
        readings: list[tuple[str, str | None]] = [(by_name[name], second) for name in names]
    else:
        in_pairs = {name for pair in pairs for name in pair}
        singles = [by_name[name] for name in known.texts if name in by_name and by_name[name] not in in_pairs]
        if singles and by_name.get(known.texts[0]) == singles[0]:
            singles = singles[:1]
        readings = [*pairs, *((name, None) for name in singles)]
    if len(readings) == 1:
        return readings[0]
    if not readings:
        raise DataError(
            f"{source} has no column that is known to hold text; its columns are {_listed(free)}.",
            hint="Say which one it is: --data.text NAME (for pairs also --data.text_pair NAME). "
            "A table without a header line needs one.",
        )
    options = "; ".join(
        f"--data.text {one}" + (f" --data.text_pair {two}" if two and not second else "") for one, two in readings
    )
    raise DataError(
        f"{source} has several columns that could hold the text; its columns are {_listed(free)}.",
        hint=f"Say which one it is: {options}.",
    )


def _find_label(free: Sequence[str], known: KnownNames, source: str) -> str | None:
    by_name = _by_folded_name(free)
    labels = [by_name[name] for name in known.labels if name in by_name]
    if not labels:
        return None
    if len(labels) == 1 or labels[0] == by_name.get(known.labels[0]):
        return labels[0]
    raise DataError(
        f"{source} has several columns that could hold the label: {_listed(labels)}.",
        hint="Say which one it is: " + "; ".join(f"--data.label {name}" for name in labels) + ".",
    )


def _by_folded_name(names: Sequence[str]) -> dict[str, str]:
    """Folded name -> name. Of "text" and "Text" the exact one is meant; of "Text" and "TEXT" neither is taken."""
    folded = Counter(_folded(name) for name in names)
    return {_folded(name): name for name in names if folded[_folded(name)] == 1 or name == _folded(name)}


def _folded(name: str) -> str:
    return name.strip().casefold().replace("-", "_").replace(" ", "_")


def _listed(names: Sequence[str]) -> str:
    shown = [name if len(name) <= _SHOWN_CHARACTERS else name[: _SHOWN_CHARACTERS - 1] + "…" for name in names]
    more = f" and {len(shown) - _SHOWN_COLUMNS:,} more" if len(shown) > _SHOWN_COLUMNS else ""
    return ", ".join(repr(name) for name in shown[:_SHOWN_COLUMNS]) + more
