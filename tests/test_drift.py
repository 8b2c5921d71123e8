"""A new artifact against the one before: paired, on the texts that both answered, never against another question."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

import limbeck
from limbeck import evaluate, fingerprint
from limbeck.errors import DataError, LabelError
from limbeck.evaluate.kept import keep, known_before
from limbeck.records import to_json
from limbeck.tasks import TASKS
from limbeck.verdict_record import Verdict
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
    return verify(artifact, data, changes=QUICK, signals=folder / "signals", **given)


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
    names = [fingerprint.of_text(text) for text in TEXTS]
    turned = keep("classification", logits[:, [2, 0, 1]], text_fingerprints=names, label_names=("c", "a", "b"))
    assert turned is not None
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
        ('{"checks": [], "task": "classification"}', r"keeps no answers: an earlier limbeck wrote it"),
        ('{"checks": [], "task": "embeddings"}', r"keeps no answers: those of the task 'embeddings' are too large"),
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


@pytest.mark.parametrize("task", evaluate.KEPT_TASKS)
def test_what_is_kept_measures_the_same(task: str) -> None:
    """A failure would measure the earlier artifact wrongly. By law: kept and read back, a measure is what it was."""
    draw = np.random.default_rng(0)
    width = 1 if task in {"regression", "reranking"} else 5
    logits = draw.normal(size=(200, width)).astype(np.float32)
    other = draw.normal(size=(200, width)).astype(np.float32)
    names, labels = [fingerprint.of_text(str(row)) for row in range(200)], tuple("abcde"[:width])
    kept = keep(task, logits, text_fingerprints=names, label_names=labels)
    assert kept is not None
    rows = [150, 3, 77, *range(100, 140)]
    found = known_before(kept, text_fingerprints=["0" * 32, *(names[row] for row in rows)], label_names=labels)
    assert found.rows.tolist() == list(range(1, len(rows) + 1))
    asked = TASKS[task].within(np.arange(len(rows)) // 4)
    wanted = asked.agreement_of(logits[rows], other[rows], labels).value
    assert asked.agreement_of(found.logits, other[rows], labels).value == wanted


def test_what_is_kept_is_small() -> None:
    """A failure would make every verdict a file of megabytes. 10,000 texts of 77 labels: 14 bytes a text at most."""
    names = [fingerprint.of_text(str(row)) for row in range(10_000)]
    logits = np.random.default_rng(0).normal(size=(10_000, 77))
    kept = keep("classification", logits, text_fingerprints=names, label_names=tuple(map(str, range(77))))
    assert kept is not None
    assert len(kept.texts) + len(kept.answers) < 14 * 10_000
    assert keep("embeddings", logits, text_fingerprints=names, label_names=()) is None


def test_a_verdict_twice_gives_the_same_figures(two: tuple[Path, Path], tmp_path: Path) -> None:
    """A failure would let a release pass today and fail tomorrow. Only what the clock says may differ."""
    before = _written(_verify(two[0], tmp_path), tmp_path / "before.json")
    told = [to_json(_verify(two[1], tmp_path, against=before)) for _ in range(2)]
    for verdict in told:
        assert verdict.pop("timings")
    assert told[0] == told[1]
