"""Answers that are kept for a later artifact: of every task, they measure what they measured, and they stay small."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from limbeck.errors import DataError
from limbeck.evaluate import Answered, Doubt, drift, keep
from limbeck.evaluate.kept import known_before
from limbeck.records.verdict import Drift, KeptAnswers
from limbeck.tasks import TASKS
from limbeck.tasks.embeddings import cosines
from limbeck.text.examples import Examples
from limbeck.text.kept_tokens import kept_rows
from limbeck.text.units import NOWHERE, Ragged, UnitLogits, Units

DOUBT = Doubt(0.95, 200, 0)
N = 60
DRAW = np.random.default_rng(0)
WIDTHS = {"classification": 5, "multi-label": 2, "regression": 1, "reranking": 2}
TAGS = ("O", "B-place", "I-place", "B-person")


def _texts(n: int = N) -> tuple[str, ...]:
    return tuple(f"text {number} " + " ".join("wxyz"[: number % 4]) for number in range(n))


def _unit_logits(task: str, draw: np.random.Generator, texts: tuple[str, ...], *, unread: int = 0) -> UnitLogits:
    """Random answers of a task that answers for words, characters or masks; of each text the last words are unread."""
    spans = []
    for text in texts:
        words, at = [], 0
        for word in text.split(" "):
            words.append((at, at + len(word)))
            at += len(word) + 1
        words = words[: max(1, len(words) - unread)]
        spans.append([(NOWHERE, NOWHERE), *words] if task == "question-answering" else words)
    units = Units(Ragged.of(spans, dtype=np.int64, width=(2,)), texts)
    n = len(units.spans.values)
    if task == "fill-mask":
        hidden = np.random.default_rng(5).integers(0, 90, n)
        return UnitLogits(kept_rows(draw.normal(size=(n, 100)), hidden), units)
    return UnitLogits(draw.normal(size=(n, 2 if task == "question-answering" else len(TAGS))), units)


def _case(task: str) -> tuple[Examples, Any, Any, Any]:
    """Texts with labels; then the earlier artifact's answers, the later one's, and the teacher's."""
    texts = _texts()
    if task in WIDTHS:
        sides = [DRAW.normal(size=(N, WIDTHS[task])).astype(np.float32) for _ in range(3)]
        labels: Any = {
            "classification": DRAW.integers(0, 5, N),
            "multi-label": DRAW.integers(0, 2, (N, 2)).astype(np.int8),
        }.get(task, DRAW.integers(0, 3, N).astype(np.float64))
        asked = tuple(f"query {row // 4}" for row in range(N)) if task == "reranking" else texts
        pairs = texts if task == "reranking" else None
        return Examples(asked, pairs, labels, tuple("abcde"[: WIDTHS[task]])), *sides
    if task == "embeddings":
        scores = DRAW.uniform(0, 5, N // 2).repeat(2)
        sides = [DRAW.normal(size=(N, 8)).astype(np.float32) for _ in range(3)]
        for side in sides:
            side[0::4] = side[0]  # the same text stands in many pairs, as in sets of scored pairs it does
        repeated = tuple(texts[0 if row % 4 == 0 else row] for row in range(N))
        return Examples(repeated, None, scores, tuple("01234567")), *sides
    sides = [_unit_logits(task, DRAW, texts, unread=n) for n in ((1, 0, 0) if "token" in task else (0, 0, 0))]
    if task == "fill-mask":
        return Examples(texts, None, Ragged.nothing(N), ()), *sides
    if task == "question-answering":
        answers = Ragged.of([[(0, 4)], *[[(5, 6)]] * (N - 1)], dtype=np.int64, width=(2,))
        return Examples(texts, texts, answers, ("start", "end")), *sides
    tags = Ragged.of([DRAW.integers(0, 4, text.count(" ") + 1) for text in texts], dtype=np.int64)
    return Examples(texts, None, tags, TAGS), *sides


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"embeddings"}))
def test_what_is_kept_measures_the_same(task: str) -> None:
    """A failure would measure the earlier artifact wrongly. By law: kept and read back, each measure is what it was."""
    examples, before, now, teacher = _case(task)
    kept = keep(task, Answered(before), examples=examples)
    rows = np.array([59, 3, 40, *range(8, 20)])
    some = examples.take(rows)
    others = now.take(rows) if isinstance(now, UnitLogits) else now[rows]
    found = known_before(kept, others, examples=some)
    assert found.rows.tolist() == list(range(len(rows)))
    wanted, held_to = (one.take(rows) if isinstance(one, UnitLogits) else one[rows] for one in (before, teacher))
    asked, names = TASKS[task].within(some.groups), examples.label_names
    assert asked.score_of(found.logits, some.labels, names).value == asked.score_of(wanted, some.labels, names).value
    agreement = asked.agreement_of(wanted, held_to, names).value
    assert asked.agreement_of(found.logits, held_to, names).value == agreement
    assert 0 < agreement < 1 or task == "regression"


@pytest.mark.parametrize("task", sorted(TASKS))
def test_two_artifacts_of_every_task_are_set_against_each_other(task: str) -> None:
    """A failure would tell nothing, or something wrong, for a task. By twin: both artifacts' own figures.

    An artifact against itself is never told apart, and one that answers as the teacher does is better than chance.
    """
    examples, before, now, teacher = _case(task)
    kept = keep(task, Answered(before, teacher, "t"), examples=examples)
    found = _drift(kept, Answered(now, teacher, "t"), examples)
    assert found.n_texts == N
    assert found.score is not None
    assert found.agreement is not None
    asked, names = TASKS[task].within(examples.groups), examples.label_names
    scores = [asked.score_of(one, examples.labels, names).value for one in (now, before)]
    alike = [asked.agreement_of(one, teacher, names).value for one in (now, before)]
    assert found.score.difference.value == pytest.approx(scores[0] - scores[1], abs=1e-6)
    assert found.agreement.difference.value == pytest.approx(alike[0] - alike[1], abs=1e-6)
    itself = _drift(kept, Answered(before, teacher, "t"), examples)
    assert itself.outcome == "not told apart"
    assert itself.score is not None
    assert itself.score.difference.value == 0
    better = _drift(kept, Answered(teacher, teacher, "t"), examples)
    assert better.agreement is not None
    assert better.agreement.told_apart
    assert better.outcome.startswith("better")
    assert "better than the one before" in better.sentence


def _drift(kept: KeptAnswers, answered: Answered, examples: Examples) -> Drift:
    return drift(kept, answered, examples=examples, doubt=DOUBT, source="before.json")


def test_vectors_held_to_another_teacher_are_compared_by_their_pairs_alone() -> None:
    """A failure would set cosines with one teacher against cosines with another."""
    examples, before, now, teacher = _case("embeddings")
    kept = keep("embeddings", Answered(before, teacher, "old"), examples=examples)
    found = _drift(kept, Answered(now, teacher, "new"), examples)
    assert found.agreement is None
    assert found.score is not None
    assert found.sentence.endswith("not compared: the one before was held to another teacher, or to none.")
    unscored = replace(examples, labels=None)
    found = _drift(keep("embeddings", Answered(before), examples=unscored), Answered(now, teacher, "t"), unscored)
    assert (found.score, found.agreement, found.outcome) == (None, None, "not told apart")
    kept = keep("embeddings", Answered(before, teacher, "t"), examples=unscored)
    found = _drift(kept, Answered(now, teacher, "t"), examples.take(range(20, 40)))
    assert found.score is None
    assert found.agreement is not None
    wanted = cosines(now[20:30], teacher[20:30])
    assert found.agreement.difference.n == 20
    assert wanted.mean() != 0


def test_a_pair_is_found_as_a_pair() -> None:
    """A failure would set one pair's cosine against that of another pair with the same text in it."""
    examples, before, now, _ = _case("embeddings")
    kept = keep("embeddings", Answered(before), examples=examples)
    turned = examples.take([row + side for row in range(N - 2, -1, -2) for side in (0, 1)])
    found = known_before(kept, now, examples=turned)
    own = cosines(before[0::2], before[1::2])
    distinct = {pair: own[row] for row, pair in enumerate(zip(examples.texts[0::2], examples.texts[1::2], strict=True))}
    wanted = [distinct[pair] for pair in zip(turned.texts[0::2], turned.texts[1::2], strict=True)]
    assert found.logits[0::2, 0] == pytest.approx(np.array(wanted), abs=1e-6)


def test_other_masks_are_other_questions() -> None:
    """A failure would set what stands in one place against what stands in another."""
    examples, before, now, _ = _case("fill-mask")
    kept = keep("fill-mask", Answered(before), examples=examples)
    moved = now.values.copy()
    moved[now.units.spans.starts[7], 0] += 1  # of the eighth text, another token was hidden
    found = known_before(kept, replace(now, values=moved), examples=examples)
    assert found.rows.tolist() == [row for row in range(N) if row != 7]
    moved[:, 0] += 1
    with pytest.raises(DataError, match="none of the 60 here is among them"):
        _drift(kept, Answered(replace(now, values=moved)), examples)


def test_what_is_kept_is_small() -> None:
    """A failure would make every verdict a file of megabytes. 10,000 texts of 77 labels: 14 bytes a text at most."""
    texts = _texts(10_000)
    logits = np.random.default_rng(0).normal(size=(10_000, 77))
    kept = keep("classification", Answered(logits), examples=Examples(texts, None, None, tuple(map(str, range(77)))))
    assert len(kept.texts) + len(kept.answers) < 14 * 10_000
    kept = keep("embeddings", Answered(logits, logits, "t"), examples=Examples(texts, None, None, ()))
    assert len(kept.texts) + len(kept.answers) < 20 * 10_000


@pytest.mark.parametrize("task", ["reranking", "embeddings", "token-classification"])
def test_beyond_a_size_the_same_texts_are_kept_by_everybody(task: str) -> None:
    """A failure would leave two artifacts without a common text, or tear a query or a pair apart."""
    examples, before, now, teacher = _case(task)
    whole = keep(task, Answered(before, teacher, "t"), examples=examples)
    most = (len(whole.texts) + len(whole.answers) + len(whole.lengths)) // 2
    kept = [keep(task, Answered(one, teacher, "t"), examples=examples, most=most) for one in (before, now)]
    for one in kept:
        assert len(one.texts) + len(one.answers) + len(one.lengths) <= most
        assert one.n_texts + one.n_left_out == N
        assert one.n_texts > N // 4
    found = _drift(kept[0], Answered(now, teacher, "t"), examples)
    assert found.n_texts >= kept[0].n_texts
    assert "kept of those before" in found.sentence
    if task == "reranking":
        rows = known_before(kept[0], now, examples=examples).rows
        assert np.isin(np.flatnonzero(np.isin(examples.groups, examples.groups[rows])), rows).all()
    assert found.score is not None


@pytest.mark.parametrize("change", [{"texts": "!"}, {"n_texts": 7}, {"lengths": ""}, {"answers": "Wo"}])
def test_damaged_answers_are_told(change: dict[str, Any]) -> None:
    """A failure would end in a stack trace, or compare with garbage."""
    examples, before, now, _ = _case("token-classification")
    kept = replace(keep("token-classification", Answered(before), examples=examples), **change)
    with pytest.raises(DataError, match="The answers that were kept are damaged"):
        _drift(kept, Answered(now), examples)
