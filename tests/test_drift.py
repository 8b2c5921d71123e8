"""A new artifact against the one before: paired, on the texts that both answered, never against another question."""

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binomtest

import limbeck
from limbeck.errors import DataError, LabelError
from limbeck.evaluate import Answered, keep, lasting
from limbeck.records.run import to_json
from limbeck.records.verdict import Verdict
from limbeck.text.examples import Examples
from limbeck.verification import verify
from small_artifact import LABELS, write_artifact
from small_run import write_rows
from small_texts import QUICK, ROWS, TEXTS, WANTED


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The artifact before and the new one; none of the tests may change their files."""
    root = tmp_path_factory.mktemp("two")
    return write_artifact(root / "before", seed=0), write_artifact(root / "now", seed=1)


def _verify(artifact: Path, folder: Path, rows: Any = ROWS, **given: Any) -> Verdict:
    data = write_rows(folder / "texts.jsonl", rows)
    return verify(artifact, data, changes=QUICK, signals=folder, **given)


def _written(verdict: Verdict, path: Path) -> Path:
    path.write_text(json.dumps(to_json(verdict)), encoding="utf-8")
    return path


def _hits(artifact: Path) -> Any:
    return limbeck.load(artifact, threads=1).logits(TEXTS).values.argmax(axis=1) == WANTED


def test_the_difference_is_that_of_the_two_models_own_answers(two: tuple[Path, Path], tmp_path: Path) -> None:
    """A failure would call a worse model better. By twin: both models asked, and scipy's exact test."""
    before = _written(_verify(two[0], tmp_path), tmp_path / "before.json")
    drift = _verify(two[1], tmp_path, against=before).drift
    assert drift is not None
    assert drift.score is not None
    old, new = _hits(two[0]), _hits(two[1])
    counts = int((new & ~old).sum()), int((old & ~new).sum())
    assert (drift.score.only_first, drift.score.only_second) == counts
    assert min(counts) > 0
    assert drift.score.difference.value == pytest.approx(float(new.mean() - old.mean()))
    p_value = binomtest(counts[0], sum(counts)).pvalue
    assert drift.score.p_value == pytest.approx(p_value)
    assert drift.score.told_apart == (p_value < 0.05)
    assert drift.outcome == ("not told apart" if p_value >= 0.05 else "better" if new.sum() > old.sum() else "worse")
    assert (drift.n_texts, drift.n_only_now, drift.n_only_before) == (len(TEXTS), 0, 0)
    assert drift.agreement is None
    same = _verify(two[0], tmp_path, against=before).drift
    assert same is not None
    assert same.sentence.startswith(
        f"{len(TEXTS)} texts do not tell the artifact from the one before: accuracy 0.0 points"
    )


def test_only_texts_that_both_answered_count(two: tuple[Path, Path], tmp_path: Path) -> None:
    """A failure would compare the one's easy texts with the other's hard ones. Their order does not count."""
    before = _written(_verify(two[0], tmp_path, ROWS[:80]), tmp_path / "before.json")
    drift = _verify(two[1], tmp_path, ROWS[:39:-1], against=before).drift
    assert drift is not None
    assert drift.score is not None
    assert (drift.n_texts, drift.n_only_now, drift.n_only_before) == (40, len(TEXTS) - 80, 40)
    common = slice(40, 80)
    old, new = _hits(two[0])[common], _hits(two[1])[common]
    assert drift.score.difference.value == pytest.approx(float(new.mean() - old.mean()))
    assert f"40 texts that both answered (of {len(TEXTS) - 40} now and 80 before)" in drift.sentence
    with pytest.raises(DataError, match=r"tells of 80 texts, and none of the \d+ here is among them"):
        _verify(two[1], tmp_path, ROWS[80:], against=before)


def test_labels_in_another_order_are_matched_by_name(two: tuple[Path, Path], tmp_path: Path) -> None:
    """A failure would take each answer of the one for another label of the other."""
    verdict = to_json(_verify(two[0], tmp_path))
    kept = verdict["answers"]
    logits = limbeck.load(two[0]).logits(TEXTS).values
    turned = keep(
        "classification", Answered(logits[:, [2, 0, 1]]), examples=Examples(tuple(TEXTS), None, None, ("c", "a", "b"))
    )
    verdict["answers"] = to_json(turned) | {"label_names": [LABELS[2], LABELS[0], LABELS[1]]}
    (tmp_path / "turned.json").write_text(json.dumps(verdict))
    assert verdict["answers"]["answers"] != kept["answers"]
    drift = _verify(two[0], tmp_path, against=tmp_path / "turned.json").drift
    assert drift is not None
    assert drift.score is not None
    assert (drift.score.only_first, drift.score.only_second) == (0, 0)


def test_a_run_is_as_good_as_a_verdict(two: tuple[Path, Path], tmp_path: Path) -> None:
    """A failure would have people cut the verdict out of run.json by hand."""
    told = to_json(_verify(two[0], tmp_path))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"verdict": told, "recipe": {}}))
    found = [_verify(two[1], tmp_path, against=tmp_path / name).drift for name in ("run", "run/run.json")]
    assert found[0] == found[1] is not None


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ({"task": "regression"}, LabelError, r"tells of the task 'regression'; the artifact's is 'classification'\."),
        (
            {"label_names": ["a", "b", "c"]},
            LabelError,
            r"tells of the labels a, b, c; the artifact's are alarm, music, ",
        ),
        ({"texts": "!"}, DataError, r"The answers that were kept are damaged"),
        ({"n_texts": 7}, DataError, r"The answers that were kept are damaged"),
        ({"n_texts": "many"}, DataError, r"the answers that it keeps are damaged \(1 faults\)"),
    ],
)
def test_another_question_is_refused(
    *, change: dict[str, Any], kind: type[Exception], told: str, two: tuple[Path, Path], tmp_path: Path
) -> None:
    """A failure would compare what cannot be compared, or end in a stack trace."""
    verdict = to_json(_verify(two[0], tmp_path))
    verdict["answers"] |= change
    (tmp_path / "before.json").write_text(json.dumps(verdict))
    with pytest.raises(kind, match=told):
        _verify(two[1], tmp_path, against=tmp_path / "before.json")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, r"cannot be read"),
        ("no json", r"is not JSON"),
        ("[]", r"holds no verdict"),
        (
            '{"checks": [], "task": "embeddings"}',
            r"keeps no answers to pair with: a limbeck wrote it that kept none, or none of this task",
        ),
    ],
)
def test_what_holds_no_answers_is_told(
    *, content: str | None, told: str, two: tuple[Path, Path], tmp_path: Path
) -> None:
    """A failure would end in a stack trace after the reading of all texts."""
    path = tmp_path / "before.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=told):
        _verify(two[1], tmp_path, against=path)


def test_a_verdict_twice_gives_the_same_figures(two: tuple[Path, Path], tmp_path: Path) -> None:
    """A failure would let a release pass today and fail tomorrow. Only what the clock says may differ."""
    before = _written(_verify(two[0], tmp_path), tmp_path / "before.json")
    told = [_verify(two[1], tmp_path, against=before) for _ in range(2)]
    assert all(verdict.timings for verdict in told)
    assert lasting(told[0]) == lasting(told[1])
