"""What a verdict has to tell: scores with their intervals, timings, checks, changed answers. Plain data."""

from dataclasses import dataclass

from limbeck.recipe.scheme import Scheme
from limbeck.records.fidelity import Fidelity
from limbeck.records.proof import NonInferiority
from limbeck.records.reason import Reason
from limbeck.records.score import Score
from limbeck.records.speed import FreshStart, Latency, LatencyAt, TextLengths, Throughput

# What the models of a verdict are called; a name may go on in brackets: "artifact (int8)".
TEACHER, STUDENT, ARTIFACT, BASELINE = "teacher", "student", "artifact", "no-teacher baseline"
FLOAT_STUDENT = f"{STUDENT} (float32)"
DISTILLED, QUANTIZED, ELSEWHERE, IN_ALL = "distilled", "quantized", "on another instruction set", "in all"
STUDENT_EXPORTED, ARTIFACT_EXPORTED = "student exported", "artifact exported"
STAGES = (DISTILLED, QUANTIZED, ELSEWHERE, IN_ALL, STUDENT_EXPORTED, ARTIFACT_EXPORTED)
"""What lies between a teacher and what ships, told in this order; the last two hold files against PyTorch."""


def artifact_name(scheme: str) -> str:
    """What a verdict calls an artifact: "artifact (int8)", "artifact (w4a8e4)"."""
    return f"{ARTIFACT} ({Scheme.parse(scheme).short_name})"


@dataclass(frozen=True)
class PairedDifference:
    """One measure of two models on the same texts, first minus second.

    Args:
        name: What is measured: "accuracy".
        difference: 0.019 stands for 1.9 points.
        only_first: Texts that only the first won; None where texts are not simply won or lost.
        only_second: Texts that only the second won.
        p_value: Of the exact McNemar test, two-sided; None where there is none.
        corrected_p_value: The same after Holm's correction over all pairs that were tested together.
        told_apart: Whether these texts tell the two apart; see `evaluate.differences.differences`.
    """

    name: str
    difference: Score
    only_first: int | None
    only_second: int | None
    p_value: float | None
    corrected_p_value: float | None
    told_apart: bool


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
        throughputs: With several numbers of texts a call.
        at_lengths: Single texts of several lengths, the same on every side.
        lengths: Of the timed texts; the same on every side.
        fresh: First answer and memory of a process of its own; None where that was not measured.
        n_texts: Texts that were timed; the same on every side. None in records of an earlier limbeck.
        n_rounds: How often; the same on every side.
        is_shortened: Whether these are fewer than asked for, as timing them all would have taken too long.
    """

    name: str
    batch_1: Latency
    texts_per_second_batch_32: float
    spread: float
    threads: int
    processor_share: float = 1.0
    throughputs: tuple[Throughput, ...] = ()
    at_lengths: tuple[LatencyAt, ...] = ()
    lengths: TextLengths | None = None
    fresh: FreshStart | None = None
    n_texts: int | None = None
    n_rounds: int | None = None
    is_shortened: bool = False


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
class KeptAnswers:
    """An artifact's answers by the fingerprints of their texts, for a later artifact; see `evaluate.kept`.

    Args:
        task: What was asked.
        label_names: In the order in which answers count labels.
        n_texts: Of how many texts the answers are kept.
        texts: The first 8 bytes of each text's fingerprint, deflated, in base 85.
        answers: The numbers of each that `evaluate.kept_forms` tells of, deflated, in base 85.
        lengths: How many numbers each text has, deflated, in base 85; empty where all have as many.
        n_left_out: Texts that were answered too, and whose answers would have been too large to keep.
        teacher: Fingerprint of the teacher that cosines are with; None without one.
    """

    task: str
    label_names: tuple[str, ...]
    n_texts: int
    texts: str
    answers: str
    lengths: str = ""
    n_left_out: int = 0
    teacher: str | None = None


@dataclass(frozen=True)
class Drift:
    """How an artifact compares with an earlier one, new minus old, on the texts that both answered.

    Args:
        n_texts: Texts that both answered.
        n_only_now: Texts that only the new one answered.
        n_only_before: Texts that only the old one answered.
        score: Difference of the scores; None without labels.
        agreement: Difference of the agreements with the teacher; None without its answers, and of vectors where the
            earlier ones were held to another teacher.
        sentence: The same in words.
        outcome: "better", "worse", "better and worse" or "not told apart".
    """

    n_texts: int
    n_only_now: int
    n_only_before: int
    score: PairedDifference | None
    agreement: PairedDifference | None
    sentence: str
    outcome: str = ""


@dataclass(frozen=True)
class StageCost:
    """What one stage did to the answers, on texts that were asked before and after it; after minus before.

    Args:
        name: Which stage: one of `STAGES`.
        before: What there was: "teacher", "student (float32)".
        after: What came of it.
        n: Held-out texts that both answered; 0 where this was not measured.
        n_changed: How many of them got another answer.
        score: The task's score of `after` on these texts; None without labels.
        agreement: The agreement of `after` with the teacher; None without one.
        score_change: What the stage did to the score; None without labels.
        agreement_change: What it did to the agreement; None where `before` is the teacher itself.
        note: Why it was not measured, and what is known nevertheless; empty where it was.
    """

    name: str
    before: str
    after: str
    n: int
    n_changed: int | None
    score: Score | None = None
    agreement: Score | None = None
    score_change: PairedDifference | None = None
    agreement_change: PairedDifference | None = None
    note: str = ""


@dataclass(frozen=True)
class StageCosts:
    """Where accuracy was lost on the way from the teacher to what ships: the stages, and the same in a sentence."""

    stages: tuple[StageCost, ...]
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
        reasons: Why answers changed, as far as files and texts can tell, the most telling first.
        non_inferiority: Whether the score is at most a margin below the teacher's; None without labels or a teacher.
        fidelity: Flips, probabilities, calibration, slices, other spellings; None in records of before these were told.
        answers: What the artifact answered, for a later one to be compared with; None in records of an earlier limbeck.
        drift: How it compares with an earlier one; None where none was named.
        stages: What each stage cost; None where they were not looked at one by one.
        engine: What computed the artifact's answers: "onnxruntime" or "openvino".
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
    reasons: tuple[Reason, ...] = ()
    non_inferiority: NonInferiority | None = None
    fidelity: Fidelity | None = None
    answers: KeptAnswers | None = None
    drift: Drift | None = None
    stages: StageCosts | None = None
    engine: str = "onnxruntime"


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
