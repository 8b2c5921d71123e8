"""What distillation itself brought: the student against the same shape trained on labels alone, on the same texts.

Taking over the teacher's layers and training on labels already gives a fair student. Only the difference to that one is
the merit of the teacher's signals, and only a difference that these texts can show is told as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from limbeck.evaluate import pairs, scores
from limbeck.evaluate.scores import Doubt
from limbeck.ground import wording
from limbeck.records.score import Score
from limbeck.records.verdict import DistillationGain
from limbeck.tasks import MeasureWords, Task
from limbeck.tasks.measures import Measure


@dataclass(frozen=True)
class Outcomes:
    """What became of the texts at the hands of one model.

    Args:
        name: The model's.
        agreement: With the teacher; None without one.
        score: Against the labels; None without any.
        further: What else the task measures.
    """

    name: str
    agreement: Measure | None
    score: Measure | None
    further: Mapping[MeasureWords, Measure] = field(default_factory=dict)


def distillation_gain(student: Outcomes, baseline: Outcomes, *, task: Task, doubt: Doubt) -> DistillationGain:
    """Paired differences of agreement and of score, student minus baseline, and what they mean in a sentence.

    Args:
        student: The distilled model.
        baseline: The same shape trained on labels alone; it knows of teacher and labels what the student does.
        task: What was asked.
        doubt: How intervals are made.
    """

    def differ(of_student: Measure | None, of_baseline: Measure | None) -> Score | None:
        if of_student is None or of_baseline is None:
            return None
        return scores.difference(of_student, of_baseline, doubt)

    agreement, score = differ(student.agreement, baseline.agreement), differ(student.score, baseline.score)
    found = (
        (task.agreement, agreement, _chance(student.agreement, baseline.agreement)),
        (task.score, score, _chance(student.score, baseline.score)),
    )
    clauses = [_clause(words, difference, chance) for words, difference, chance in found if difference]
    return DistillationGain(student.name, baseline.name, agreement, score, _sentence(clauses))


def _chance(of_student: Measure | None, of_baseline: Measure | None) -> float | None:
    """McNemar's exact p-value, where shares of texts are compared: right also where hardly any text parts them."""
    counts = None if of_student is None or of_baseline is None else scores.parted(of_student, of_baseline)
    return None if counts is None else pairs.mcnemar_p(*counts)


def _sentence(clauses: Sequence[str]) -> str:
    first, *further = clauses
    relation = "against" if first.startswith("cost") else "over"
    sentence = f"Distillation {first} {relation} the same shape trained on labels alone"
    return "; it ".join([sentence, *further]) + "."


def _clause(words: MeasureWords, score: Score, chance: float | None) -> str:
    low, high = 100 * score.interval.low, 100 * score.interval.high
    is_chance = chance is not None and chance > 1 - score.interval.confidence
    if low > 0 and not is_chance:
        return (
            f"brought {wording.points(score.value)} of {words.name} ({wording.signed(low)} to {wording.signed(high)})"
        )
    if high < 0 and not is_chance:
        return f"cost {-100 * score.value:.1f} points of {words.name} ({-high:.1f} to {-low:.1f})"
    texts = wording.counted(score.n, *words.units)
    interval = f"{wording.points(score.value)}, {wording.signed(low)} to {wording.signed(high)}"
    if chance is not None and not low <= 0 <= high:
        interval += f", but p = {wording.three_figures(chance)} by McNemar's exact test"
    return f"brought no gain in {words.name} that {texts} can show ({interval})"
