"""Slices: scipy's exact test, Holm by hand, a planted weakness that is found, and chance that is not called one."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import fisher_exact

from limbeck.evaluate import Doubt, ModelAnswers, judge
from limbeck.evaluate.slices import slices_of, worse_by_chance
from limbeck.recipe.verify import Tolerances
from limbeck.records.fidelity import Slices
from limbeck.tasks import TASKS
from limbeck.text.examples import Examples

DOUBT = Doubt(0.95, 200, 0)
N = 400
NAMES = ("no", "yes")


def judged(changed: list[int], *, columns: dict[str, tuple[str, ...]] | None = None, labelled: bool = True) -> Slices:
    """The slices of 400 texts of four lengths, on which teacher and labels are the same, and some answers changed."""
    labels = np.arange(N) % 2
    answers = labels.copy()
    answers[changed] = 1 - answers[changed]
    texts = tuple(f"{index:03d}" + "x" * (10 * (index // 100)) for index in range(N))
    examples = Examples(texts, None, labels if labelled else None, NAMES, columns or {})
    found = slices_of(
        4.0 * np.eye(2)[answers], 4.0 * np.eye(2)[labels], examples=examples, task=TASKS["classification"], doubt=DOUBT
    )
    assert found is not None
    return found


def by_name(found: Slices) -> dict[tuple[str, str], Any]:
    """The slices by what they are."""
    return {(one.by, one.name): one for one in found.slices}


def test_same_as_scipy() -> None:
    """Fisher's exact test, one-sided: fewer hits inside than chance gives."""
    draw = np.random.default_rng(0)
    for share in (0.5, 0.8, 0.97):
        hits, inside = draw.random(90) < share, draw.random(90) < 0.3
        table = [[(hits & inside).sum(), (~hits & inside).sum()], [(hits & ~inside).sum(), (~hits & ~inside).sum()]]
        assert worse_by_chance(hits, inside) == pytest.approx(fisher_exact(table, alternative="less").pvalue)
    assert worse_by_chance(hits, np.ones(90, np.bool_)) is None


def test_planted_weakness_is_found_and_named() -> None:
    """Twelve of the thirteen changed answers come from one source: it is weaker, and nothing else is."""
    columns = {"source": tuple("forum" if index % 20 in {0, 11} else "mail" for index in range(N))}
    found = judged([*range(0, 240, 40), *range(11, 251, 40), 7], columns=columns)
    worse = [one for one in found.slices if one.is_worse]
    assert [(one.by, one.name, one.n, one.is_of_column) for one in worse] == [("source", "forum", 40, True)]
    assert worse[0].agreement is not None
    assert worse[0].agreement.value == 28 / 40
    assert worse[0].elsewhere == 359 / 360
    assert worse[0].score is not None
    assert (worse[0].score.value, worse[0].teacher_score) == (28 / 40, 1.0)
    assert found.sentence == (
        "Weakest on source 'forum': 70.0 % of 40 texts answered as the teacher does, against 99.7 % elsewhere "
        "(corrected p: < 0.0001)."
    )


def test_chance_is_not_called_weakness() -> None:
    """Of 60 verdicts on changes that fall anywhere, few may call a slice worse; without the correction, many do."""
    draw = np.random.default_rng(5)
    columns = {"source": tuple(str(index % 5) for index in range(N))}
    n_called = n_below = 0
    for _ in range(60):
        found = judged(draw.choice(N, 40, replace=False).tolist(), columns=columns)
        n_called += any(one.is_worse for one in found.slices)
        n_below += any(one.p_value is not None and one.p_value < 0.05 for one in found.slices)
        assert found.sentence.startswith(("No slice is shown to be weaker", "Weakest on"))
    assert n_called <= 8  # 3 expected at most; more than 8 by chance once in 400 such tests
    assert n_below > n_called


def test_lengths_part_the_texts() -> None:
    """Every text stands in one slice of length, the slices are of about one size, and long ones are last."""
    found = [one for one in judged([1]).slices if one.by == "length"]
    assert [one.n for one in found] == [100, 100, 100, 100]
    assert [one.name for one in found] == [
        "up to 3 characters", "4 to 13 characters", "14 to 23 characters", "over 23 characters",
    ]  # fmt: skip


def test_few_texts_are_pooled_and_told() -> None:
    """Values of three texts each must neither be tested one by one nor vanish."""
    columns = {"author": tuple("many" if index < 370 else f"author {index // 3}" for index in range(N))}
    pooled = [one for one in judged([1], columns=columns).slices if one.by == "author" and one.n_pooled]
    assert [(one.name, one.n, one.n_pooled) for one in pooled] == [("11 rarer ones together", 30, 11)]


def test_without_labels_the_teachers_answers_slice() -> None:
    """Texts that nobody labelled still have the teacher's label, and it is said whose it is."""
    found = judged([1, 3], labelled=False)
    assert found.labels_from == "teacher"
    assert by_name(found)["label", "yes"].n == 200
    assert by_name(found)["label", "yes"].score is None


def test_without_a_teacher_right_answers_are_tested() -> None:
    """On the customer's machine there may be labels alone."""
    labels = np.arange(N) % 2
    answers = np.where(np.arange(N) < 30, 1 - labels, labels)
    examples = Examples(
        tuple(f"text {index}" for index in range(N)),
        None,
        labels,
        NAMES,
        {"half": tuple("ab"[index > 99] for index in range(N))},
    )
    verdict = judge(
        ModelAnswers("artifact", 4.0 * np.eye(2)[answers], 10, 10), None, examples=examples,
        tolerances=Tolerances(min_retention=None, min_agreement=None), bootstrap_samples=200,
    )  # fmt: skip
    assert verdict.fidelity is not None
    assert verdict.fidelity.flips is None
    assert verdict.fidelity.divergence is None
    found = verdict.fidelity.slices
    assert found is not None
    worst = by_name(found)["half", "a"]
    assert worst.is_worse
    assert worst.agreement is None
    assert worst.tested.value == 70 / 100
    assert "70.0 % of 100 texts answered as labelled" in found.sentence
