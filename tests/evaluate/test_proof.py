"""Proven, refuted or not decidable: the answer, its words, and how many texts a proof takes."""

import held_out
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from limbeck.errors import DataError, RecipeError
from limbeck.evaluate import judge, pairs
from limbeck.evaluate.needed import paired_texts_needed, texts_needed
from limbeck.evaluate.proof import EXACT, non_inferiority, rounded_up
from limbeck.evaluate.sample_plan import Wanted, plan_of_manifest, plan_of_nothing, plan_of_proof
from limbeck.evaluate.scores import Doubt
from limbeck.recipe.verify import Tolerances
from limbeck.records.proof import NonInferiority
from limbeck.records.run import from_json, to_json
from limbeck.records.verdict import Verdict
from limbeck.tasks import TASKS
from limbeck.tasks.measures import FScore, RankCorrelation, Share

WORDS = TASKS["classification"].score
DOUBT = Doubt(confidence=0.95, samples=400, seed=0)
LAX = Tolerances(min_retention=None, min_agreement=None)


def shares(both: int, only_artifact: int, only_teacher: int, neither: int = 0) -> tuple[Share, Share]:
    """Artifact and teacher, right on so many texts each."""
    counts = (both, only_artifact, only_teacher, neither)
    return Share(np.repeat([True, True, False, False], counts)), Share(np.repeat([True, False, True, False], counts))


def proof(both: int, only_artifact: int, only_teacher: int, *, margin: float = 0.005) -> NonInferiority:
    """The proof of these texts."""
    found = non_inferiority(*shares(both, only_artifact, only_teacher), margin=margin, doubt=DOUBT, words=WORDS)
    assert found is not None
    return found


def test_proven() -> None:
    """20,000 texts on which both fail alike decide: no more than half a point is lost."""
    found = proof(19_700, 149, 151)
    assert found.answer == "proven"
    assert -0.005 < found.low < found.difference < found.high
    assert found.n_needed is None
    assert found.method == EXACT
    assert found.sentence == (
        "Proven with 95 % confidence: the artifact's accuracy is at most 0.5 points below the teacher's. "
        f"The difference is −0.01 points on 20,000 texts, and −{-100 * found.low:.2f} at worst."
    )


def test_refuted() -> None:
    """Three points lost on 2,000 texts are more than half a point, surely."""
    found = proof(1900, 20, 80)
    assert found.answer == "refuted"
    assert found.high < -0.005
    assert found.sentence.startswith(
        "Refuted with 95 % confidence: the artifact's accuracy is more than 0.5 points below the teacher's. "
        "The difference is −3.00 points on 2,000 texts, and −"
    )


def test_not_decidable_tells_how_many_texts_would_do() -> None:
    """872 texts cannot tell half a point: whoever gathers more must know how many."""
    found = proof(847, 12, 13)
    assert found.answer == "not decidable"
    assert found.low < -0.005 < found.high
    assert found.n_needed == paired_texts_needed(25 / 872, -1 / 872, margin=0.005, confidence=0.95)
    assert found.n_needed is not None
    assert found.sentence.startswith("Not decidable with 872 texts: whether the artifact's accuracy is at most 0.5")
    assert f"about {rounded_up(found.n_needed):,} would be needed if that were the true difference." in found.sentence
    assert found.mcnemar is not None
    assert found.mcnemar.sentence == (
        "Only the artifact is right on 12 texts, only the teacher on 13. Were both right equally often, chance alone "
        "would split them as unevenly in 100 % of cases (exact McNemar test, p = 1.00)."
    )


def test_a_loss_of_the_margin_itself_is_never_decided() -> None:
    """No number of texts shows on which side of the margin a difference lies that lies on it."""
    found = proof(9_890, 30, 80)
    assert (found.answer, found.n_needed) == ("not decidable", None)
    assert "no number of texts would decide" in found.sentence


def test_one_text_decides_nothing() -> None:
    """A single text must neither prove nor refute."""
    for cells in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        assert proof(*cells).answer == "not decidable"


def test_other_scores_are_tested_by_the_bootstrap() -> None:
    """F1 and correlations have no exact test; theirs must decide as well, and tell how."""
    draw = np.random.default_rng(1)
    total = draw.integers(1, 4, size=500)
    hits = draw.binomial(total, 0.9)
    teacher = FScore(hits, np.zeros_like(hits), total - hits)
    worse = draw.binomial(hits, 0.8)
    artifact = FScore(worse, np.zeros_like(hits), total - worse)
    found = non_inferiority(artifact, teacher, margin=0.02, doubt=DOUBT, words=TASKS["token-classification"].score)
    assert found is not None
    assert (found.answer, found.method, found.mcnemar) == ("refuted", "paired BCa bootstrap", None)
    same = non_inferiority(teacher, teacher, margin=0.02, doubt=DOUBT, words=TASKS["token-classification"].score)
    assert same is not None
    assert same.answer == "proven"


def test_what_is_not_defined_is_not_tested() -> None:
    """A correlation of equal numbers has no difference to anything."""
    flat = RankCorrelation(np.ones(19), np.arange(19.0))
    assert non_inferiority(flat, flat, margin=0.01, doubt=DOUBT, words=TASKS["regression"].score) is None


def test_few_texts_in_the_same_order_prove_nothing() -> None:
    """Of three texts, two models agree on the order by luck; every resample would then say that they always do."""
    words = TASKS["regression"].score
    few, many = (RankCorrelation(np.arange(n), np.arange(n) + 2.0 * (np.arange(n) % 2)) for n in (11, 40))
    assert non_inferiority(few, few, margin=0.01, doubt=DOUBT, words=words) is None
    found = non_inferiority(many, many, margin=0.01, doubt=DOUBT, words=words)
    assert found is not None
    assert found.answer == "proven"


def test_a_verdict_holds_the_proof() -> None:
    """It must reach whoever reads the verdict, and come back from run.json as it was."""
    verdict = judge(held_out.artifact(), held_out.teacher(), examples=held_out.examples(), tolerances=LAX, margin=0.01)
    found = verdict.non_inferiority
    assert found is not None
    assert (found.margin, found.n, found.difference, found.answer) == (0.01, 6, -2 / 6, "not decidable")
    assert found.mcnemar is not None
    assert (found.mcnemar.only_artifact, found.mcnemar.only_teacher, found.mcnemar.p_value) == (0, 2, 0.5)
    assert from_json(Verdict, to_json(verdict)) == verdict
    unlabelled = judge(
        held_out.artifact(), held_out.teacher(), examples=held_out.examples(labelled=False), tolerances=LAX
    )
    assert unlabelled.non_inferiority is None


@pytest.mark.parametrize(("discordance", "difference"), [(0.02, 0.0), (0.1, 0.0), (0.03, -0.03), (0.05, 0.003)])
def test_as_many_texts_as_planned_decide_in_four_of_five_cases(discordance: float, difference: float) -> None:
    """By counting: 200 sets of as many texts; three standard errors are 9 points, and the formula is about right."""
    n = paired_texts_needed(discordance, difference, margin=0.01, confidence=0.95)
    assert n is not None
    cells = [(discordance + difference) / 2, (discordance - difference) / 2]
    drawn = np.random.default_rng(3).multinomial(n, [*cells, 1 - sum(cells)], size=200)
    decided = 0
    for only_artifact, only_teacher, _ in drawn.tolist():
        if difference > -0.01:
            decided += pairs.above_p(only_artifact, only_teacher, n, -0.01) <= 0.05
        else:
            decided += pairs.above_p(only_teacher, only_artifact, n, 0.01) <= 0.05
    assert 0.7 <= decided / 200 <= 0.9


def test_texts_needed_by_hand() -> None:
    """((1.645 + 0.842) 0.3 / 0.02)^2 is 1391; four times as many halve the margin."""
    assert texts_needed(0.3, 0.0, margin=0.02, confidence=0.95) == pytest.approx(1391, abs=1)
    assert texts_needed(0.3, 0.0, margin=0.01, confidence=0.95) == pytest.approx(4 * 1391, abs=4)
    assert texts_needed(0.3, -0.01, margin=0.01, confidence=0.95) is None


def test_the_variance_at_the_margin_is_that_of_the_likeliest_law() -> None:
    """By twin: of all laws whose loss is the margin, that which is nearest to the true one, found by search."""
    discordance, difference, margin = 0.5, -0.4, 0.1
    cells = np.array([(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance])

    def away(q: float) -> float:
        return -float(cells @ np.log([q - margin, q, 1 + margin - 2 * q]))

    q = minimize_scalar(
        away, bounds=(margin + 1e-9, (1 + margin) / 2 - 1e-9), method="bounded", options={"xatol": 1e-10}
    ).x
    reach = norm.ppf(0.95) * np.sqrt(2 * q - margin - margin**2) + norm.ppf(0.8) * np.sqrt(discordance - difference**2)
    expected = int(np.ceil((reach / (difference + margin)) ** 2))
    assert paired_texts_needed(discordance, difference, margin=margin, confidence=0.95) == expected


def test_without_disagreement_the_rule_of_three_is_what_is_needed() -> None:
    """Even twins must be seen on 598 texts before half a point is out of the question."""
    assert paired_texts_needed(0.0, 0.0, margin=0.005, confidence=0.95) == 598


def test_plans() -> None:
    """A plan by the verdict takes its disagreement, an older one's changed answers stand for it, and else it asks."""
    wanted = Wanted(0.005, 0.95)
    of_nothing = plan_of_nothing(wanted)
    assert [one.discordance for one in of_nothing.disagreements] == [0.01, 0.02, 0.05, 0.1, 0.2]
    row = next(row for row in of_nothing.rows if row.difference == 0.0)
    assert list(row.n_texts) == sorted(row.n_texts)
    assert row.n_texts[2] == paired_texts_needed(0.05, 0.0, margin=0.005, confidence=0.95)
    more = plan_of_nothing(Wanted(0.005, 0.95, 0.9))
    assert all(a > b for a, b in zip(more.rows[1].n_texts, of_nothing.rows[1].n_texts, strict=True) if a and b)

    by_proof = plan_of_proof(proof(847, 12, 13), wanted)
    assert by_proof.disagreements[0].discordance == 25 / 872
    assert by_proof.disagreements[1].discordance > 25 / 872
    assert -1 / 872 in [row.difference for row in by_proof.rows]

    told = {"models": [{"name": "artifact (int8)", "agreement": {"value": 0.95, "n": 400}}]}
    assert plan_of_manifest(told, None, wanted).disagreements[0].discordance == pytest.approx(0.05)
    with pytest.raises(DataError, match="does not tell how often it parts"):
        plan_of_manifest({"task": "embeddings"}, None, wanted)
    with pytest.raises(DataError, match="labels or the teacher's answers are missing"):
        plan_of_proof(None, wanted)
    with pytest.raises(RecipeError, match="--power is 1"):
        Wanted(0.005, 0.95, 1.0)
