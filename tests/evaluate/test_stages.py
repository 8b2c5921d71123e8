"""What each stage cost: worked by hand, adding up, and plain about what was not measured."""

from dataclasses import replace

import held_out
import numpy as np
import pytest
from scipy.stats import binomtest

from limbeck.evaluate import Twin, judge, some_rows
from limbeck.recipe.verify import Tolerances
from limbeck.records.verdict import (
    ARTIFACT_EXPORTED,
    DISTILLED,
    ELSEWHERE,
    IN_ALL,
    QUANTIZED,
    STUDENT_EXPORTED,
    Saturation,
    StageCosts,
    Verdict,
)
from limbeck.tasks import TASKS
from limbeck.text.examples import Examples
from limbeck.text.units import Ragged

LAX = Tolerances(min_retention=None, min_agreement=None)


def judged(*, labelled: bool = True, twins: tuple[Twin, ...] = (), saturation: Saturation | None = None) -> Verdict:
    """The six texts of this room: teacher 5 of 6 right, student and artifact 4 and 3."""
    return judge(
        held_out.artifact(),
        held_out.teacher(),
        examples=held_out.examples(labelled=labelled),
        tolerances=LAX,
        others=[held_out.student()],
        twins=twins,
        saturation=saturation,
    )


def costs(verdict: Verdict) -> StageCosts:
    """They are there."""
    assert verdict.stages is not None
    return verdict.stages


def test_stages_by_hand() -> None:
    """Text 5 is lost to distilling, text 2 to quantizing: a failure would blame the wrong stage."""
    found = {cost.name: cost for cost in costs(judged()).stages}
    assert list(found) == [DISTILLED, QUANTIZED, ELSEWHERE, IN_ALL]
    distilled, quantized, in_all = found[DISTILLED], found[QUANTIZED], found[IN_ALL]
    assert (distilled.before, distilled.after, distilled.n, distilled.n_changed) == (
        "teacher",
        "student (float32)",
        6,
        1,
    )
    assert (quantized.n_changed, in_all.n_changed) == (1, 2)
    for cost, change in ((distilled, -1 / 6), (quantized, -1 / 6), (in_all, -2 / 6)):
        assert cost.score_change is not None
        assert cost.score_change.difference.value == pytest.approx(change)
        assert cost.score_change.difference.interval.low < change < cost.score_change.difference.interval.high
    assert in_all.score_change is not None
    assert (in_all.score_change.only_first, in_all.score_change.only_second) == (0, 2)
    assert in_all.score_change.p_value == pytest.approx(binomtest(0, 2).pvalue)
    assert distilled.agreement is not None
    assert distilled.agreement.value == pytest.approx(5 / 6)
    assert distilled.agreement_change is None  # the teacher agrees with itself by definition
    assert quantized.agreement_change is not None
    assert quantized.agreement_change.difference.value == pytest.approx(-1 / 6)


def test_figures_are_those_of_the_models() -> None:
    """Two figures of one model on the same texts in one report would leave the reader wondering. By twin."""
    verdict = judged()
    models = {model.name: model for model in verdict.models}
    for cost in costs(verdict).stages:
        if not cost.note:
            assert (cost.score, cost.agreement) == (models[cost.after].score, models[cost.after].agreement)


def test_without_labels_agreement_tells() -> None:
    """A failure would leave those without labels in the dark."""
    found = {cost.name: cost for cost in costs(judged(labelled=False)).stages}
    assert found[QUANTIZED].score is None
    assert found[QUANTIZED].score_change is None
    assert found[QUANTIZED].agreement_change is not None
    assert "agreement" in costs(judged(labelled=False)).sentence


def test_files_against_pytorch_on_some_texts() -> None:
    """A twin stands beside the file on its own texts only."""
    rows = np.array([0, 2, 4])
    student, artifact = held_out.student().logits[rows], held_out.artifact().logits[rows]
    other = artifact.copy()
    other[1] = other[1, ::-1]
    found = judged(
        twins=(
            Twin(STUDENT_EXPORTED, rows, "student in PyTorch", student, "student (float32)", student),
            Twin(ARTIFACT_EXPORTED, rows, "quantized student in PyTorch", other, "artifact (int8)", artifact),
        )
    )
    told = {cost.name: cost for cost in costs(found).stages}
    assert (told[STUDENT_EXPORTED].n, told[STUDENT_EXPORTED].n_changed) == (3, 0)
    assert (told[ARTIFACT_EXPORTED].n, told[ARTIFACT_EXPORTED].n_changed) == (3, 1)
    assert costs(found).sentence.endswith("exporting changed at most 1 of 3 answers.")


@pytest.mark.parametrize(
    ("saturation", "words"),
    [
        (None, "Nobody looked into the file"),
        (Saturation(9, 127, 0), "same there to the bit"),
        (Saturation(9, 180, 0), "can be cut off there"),
        (Saturation(0, 0, 4), "Of 4 products of blocks"),
    ],
)
def test_another_instruction_set_is_told_as_not_computed(saturation: Saturation | None, words: str) -> None:
    """What nobody ran must never look like a measurement."""
    found = next(cost for cost in costs(judged(saturation=saturation)).stages if cost.name == ELSEWHERE)
    assert (found.n, found.n_changed, found.score, found.score_change) == (0, None, None, None)
    assert found.note.startswith("Not computed")
    assert words in found.note


def test_without_a_student_nothing_is_told() -> None:
    """Where an artifact is verified elsewhere, its float32 student was not asked."""
    found = judge(held_out.artifact(), held_out.teacher(), examples=held_out.examples(), tolerances=LAX)
    assert found.stages is None


def test_some_rows_are_the_same_every_time_and_keep_queries_whole() -> None:
    """Half of a query's passages have no order to compare."""
    texts = replace(held_out.examples(), texts=("a", "a", "b", "b", "b", "c"))
    plain, ranked = TASKS["classification"], TASKS["reranking"]
    rows = some_rows(texts, plain, 4, seed=3)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert len(rows) == 4
    assert rows.tolist() == some_rows(texts, plain, 4, seed=3).tolist()
    assert len(some_rows(texts, plain, 50, seed=0)) == 6
    for seed in range(5):
        assert some_rows(texts, ranked, 2, seed=seed).tolist() in ([0, 1], [2, 3, 4])


def test_some_rows_of_graded_passages_have_a_score() -> None:
    """A run would end behind its training, on a draw of queries without a relevant passage."""
    texts = tuple(str(row // 5) for row in range(100))
    grades = np.zeros(100)
    grades[[3, 57]] = 1
    ranked = TASKS["reranking"]
    graded = Examples(texts, tuple(map(str, range(100))), grades, ("score",))
    assert {row // 5 for seed in range(20) for row in some_rows(graded, ranked, 5, seed=seed)} == {0, 11}
    assert some_rows(replace(graded, labels=np.zeros(100)), ranked, 100, seed=0).tolist() == list(range(100))


def test_some_rows_keep_both_texts_of_a_scored_pair() -> None:
    """A failure would end a run of vectors in an error once all is trained: half of a pair has no score."""
    vectors = TASKS["embeddings"]
    pairs = Examples(tuple("abcdef"), None, np.array([0.1, 0.1, 0.5, 0.5, 0.9, 0.9]), ())
    assert {tuple(some_rows(pairs, vectors, 3, seed=seed)) for seed in range(20)} == {(0, 1), (2, 3), (4, 5)}
    assert some_rows(pairs, vectors, 50, seed=0).tolist() == [0, 1, 2, 3, 4, 5]
    assert len(some_rows(pairs, vectors, 1, seed=0)) == 0
    assert len(some_rows(replace(pairs, labels=None), vectors, 3, seed=0)) == 3
    hidden = replace(pairs, labels=Ragged.nothing(6))  # of masks, which are no pairs either
    assert len(some_rows(hidden, TASKS["fill-mask"], 3, seed=0)) == 3
