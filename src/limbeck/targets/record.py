"""What an export has to tell: export.json."""

from collections.abc import Mapping
from dataclasses import dataclass

EXPORT_FILE = "export.json"
KIND = "limbeck export"


@dataclass(frozen=True)
class ChangedAnswer:
    """A text that the export answers otherwise than the artifact.

    Args:
        row: Its number among the texts, from 0.
        artifact_answer: In words.
        export_answer: In words.
        artifact_probability: What the artifact gives its answer; None where answers have no probability.
        export_probability: What the export gives its own.
        lead: How far the artifact's answer leads the export's among the artifact's logits, as a share of the largest
            difference of logits between the two on this text. Never above 2, whatever turned the answer: a small lead
            tells of a text that was nearly tied. None where answers are no classes.
    """

    row: int
    artifact_answer: str
    export_answer: str
    artifact_probability: float | None
    export_probability: float | None
    lead: float | None


@dataclass(frozen=True)
class AgreementRecord:
    """How an export's answers compare with the artifact's, each text asked by itself.

    Args:
        texts: Which texts, in words.
        n_texts: How many.
        n_changed: How many of them are answered otherwise.
        largest_changed: How many may be.
        largest_difference: Of two logits in the same place.
        error: Root mean square difference of logits, as a share of the spread of the artifact's.
        largest_error: What it may be.
        spread: Standard deviation of the artifact's logits.
        changed: Each changed answer.
        faults: Why the export is refused, in sentences; empty where it is not.
    """

    texts: str
    n_texts: int
    n_changed: int
    largest_changed: int
    largest_difference: float
    error: float
    largest_error: float
    spread: float
    changed: tuple[ChangedAnswer, ...]
    faults: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the export answers as the artifact does."""
        return not self.faults


@dataclass(frozen=True)
class ExportRecord:
    """Everything an export has to tell.

    Args:
        target: What it was written for.
        limbeck_version: What wrote it.
        runtime: What ran it here, with its version.
        artifact: SHA-256 of the artifact's manifest.
        task: What the model answers.
        scheme: Of the artifact.
        max_tokens: Longer texts are cut to this many.
        label_names: The classes in the order of the logits.
        inputs: Names of the model's inputs, in their order.
        model_file: The file that holds the model.
        artifact_bytes: Size of the artifact's own graph.
        model_bytes: Size of `model_file`.
        files: Name -> SHA-256 of every other file of the folder.
        agreement: How its answers compare with the artifact's.
        notes: What is done otherwise than in the artifact.
        kind: What this file is.
    """

    target: str
    limbeck_version: str
    runtime: str
    artifact: str
    task: str
    scheme: str
    max_tokens: int
    label_names: tuple[str, ...]
    inputs: tuple[str, ...]
    model_file: str
    artifact_bytes: int
    model_bytes: int
    files: Mapping[str, str]
    agreement: AgreementRecord
    notes: tuple[str, ...] = ()
    kind: str = KIND
