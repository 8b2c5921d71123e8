"""A teacher that is a file of answers which something else gave: texts with probabilities, logits or labels.

Each row holds a text (and the second text of a pair) and its answer in one of four ways; the first that is there
counts:

    logits          one number a label: an object {"label": 1.5, ...}, or a list in the order of `teacher.labels`
    probabilities   the same, each row summing to 1
    one column a label, `logit_<label>` or `probability_<label>`
    label           the name of the label alone; for several labels a list of names, or joy|love

Where labels do not exclude one another, probabilities are each from 0 to 1. For the tasks that give numbers:

    value, score    one number, for regression and reranking
    embedding       the numbers of a vector, as many in all rows

Where each word has a tag, a row holds `tokens` and `tags`, or `logits` or `probabilities` with one entry a word.
So what `limbeck predict --json-lines --probabilities` prints for whole texts is such a file.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limbeck.errors import DataError
from limbeck.ground import fingerprint, wording
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import TeacherTable
from limbeck.records.run import LabellingRecord
from limbeck.tasks.task import AnyLogits
from limbeck.teacher.answering import Labelled, MadeUpTexts, TimedAnswers, key_of_answers
from limbeck.teacher.signals import Signals, SignalStore
from limbeck.text.examples import Examples
from limbeck.text.units import UnitLogits, values_of


@dataclass(frozen=True)
class SavedAnswers:
    """Answers by text, read from a file by `saved_file.read_answers`.

    Args:
        name: The file as it was given.
        fingerprint: Of the file and the order of its labels.
        label_names: The classes in the order of the logits.
        rows: Text fingerprint -> row of `values`.
        values: (answers, classes) float32 logits; or those of the texts' words.
    """

    name: str
    fingerprint: str
    label_names: tuple[str, ...]
    rows: Mapping[str, int]
    values: AnyLogits
    made_up: MadeUpTexts = "impossible"
    size_bytes: int | None = None
    n_parameters: int | None = None
    task: str = "classification"

    @property
    def told(self) -> Mapping[str, str]:
        """By the file's name; no path of this machine goes into a record that ships."""
        return {"name": Path(self.name).name, "fingerprint": self.fingerprint}

    def prepare(
        self,
        wanted: Mapping[str, Examples],
        root: Path,  # noqa: ARG002
        *,
        progress: Progress = SILENT,  # noqa: ARG002
    ) -> None:
        """Refuse a file that has an answer to none of the texts.

        Raises:
            DataError: As it says.
        """
        names = [name for examples in wanted.values() for name in examples.text_fingerprints]
        if not any(name in self.rows for name in names):
            raise DataError(
                f"{self.name} has an answer to none of the {len(names)} texts.",
                hint="Its texts must be those of the data, letter by letter; for pairs it needs both texts.",
            )

    def label(
        self,
        examples: Examples,
        root: Path,
        *,
        settings: TeacherTable,  # noqa: ARG002
        part_name: str,
        judges: bool,
        progress: Progress = SILENT,
    ) -> Labelled:
        """See `Teacher.label`; a text to learn from that has no answer is left out, one to judge by must have one.

        Raises:
            DataError: Texts that judge have no answer.
        """
        store = SignalStore(root, key_of_answers(self.fingerprint, n_classes=len(self.label_names)))
        names = examples.text_fingerprints
        absent = [position for position, name in enumerate(names) if name not in self.rows]
        if absent and judges:
            raise DataError(
                f"{self.name} has no answer to {len(absent)} of the {len(names)} texts of the part {part_name}; the "
                f"first is {_shown(examples, absent[0])}.",
                hint="Add their answers, or leave these texts out of the data: every text that judges needs an answer.",
            )
        known = [position for position in store.missing(names) if names[position] in self.rows]
        if known:
            found = _at(self.values, [self.rows[names[position]] for position in known])
            store.append([names[position] for position in known], Signals(found))
        note = ""
        if absent:
            note = (
                f"{self.name_alone} has no answer to {wording.counted(len(absent), 'text')} of {len(names)} to learn "
                f"from; {'it is' if len(absent) == 1 else 'they are'} left out."
            )
            progress.say(note)
        return Labelled(
            store,
            LabellingRecord(
                n_texts=len(names),
                n_found=len(names) - len(absent),
                n_asked=0,
                n_truncated=0,
                folder=str(store.folder),
                n_unanswered=len(absent),
                notes=(note,) if note else (),
            ),
        )

    @property
    def name_alone(self) -> str:
        """The file's name without its folder."""
        return Path(self.name).name

    @contextmanager
    def timed(self, threads: int) -> Iterator[TimedAnswers | None]:  # noqa: ARG002
        """Nothing: whatever gave the answers does not run here."""
        yield None


def saved_answers(
    name: str,
    texts: Sequence[tuple[str, str | None]],
    values: AnyLogits,
    *,
    label_names: Sequence[str],
    file: str,
    task: str = "classification",
) -> SavedAnswers:
    """Answers as a teacher.

    Args:
        name: The file as it was given.
        texts: (n,) texts with their second texts.
        values: (n, classes) logits; or those of the texts' words.
        label_names: (classes,) names.
        file: Fingerprint of the file.
        task: What is answered.

    Raises:
        DataError: A text has two answers that differ.
    """
    rows: dict[str, int] = {}
    for row, (text, text_pair) in enumerate(texts):
        first = rows.setdefault(fingerprint.of_text(text, text_pair), row)
        if first != row and not np.array_equal(values_of(_at(values, [first])), values_of(_at(values, [row]))):
            raise DataError(
                f"{name} has two answers that differ to the text {text[:60]!r}, as answers number {first + 1} and "
                f"{row + 1}.",
                hint="Keep one of them.",
            )
    named = fingerprint.of_many([file, *label_names, *(() if task == "classification" else (task,))])
    return SavedAnswers(name, named, tuple(label_names), rows, values, task=task)


def _at(values: AnyLogits, rows: list[int]) -> AnyLogits:
    return values.take(rows) if isinstance(values, UnitLogits) else values[rows]


def _shown(examples: Examples, position: int) -> str:
    pair = "" if examples.text_pairs is None else f" with {examples.text_pairs[position][:60]!r}"
    return f"{examples.texts[position][:60]!r}{pair}"
