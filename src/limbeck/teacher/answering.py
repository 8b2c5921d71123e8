"""What a teacher is to the walk: something that answers texts and is asked about each of them once.

Where the student's weights come from is another matter: see `origin`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from limbeck.artifact.sealed import SIGNALS_FOLDER
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import TeacherTable
from limbeck.records.run import LabellingRecord
from limbeck.tasks.task import AnyLogits
from limbeck.teacher.signals import Signals, SignalsKey, SignalStore
from limbeck.text.examples import Examples
from limbeck.text.units import UnitLogits, values_of

MadeUpTexts = Literal["answered", "paid", "impossible"]
"""What asking about texts that nobody wrote is like: as cheap as any other, paid for one by one, or impossible."""


@dataclass(frozen=True)
class Labelled:
    """What came of asking a teacher about texts.

    Args:
        store: Holds the answers; those texts that it misses, the teacher does not answer.
        record: What asking took.
    """

    store: SignalStore
    record: LabellingRecord


@dataclass(frozen=True)
class TimedAnswers:
    """A teacher that runs on this machine, ready to be timed.

    Args:
        engine: What computes, as a timing names it: "PyTorch float32".
        logits: Texts and their second texts, or None -> (n, classes) float32, or those of the texts' units.
        fresh: Arguments of a Python that answers one text in a process of its own, as `evaluate.fresh.Start` says;
            None where nobody can start it so.
    """

    engine: str
    logits: Callable[[Sequence[str], Sequence[str] | None], AnyLogits]
    fresh: tuple[str, ...] | None = None


class Teacher(Protocol):
    """Anything that answers texts with logits over classes."""

    @property
    def name(self) -> str:
        """What it is called in messages: the source as the user gave it."""

    @property
    def told(self) -> Mapping[str, str]:
        """What records that ship say of it: its name without any path, its hub id where it has one."""

    @property
    def fingerprint(self) -> str:
        """Names all that an answer depends on besides the text."""

    @property
    def task(self) -> str:
        """What it answers; see `limbeck.tasks`."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The classes in the order of the logits."""

    @property
    def size_bytes(self) -> int | None:
        """Bytes on disk of what answers; None where nobody knows."""

    @property
    def n_parameters(self) -> int | None:
        """Its parameters; None where nobody knows."""

    @property
    def made_up(self) -> MadeUpTexts:
        """What asking it about made-up texts is like."""

    def prepare(self, wanted: Mapping[str, Examples], root: Path, *, progress: Progress = SILENT) -> None:
        """Refuse what cannot be answered, and tell what answering will cost, before the first text is asked.

        Args:
            wanted: Part -> all of its texts.
            root: Folder of all signals.
            progress: Told what is to be expected.

        Raises:
            LimbeckError: Texts that must be answered and cannot be, a key that is not there, a cost beyond the limit.
        """

    def label(
        self,
        examples: Examples,
        root: Path,
        *,
        settings: TeacherTable,
        part_name: str,
        judges: bool,
        progress: Progress = SILENT,
    ) -> Labelled:
        """Ask about every text that has no answer yet; answers are kept as they come.

        Args:
            examples: The texts; their labels are not looked at.
            root: Folder of all signals.
            settings: How to ask.
            part_name: What the bar says is being labelled.
            judges: Whether these answers are what a student is judged by, not what it learns from.
            progress: Told how far it is.

        Raises:
            LimbeckError: It cannot answer; what it answered is kept.
        """

    def timed(self, threads: int) -> AbstractContextManager[TimedAnswers | None]:
        """A context manager: within, its answers as they can be timed, or None where it does not run here."""


def key_of_answers(fingerprint: str, *, n_classes: int) -> SignalsKey:
    """The key of answers by a teacher whose fingerprint says all: no hidden states, no precision of ours."""
    return SignalsKey(teacher=fingerprint, tokenizer="", precision="float32", n_classes=n_classes, hidden_size=0)


def ship_answers(folder: Path, fingerprint: str, text_fingerprints: Sequence[str], logits: AnyLogits) -> None:
    """Put a teacher's answers into a folder, where `verify` looks for them.

    Args:
        folder: An artifact that is not sealed yet, or what a run keeps of its held-out texts.
        fingerprint: The teacher's.
        text_fingerprints: (n,) what the texts are named by; the texts themselves do not ship. Those that have an
            answer there keep it.
        logits: (n, classes), or those of the texts' units.

    Raises:
        OutputError: The disk is full.
    """
    key = key_of_answers(fingerprint, n_classes=values_of(logits).shape[1])
    store = SignalStore(folder / SIGNALS_FOLDER, key, compressed=True)
    rows = store.missing(text_fingerprints)
    fresh = logits.take(rows) if isinstance(logits, UnitLogits) else logits[rows]
    store.append([text_fingerprints[row] for row in rows], Signals(fresh))
