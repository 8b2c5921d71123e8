"""What distillation itself brought: the student against the same shape trained on labels alone, on the same texts.

Taking over the teacher's layers and training on labels already gives a fair student. Only the difference to that one is
the merit of the teacher's signals, and only a difference that these texts can show is told as one.
"""

from dataclasses import dataclass

from limbeck import wording
from limbeck.evaluate import scores
from limbeck.evaluate.intervals import Hits
from limbeck.records import DistillationGain, Score


@dataclass(frozen=True)
class Outcomes:
    """What became of each text at the hands of one model.

    Args:
        name: The model's.
        agrees: (n,) whether it answers as the teacher does; None without a teacher.
        is_right: (n,) whether it answers as labelled; None without labels.
    """

    name: str
    agrees: Hits | None
    is_right: Hits | None


def distillation_gain(
    student: Outcomes, baseline: Outcomes, *, confidence: float, samples: int, seed: int
) -> DistillationGain:
    """Paired differences of agreement and of accuracy, student minus baseline, and what they mean in a sentence.

    Args:
        student: The distilled model.
        baseline: The same shape trained on labels alone; it knows of teacher and labels what the student does.
        confidence: Such as 0.95.
        samples: Bootstrap resamples.
        seed: Of the resampling.
    """

    def differ(student_hits: Hits | None, baseline_hits: Hits | None) -> Score | None:
        if student_hits is None or baseline_hits is None:
            return None
        return scores.difference(student_hits, baseline_hits, confidence=confidence, samples=samples, seed=seed)

    agreement, accuracy = differ(student.agrees, baseline.agrees), differ(student.is_right, baseline.is_right)
    return DistillationGain(student.name, baseline.name, agreement, accuracy, _sentence(agreement, accuracy))


def _sentence(agreement: Score | None, accuracy: Score | None) -> str:
    clauses = [_clause(word, score) for word, score in (("agreement", agreement), ("accuracy", accuracy)) if score]
    first, *further = clauses
    relation = "against" if first.startswith("cost") else "over"
    sentence = f"Distillation {first} {relation} the same shape trained on labels alone"
    return "; it ".join([sentence, *further]) + "."


def _clause(word: str, score: Score) -> str:
    low, high = 100 * score.interval.low, 100 * score.interval.high
    if low > 0:
        return f"brought {wording.points(score.value)} of {word} ({wording.signed(low)} to {wording.signed(high)})"
    if high < 0:
        return f"cost {-100 * score.value:.1f} points of {word} ({-high:.1f} to {-low:.1f})"
    texts = wording.counted(score.n, "text")
    interval = f"{wording.points(score.value)}, {wording.signed(low)} to {wording.signed(high)}"
    return f"brought no gain in {word} that {texts} can show ({interval})"
