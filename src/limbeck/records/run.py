"""What each stage has to tell: curves, labelling, the whole run. Plain data, to JSON and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from pydantic import TypeAdapter

from limbeck.encoder.parts import ModelBytes
from limbeck.encoder.pooling import Pooling
from limbeck.records.bits import QuantizationRecord
from limbeck.records.cuts import Cut
from limbeck.records.verdict import Verdict
from limbeck.text.vocabulary import VocabularyRecord

Record = TypeVar("Record")


@dataclass(frozen=True)
class CurvePoint:
    """One point of a training curve.

    Args:
        step: Optimizer steps done.
        losses: objective -> mean since the last point, before weighting ("total" is the weighted sum).
        validation_agreement: The task's agreement with the teacher; None between comparisons.
        validation_score: The task's score, such as accuracy; None between comparisons or without labels.
    """

    step: int
    losses: Mapping[str, float]
    validation_agreement: float | None = None
    validation_score: float | None = None


@dataclass(frozen=True)
class TrainingRecord:
    """How a model was trained. Times live in `RunRecord.seconds`, so that this is the same in every repetition."""

    name: str
    n_texts: int
    epochs: int
    steps: int
    best_step: int
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class LabellingRecord:
    """What asking the teacher took: answers that stood on disk, texts asked about and not answered; what is kept."""

    n_texts: int
    n_found: int
    n_asked: int
    n_truncated: int
    folder: str
    n_unanswered: int = 0
    notes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunRecord:
    """Everything a run has to tell: the source of the report, the model card and run.json.

    Args:
        limbeck_version: Version that ran.
        teacher: Its name as given, and its fingerprint under "fingerprint"; where they are known, its repository on a
            model hub under "hub_id" and that repository's license under "license".
        shapes: "teacher" / "student" -> layers, hidden size, heads, intermediate size, vocabulary, parameters.
        data: part -> number of texts; and the fingerprints of the parts under "<part> fingerprint".
        leaks: What parting the texts found, in sentences.
        recipe: The recipe as nested tables.
        labelling: What asking the teacher took.
        trainings: Student and baseline (and teacher, where it was taught in this run).
        quantization: Bits and errors by layer.
        verdict: The verdict.
        files: path in the artifact -> sha256.
        machine: processor, instruction set, cores, versions; see `machine.describe`.
        seconds: stage -> wall-clock seconds in the process that finished it.
        cut: How the student was cut from the teacher.
        vocabulary: What trimming left of the teacher's; None where the student has all of it.
        pooling: How tokens become a vector; None where answers are no vectors.
        mask_token: What stands in a text for a token that is wanted; None where none are.
        bytes_by_part: Where the bytes are, of the teacher (or the encoder that the student starts from), of the float32
            student and of the artifact; empty in records of before this was told.
    """

    limbeck_version: str
    teacher: Mapping[str, str]
    shapes: Mapping[str, Mapping[str, int]]
    data: Mapping[str, int | str]
    leaks: tuple[str, ...]
    recipe: Mapping[str, Any]
    labelling: LabellingRecord
    trainings: tuple[TrainingRecord, ...]
    quantization: QuantizationRecord
    verdict: Verdict
    files: Mapping[str, str]
    machine: Mapping[str, str]
    seconds: Mapping[str, float] = field(default_factory=dict)
    cut: Cut | None = None
    vocabulary: VocabularyRecord | None = None
    pooling: Pooling | None = None
    mask_token: str | None = None
    bytes_by_part: tuple[ModelBytes, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return to_json(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:  # noqa: ANN401  (parsed JSON)
        """The record from JSON values, checked field by field."""
        return from_json(cls, value)


def to_json(record: Any) -> dict[str, Any]:  # noqa: ANN401  (any record of this file)
    """A record as JSON values: tuples become lists, so that reading the file back gives exactly this."""
    dumped: dict[str, Any] = TypeAdapter(type(record)).dump_python(record, mode="json")
    return dumped


def run_schema() -> dict[str, Any]:
    """The JSON schema of `run.json`, for tools that read it."""
    return TypeAdapter(RunRecord).json_schema()


def from_json(kind: type[Record], value: Any) -> Record:  # noqa: ANN401  (parsed JSON)
    """A record of `kind` from JSON values.

    Raises:
        pydantic.ValidationError: A field is missing or of another type.
    """
    return TypeAdapter(kind).validate_python(value)
