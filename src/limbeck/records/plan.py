"""What a plan has to tell: what each student would weigh, and what the run will take. Plain data, to JSON and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from limbeck.ground import wording
from limbeck.records.run import from_json, to_json

TEACHER_SHAPE, ENCODER_SHAPE, STUDENT_SHAPE = "teacher", "encoder", "student"


@dataclass(frozen=True)
class ByteBounds:
    """Bytes, and how sure they are: calibration may find what weighs something too.

    Args:
        least: At least so many.
        most: At most so many.
    """

    least: int
    most: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing is left open."""
        return self.least == self.most


@dataclass(frozen=True)
class PlannedShape:
    """What one model would weigh; None where nobody knows.

    Args:
        name: `TEACHER_SHAPE`; `ENCODER_SHAPE`, which a student starts from that does not start from its teacher; or
            `STUDENT_SHAPE`.
        layers: Transformer layers.
        hidden_size: Width of the hidden states.
        vocabulary: Rows of the embedding table.
        parameters: All of them.
        float_bytes: Graph, config and tokenizer, in float32.
        scheme_bytes: The same in the recipe's scheme.
        multiply_adds: Of one text of the median length; see `limbeck.export.multiply_adds`.
        multiply_adds_per_thousand: Of 1,000 texts as long as the data's are.
        is_recipes: Whether this is the student that the recipe asks for.
    """

    name: str
    layers: int | None
    hidden_size: int | None
    vocabulary: int | None
    parameters: int | None
    float_bytes: int | None
    scheme_bytes: ByteBounds | None
    multiply_adds: int | None
    multiply_adds_per_thousand: int | None
    is_recipes: bool = False


@dataclass(frozen=True)
class PlannedPart:
    """Texts of one part.

    Args:
        n_texts: How many.
        n_made_up: Those among them that are made up.
        n_tokens: Tokens of all of them, special ones included.
        n_answered: Those whose answers stand on disk.
    """

    n_texts: int
    n_made_up: int
    n_tokens: int
    n_answered: int


@dataclass(frozen=True)
class Lengths:
    """How long the given texts are, in tokens."""

    median: int
    mean: float
    longest: int


@dataclass(frozen=True)
class PlannedTraining:
    """How long a training is: steps of `batch_size` texts each."""

    steps: int
    epochs: int
    batch_size: int


@dataclass(frozen=True)
class Estimate:
    """Wall-clock seconds of a stage, by rounds of real batches that were timed.

    Args:
        seconds: By the median round.
        low: By the quickest round.
        high: By the slowest round.
    """

    seconds: float
    low: float
    high: float


@dataclass(frozen=True)
class Plan:
    """What is known of a run before it begins.

    Args:
        limbeck_version: Version that planned.
        teacher: As in `RunRecord`.
        task: What is asked; see `limbeck.tasks`.
        scheme: The recipe's.
        recipe: As records tell it.
        shapes: The teacher (and encoder), then students from many layers to few.
        lengths: Of the given texts.
        parts: Part -> its texts.
        trainings: Stage that trains -> how long it is.
        times: Stage -> estimate, in the order of the walk; a stage that nobody could time is not there.
        disk: What -> bytes.
        notes: What else a reader should know, in sentences.
        machine: As in `RunRecord`.
    """

    limbeck_version: str
    teacher: Mapping[str, str]
    task: str
    scheme: str
    recipe: Mapping[str, Any]
    shapes: tuple[PlannedShape, ...]
    lengths: Lengths
    parts: Mapping[str, PlannedPart]
    trainings: Mapping[str, PlannedTraining]
    times: Mapping[str, Estimate]
    disk: Mapping[str, int]
    notes: tuple[str, ...]
    machine: Mapping[str, str]

    @property
    def student(self) -> PlannedShape:
        """The one that the recipe asks for."""
        return next(shape for shape in self.shapes if shape.is_recipes)

    @property
    def reference(self) -> PlannedShape:
        """What students are measured by: the teacher, or what they start from where its work is not known."""
        return next(shape for shape in self.shapes if shape.multiply_adds is not None)

    @property
    def total(self) -> Estimate:
        """All that was timed, together."""
        low, middle, high = (
            sum(getattr(one, name) for one in self.times.values()) for name in ("low", "seconds", "high")
        )
        return Estimate(middle, low, high)

    @property
    def sentence(self) -> str:
        """What a reader should know who reads nothing else."""
        own, reference = self.student, self.reference
        assert own.scheme_bytes is not None
        assert own.multiply_adds_per_thousand is not None
        assert reference.multiply_adds_per_thousand is not None
        work = own.multiply_adds_per_thousand / reference.multiply_adds_per_thousand
        total, on_disk = self.total, sum(self.disk.values())
        what = f"A student of {wording.counted(own.layers, 'layer')}" if own.layers else "A static student"
        return (
            f"{what}: {wording.millions(own.parameters)} parameters, "
            f"{in_bytes(own.scheme_bytes)} as {self.scheme}, {wording.percent(work)} of the {reference.name}'s "
            f"multiply-adds; about {wording.duration(total.seconds)} of work and {wording.size(on_disk)} of disk."
        )

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return to_json(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:  # noqa: ANN401  (parsed JSON)
        """The plan from JSON values, checked field by field."""
        return from_json(cls, value)


def in_bytes(bounds: ByteBounds | None) -> str:
    """Bytes in words, both bounds where they read differently; the unit of the first only where it is another."""
    if bounds is None:
        return wording.NOTHING
    least, most = wording.size(bounds.least), wording.size(bounds.most)
    if least == most:
        return least
    number, unit = least.split()
    return f"{number if most.endswith(f' {unit}') else least}{wording.NOTHING}{most}"
