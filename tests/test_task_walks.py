"""Every task through the whole walk: taught, compressed, judged, sealed, answering, and judged again elsewhere."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import f1_score

import limbeck
from limbeck.errors import LabelError, TeacherError
from limbeck.pipeline import Run, compress
from limbeck.recipe.knobs import Recipe
from limbeck.records.verdict import ARTIFACT, TEACHER
from limbeck.report import model_card
from limbeck.teaching import teach
from limbeck.verification import verify
from small_run import NEUTRAL, SETTINGS, write_rows
from tiny import write_teacher

TOPICS = {"music": "song", "weather": "rain", "family": "mum"}
N_TEXTS = 240


def _texts(n: int, telling: list[str], seed: int) -> list[tuple[str, set[str]]]:
    """Different texts of a few words, of which some tell."""
    draw = random.Random(seed)
    plain = [word for word in NEUTRAL if word not in telling]
    found: dict[str, set[str]] = {}
    while len(found) < n:
        chosen = [word for word in telling if draw.random() < 0.5]  # no set, whose order differs from run to run
        words = [*draw.choices(plain, k=draw.randint(2, 6)), *chosen]
        draw.shuffle(words)
        found.setdefault(" ".join(words), set(chosen))
    return list(found.items())


def topic_rows() -> list[dict[str, Any]]:
    """Texts of none, one or several topics."""
    return [
        {"text": text, "labels": [topic for topic, word in TOPICS.items() if word in words]}
        for text, words in _texts(N_TEXTS, list(TOPICS.values()), 0)
    ]


def rating_rows() -> list[dict[str, Any]]:
    """Texts with a number: what their telling words add up to, on a scale of its own."""
    worth = {"great": 200.0, "good": 100.0, "bad": -100.0, "awful": -200.0}
    return [
        {"text": text, "score": 1000.0 + sum(worth[word] for word in words)}
        for text, words in _texts(N_TEXTS, list(worth), 1)
    ]


def _walked(root: Path, task: str, rows: list[dict[str, Any]]) -> Run:
    recipe = Recipe.from_dict({**SETTINGS, "task": task})
    data = write_rows(root / "texts.jsonl", rows)
    taught = teach(write_teacher(root / "encoder"), data, out=root / "taught", recipe=recipe)
    found = recipe.model_copy(update={"task": "auto"})  # a teacher says itself what it was made for
    return compress(taught.folder, data, out=root / "run", recipe=found, signals=root / "signals")


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a multi-label teacher."""
    return _walked(tmp_path_factory.mktemp("topics"), "multi-label", topic_rows())


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a regression teacher."""
    return _walked(tmp_path_factory.mktemp("ratings"), "regression", rating_rows())


def _scores(run: Run, name: str) -> Any:
    return next(model for model in run.verdict.models if model.name.startswith(name))


def test_a_multi_label_run_is_judged_by_f1(topics: Run) -> None:
    """A failure would score sets of labels as if each text had one."""
    assert topics.record.recipe["task"] == topics.verdict.task == "multi-label"
    model = limbeck.load(topics.artifact)
    rows = [row for row in topic_rows() if row["text"]]
    answers = {row["text"]: answer for row, answer in zip(rows, model([row["text"] for row in rows]), strict=True)}
    held_out = limbeck.verify(topics.artifact, topics.folder.parent / "texts.jsonl")
    given = np.array([[topic in row["labels"] for topic in model.label_names] for row in rows])
    found = np.array([[topic in answers[row["text"]].labels for topic in model.label_names] for row in rows])
    assert held_out.models[0].score is not None
    assert held_out.models[0].score.value == pytest.approx(f1_score(given, found, average="micro"))
    assert _scores(topics, TEACHER).score.value > 0.7
    assert _scores(topics, ARTIFACT).agreement.value > 0.5


def test_a_text_may_have_any_number_of_labels(topics: Run) -> None:
    """A failure would force exactly one label upon every text."""
    model = limbeck.load(topics.artifact)
    answers = model([row["text"] for row in topic_rows()])
    assert len({len(answer.labels) for answer in answers}) > 1
    for answer in answers:
        sure = [name for name, share in zip(model.label_names, answer.probabilities, strict=True) if share >= 0.5]
        assert list(answer.labels) == answer.to_json()["labels"] == sure


def test_a_regression_run_is_judged_by_rank_correlation(ratings: Run) -> None:
    """A failure would compare numbers by their argmax: every model would agree with every other."""
    assert ratings.verdict.task == "regression"
    model = limbeck.load(ratings.artifact)
    rows = rating_rows()
    values = [answer.value for answer in model([row["text"] for row in rows])]
    found = limbeck.verify(ratings.artifact, ratings.folder.parent / "texts.jsonl").models[0]
    assert found.score is not None
    assert found.score.value == pytest.approx(spearmanr(values, [row["score"] for row in rows]).statistic)
    assert found.score.interval.low < found.score.value < found.score.interval.high
    assert _scores(ratings, TEACHER).score.value > 0.6
    assert _scores(ratings, ARTIFACT).agreement.value > 0.5


def test_numbers_stay_on_their_scale(ratings: Run) -> None:
    """A failure would give an artifact whose numbers are shifted or shrunk, which no rank correlation shows."""
    model = limbeck.load(ratings.artifact)
    better, worse = (answer.value for answer in model(["great film song", "awful film song"]))
    assert 600 < worse < better < 1400


@pytest.mark.parametrize("name", ["topics", "ratings"])
def test_the_pages_speak_of_this_task(name: str, request: pytest.FixtureRequest) -> None:
    """A failure would tell a reader of accuracy where there is none."""
    run: Run = request.getfixturevalue(name)
    words = {"topics": ("F1", "f1"), "ratings": ("Rank correlation", "spearmanr")}[name]
    page = run.report.read_text(encoding="utf-8")
    card = model_card(run.record, name="a-model")
    for text in (page, card):
        assert words[0] in text
        assert "ccuracy" not in text
    assert f"- {words[1]}\n" in card
    assert json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["verdict"]["task"] == run.verdict.task


def test_changed_numbers_stand_in_the_report(ratings: Run) -> None:
    """A failure would hide which texts moved furthest."""
    changed = ratings.verdict.changed_answers
    assert ratings.verdict.confusions == ()
    apart = [abs(float(answer.teacher_label) - float(answer.artifact_label)) for answer in changed]
    np.testing.assert_allclose(apart, sorted(apart, reverse=True), atol=2.0)  # they are told in three figures
    page = ratings.report.read_text(encoding="utf-8")
    assert all(answer.teacher_label in page for answer in changed)


def test_an_artifact_is_verified_against_its_teacher_again(topics: Run) -> None:
    """A failure would ask a multi-label teacher for one label a text."""
    root = topics.folder.parent
    found = verify(topics.artifact, root / "texts.jsonl", teacher_source=root / "taught" / "teacher")
    agreement = next(model.agreement for model in found.models if model.name.startswith(ARTIFACT))
    assert agreement is not None
    assert agreement.value > 0.5


def test_a_teacher_of_another_task_is_refused(ratings: Run, tmp_path: Path) -> None:
    """A failure would distil one thing and judge another."""
    root = ratings.folder.parent
    with pytest.raises(TeacherError) as caught:
        compress(
            root / "taught" / "teacher",
            root / "texts.jsonl",
            out=tmp_path / "run",
            recipe=Recipe.from_dict({"task": "multi-label"}),
        )
    assert "was made for the task 'regression', and the recipe asks for 'multi-label'" in str(caught.value)


def test_unknown_labels_are_told_with_their_place(topics: Run, tmp_path: Path) -> None:
    """A failure would drop a label that is spelled wrongly, and call its texts unlabelled."""
    data = write_rows(tmp_path / "new.jsonl", [{"text": "my song", "labels": ["music"]},
                                               {"text": "my rain", "labels": ["music", "wether"]}])  # fmt: skip
    with pytest.raises(LabelError) as caught:
        verify(topics.artifact, data)
    assert "'wether' in 1 row, first in" in str(caught.value)
    assert "line 2: 'my rain'; did you mean 'weather'?" in str(caught.value)
