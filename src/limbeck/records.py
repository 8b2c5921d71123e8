"""What each stage has to tell: curves, bits, scores, timings, verdict, the whole run. Plain data, to JSON and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from pydantic import TypeAdapter

from limbeck import wording
from limbeck.bits import QuantizationRecord
from limbeck.cuts import Cut
from limbeck.pooling import Pooling
from limbeck.scheme import Scheme
from limbeck.vocabulary import VocabularyRecord

Record = TypeVar("Record")

# What the models of a verdict are called; a name may go on in brackets: "artifact (int8)".
TEACHER, STUDENT, ARTIFACT, BASELINE = "teacher", "student", "artifact", "no-teacher baseline"


def artifact_name(scheme: str) -> str:
    """What a verdict calls an artifact: "artifact (int8)", "artifact (w4a8e4)"."""
    return f"{ARTIFACT} ({Scheme.parse(scheme).short_name})"


@dataclass(frozen=True)
class Interval:
    """A confidence interval, and how it was made.

    Args:
        low: Lower bound.
        high: Upper bound.
        confidence: Share of repetitions in which such an interval holds the true value.
        method: "wilson" or "paired percentile bootstrap".
    """

    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True)
class Score:
    """A measure on `n` held-out texts, with its interval: a share, a ratio of shares, or a difference of shares."""

    value: float
    interval: Interval
    n: int

    def in_a_clause(self, clause: str, *, texts: str) -> str:
        """In words; see `wording.in_a_clause`."""
        low, high, confidence = self.interval.low, self.interval.high, self.interval.confidence
        return wording.in_a_clause(clause, self.value, low=low, high=high, confidence=confidence, texts=texts)


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
class Latency:
    """Milliseconds of one answer at batch 1, tokenization included, over `n` timed calls."""

    p50_ms: float
    p99_ms: float
    n: int


@dataclass(frozen=True)
class Timing:
    """How fast one side answers.

    Args:
        name: Which side: "teacher (PyTorch float32)", "artifact (int8)". It begins with the word for that model.
        batch_1: Latency of single texts.
        texts_per_second_batch_32: Throughput at batch 32 in texts a second; median of the rounds.
        spread: (largest - smallest) / median of the rounds' throughput: how noisy the machine was.
        threads: Threads that this side was given.
        processor_share: Processor seconds for each second of the single texts, 1 at most: what is lacking, others had.
    """

    name: str
    batch_1: Latency
    texts_per_second_batch_32: float
    spread: float
    threads: int
    processor_share: float = 1.0


@dataclass(frozen=True)
class FurtherScore:
    """A measure that a task has besides its score and agreement: its name, one sentence on what it is, the figure."""

    name: str
    meaning: str
    score: Score


@dataclass(frozen=True)
class ModelScores:
    """One model on the held-out texts.

    Args:
        name: "teacher", "student (float32)", "artifact (int8)", "no-teacher baseline".
        size_bytes: Bytes on disk of what must ship for it to answer: model and tokenizer; None where nobody knows.
        n_parameters: Its parameters; None where nobody knows.
        score: The task's score, such as accuracy; None without labels.
        retention: score / teacher's score, paired; None without labels, without a teacher, for the teacher
            itself, and where the teacher's score is 0 or less.
        agreement: The task's agreement, such as the share of texts with the teacher's answer; None for the teacher
            itself and without a teacher.
        further: What else the task measures.
    """

    name: str
    size_bytes: int | None
    n_parameters: int | None
    score: Score | None
    retention: Score | None
    agreement: Score | None
    further: tuple[FurtherScore, ...] = ()

    @property
    def known_bytes(self) -> int:
        """`size_bytes` of a model that is at hand, as artifacts always are."""
        assert self.size_bytes is not None
        return self.size_bytes


@dataclass(frozen=True)
class ChangedAnswer:
    """A held-out text to which artifact and teacher answer differently.

    Args:
        text: The text.
        text_pair: The second one of a pair.
        label: What people say, in words; None without labels.
        teacher_label: The teacher's answer, in words.
        teacher_probability: What it gives it; None where answers have no probability.
        artifact_label: The artifact's answer, in words.
        artifact_probability: What it gives it.
    """

    text: str
    text_pair: str | None
    label: str | None
    teacher_label: str
    teacher_probability: float | None
    artifact_label: str
    artifact_probability: float | None


@dataclass(frozen=True)
class Confusion:
    """How often the teacher's answer `teacher_label` became `artifact_label`, with examples."""

    teacher_label: str
    artifact_label: str
    count: int
    examples: tuple[ChangedAnswer, ...]


@dataclass(frozen=True)
class Check:
    """One tolerance: what was asked, what was measured, whether it held.

    Args:
        tolerance: Its key in the recipe: "min_agreement", "max_size_mb".
        bound: What the recipe accepts, in the unit of that key.
        measured: What was measured, in the same unit.
        passed: `measured` is not on the wrong side of `bound`; being equal passes.
        sentence: The same in words: "agreement 96.1 % is at least the accepted 90 %".
    """

    tolerance: str
    bound: float
    measured: float
    passed: bool
    sentence: str = ""


@dataclass(frozen=True)
class Saturation:
    """Whether products of integers can be cut off on CPUs without VNNI; see `packing.is_saturation_safe`.

    Args:
        n_products: Products of 8-bit activations by integers.
        largest_pair: The largest one-signed sum of two neighbouring weights in any of them.
        n_blocks: Products of blocks, the engine's own, of which nothing is claimed.
    """

    n_products: int
    largest_pair: int
    n_blocks: int


@dataclass(frozen=True)
class DistillationGain:
    """What learning from the teacher brought over the same shape trained on labels alone, on the same texts.

    Differences are student minus baseline, paired text by text: 0.019 stands for 1.9 points.

    Args:
        student: Name of the model compared; the float32 student where it is at hand, so that quantizing plays no part.
        baseline: Name of the baseline.
        agreement: Difference of the agreements; None without a teacher.
        score: Difference of the scores; None without labels.
        sentence: The same in plain words.
    """

    student: str
    baseline: str
    agreement: Score | None
    score: Score | None
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """Whether the artifact passed, with the evidence.

    Args:
        passed: All checks held (a verdict without checks passes).
        sentence: The verdict in one sentence.
        checks: Every tolerance that the recipe sets.
        models: Teacher, student, artifact, baseline on the same texts; the artifact is always there.
        confusions: Changed answers by pair of labels, the most frequent first; empty where answers are no labels.
        n_changed: How many held-out texts got another answer than the teacher's.
        n_held_out: Held-out texts.
        n_truncated: How many of them were cut to `max_tokens`.
        timings: Artifact and (where it was at hand) teacher; empty when not measured.
        changed_answers: All `n_changed` of them, the surest changes first; they quote the texts.
        gain: What distillation itself brought; None without a baseline.
        not_checked: A sentence for each default tolerance that these texts cannot measure.
        task: What was asked; see `limbeck.tasks`.
    """

    passed: bool
    sentence: str
    checks: tuple[Check, ...]
    models: tuple[ModelScores, ...]
    confusions: tuple[Confusion, ...]
    n_changed: int
    n_held_out: int
    n_truncated: int
    timings: tuple[Timing, ...] = ()
    changed_answers: tuple[ChangedAnswer, ...] = ()
    gain: DistillationGain | None = None
    not_checked: tuple[str, ...] = ()
    task: str = "classification"


NOT_JUDGED = Verdict(
    passed=False,
    sentence="Not judged yet.",
    checks=(),
    models=(),
    confusions=(),
    n_changed=0,
    n_held_out=0,
    n_truncated=0,
)


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
