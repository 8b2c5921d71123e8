"""Functions and files as teachers of every task: what they may give, what is refused, and whole walks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

import limbeck
from limbeck.errors import DataError, LabelError, LimbeckError, TeacherError
from limbeck.pipeline import compress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.teacher.answering import Teacher
from limbeck.teacher.opening import open_teacher
from limbeck.text.examples import Examples
from other_teachers import Gives, encoder
from small_run import SETTINGS, write_rows

TEXTS, PASSAGES = ("good film", "awful film"), ("it is great", "it is bad")
TOPICS = ("film", "music", "rain")


def _opened(source: Any, task: str, root: Path, **teacher: Any) -> Teacher:
    recipe = Recipe.from_dict({"task": task, "teacher": teacher})
    return open_teacher(source, recipe=recipe, work=root, known_labels=lambda _task: TOPICS)


def _logits(master: Teacher, root: Path, *, pairs: bool = False) -> Any:
    examples = Examples(TEXTS, PASSAGES if pairs else None, None, master.label_names)
    labelled = master.label(examples, root / "signals", settings=TeacherTable(), part_name="texts", judges=True)
    return labelled.store.read(examples.text_fingerprints).logits


def _file(root: Path, answers: list[dict[str, Any]], *, pairs: bool = False) -> Path:
    rows = [
        {"text": text, **({"text_pair": passage} if pairs else {}), **answer}
        for text, passage, answer in zip(TEXTS, PASSAGES, answers, strict=True)
    ]
    return write_rows(root / "answers.jsonl", rows)


@pytest.mark.parametrize("kind", ["function", "file"])
def test_probabilities_of_several_labels_come_back(kind: str, tmp_path: Path) -> None:
    """A failure would make labels exclude one another. By law: the logistic function of the log odds is p."""
    shares = [[0.75, 0.5, 0.01], [0.0, 1.0, 0.2]]
    source: Any = Gives(shares, label_names=TOPICS)
    if kind == "file":
        source = _file(tmp_path, [{"probabilities": dict(zip(TOPICS, row, strict=True))} for row in shares])
    master = _opened(source, "multi-label", tmp_path)
    assert (master.task, master.label_names) == ("multi-label", TOPICS)
    np.testing.assert_allclose(expit(_logits(master, tmp_path)), shares, atol=1.01e-4)


@pytest.mark.parametrize("kind", ["function", "file", "cells"])
def test_sets_of_labels_are_taken_as_peaks(kind: str, tmp_path: Path) -> None:
    """A failure would take a list of names for one label. By hand: 0.9 for those named, 0.1 for the others."""
    source: Any = Gives([["rain", "film"], []])
    if kind != "function":
        cells = [["rain", "film"], []] if kind == "file" else ["rain|film", ""]
        source = _file(tmp_path, [{"labels": cell} for cell in cells])
    found = expit(_logits(_opened(source, "multi-label", tmp_path), tmp_path))
    np.testing.assert_allclose(found, [[0.9, 0.1, 0.9], [0.1, 0.1, 0.1]], atol=1e-6)


def test_a_file_names_its_own_labels(tmp_path: Path) -> None:
    """A failure would take the labels of the data for those of the file."""
    path = _file(tmp_path, [{"labels": ["b", "a"]}, {"labels": ["c"]}])
    assert _opened(path, "multi-label", tmp_path).label_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("task", "source"),
    [
        ("regression", Gives([1.5, -2.0])),
        ("regression", Gives(np.array([[1.5], [-2.0]]))),
        ("regression", [{"value": 1.5}, {"value": -2}]),
        ("regression", [{"rating": 1.5}, {"rating": -2.0}]),
        ("reranking", Gives((1.5, -2.0))),
        ("reranking", [{"score": 1.5}, {"score": -2.0}]),
        ("reranking", [{"logits": [1.5]}, {"logits": [-2.0]}]),
    ],
)
def test_numbers_are_taken_as_they_are(task: str, source: Any, tmp_path: Path) -> None:
    """A failure would squeeze numbers between 0 and 1, or take them for the numbers of classes."""
    pairs = task == "reranking"
    master = _opened(_file(tmp_path, source, pairs=pairs) if isinstance(source, list) else source, task, tmp_path)
    assert (master.task, master.label_names) == (task, ("number",))
    np.testing.assert_array_equal(_logits(master, tmp_path, pairs=pairs), [[1.5], [-2.0]])


@pytest.mark.parametrize("name", ["embedding", "vector", None])
def test_vectors_are_taken_as_they_are(name: str | None, tmp_path: Path) -> None:
    """A failure would lose the size of the vectors, or their length."""
    vectors = [[3.0, 4.0, 0.0, 1.0], [0.0, 2.0, 0.0, -1.0]]
    source: Any = Gives(vectors, dimensions=4) if name is None else _file(tmp_path, [{name: row} for row in vectors])
    master = _opened(source, "embeddings", tmp_path)
    assert master.label_names == ("0", "1", "2", "3")
    np.testing.assert_array_equal(_logits(master, tmp_path), vectors)


def test_a_function_may_say_its_task(tmp_path: Path) -> None:
    """A failure would ask users for a task that the function itself states; the recipe's word still counts more."""
    assert _opened(Gives([1.0, 2.0], task="regression"), "auto", tmp_path).task == "regression"
    assert _opened(Gives([1.0, 2.0], task="regression"), "reranking", tmp_path).task == "reranking"
    with pytest.raises(TeacherError, match="says that its task is 'ranking'"):
        _opened(Gives([1.0], task="ranking"), "auto", tmp_path)


def test_answers_of_one_function_to_two_tasks_are_kept_apart(tmp_path: Path) -> None:
    """A failure would read the answers to one question as those to another."""
    function = Gives([1.0, 2.0])
    names = {_opened(function, task, tmp_path).fingerprint for task in ("regression", "reranking")}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("task", "function", "told"),
    [
        ("multi-label", Gives([[0.1, 0.2, 1.3]] * 2, label_names=TOPICS), "number 1 goes from 0.1 to 1.3"),
        (
            "multi-label",
            Gives([["film", "snow"], []]),
            "gave the label 'snow' in answer number 1; the labels are film, ",
        ),
        (
            "multi-label",
            Gives([[0.1, 0.2]] * 2, label_names=TOPICS),
            r"an array of shape \(2, 2\); expected probabilities",
        ),
        ("multi-label", Gives([[0.1, 0.2, 0.3]] * 2), "nobody said which classes they are"),
        ("regression", Gives([1.0]), "gave 1 answers for 2 texts"),
        ("regression", Gives(None), "gave no list of answers but None for 2 texts"),
        ("regression", Gives(["much", "little"]), "an array of type <U6; expected a number for each text"),
        ("reranking", Gives([1.0, float("inf")]), "a number that is not finite, in answer 2 of 2"),
        ("reranking", Gives([[1.0, 2.0]] * 2), r"an array of shape \(2, 2\); expected a number for each of 2 texts"),
        (
            "embeddings",
            Gives([[1.0, 2.0]] * 2, dimensions=3),
            r"an array of shape \(2, 2\); expected vectors of 3 numbers",
        ),
        ("embeddings", Gives([[1.0, 2.0], [1.0]], dimensions=2), "rows that make no array"),
        ("embeddings", Gives([[1.0, 2.0]] * 2), "Nobody says how many numbers a vector of the function"),
    ],
)
def test_other_answers_of_a_function_are_refused(task: str, function: Gives, told: str, tmp_path: Path) -> None:
    """A failure would turn nonsense into targets, or into a traceback."""
    with pytest.raises(LimbeckError, match=told):
        _logits(_opened(function, task, tmp_path), tmp_path, pairs=task == "reranking")


@pytest.mark.parametrize(
    ("task", "answers", "error", "told"),
    [
        ("multi-label", [{"labels": ["film"]}, {"labels": None}], DataError, "answer 2: no labels in 'labels'"),
        ("multi-label", [{"probabilities": [0.1, 0.2]}] * 2, LabelError, "numbers without the names of their labels"),
        ("multi-label", [{"probabilities": {"a": 2.0, "b": 0.0}}] * 2, TeacherError, "number 1 goes from 0 to 2"),
        ("regression", [{"label": "much"}] * 2, TeacherError, "an array of type <U4; expected a number"),
        ("regression", [{"value": 1.0}, {"value": None}], TeacherError, "expected a number for each text"),
        ("regression", [{"guess": 1.0}] * 2, DataError, "has no answers: its columns are 'text', 'guess'"),
        ("embeddings", [{"embedding": [1.0, 2.0]}, {"embedding": [1.0]}], TeacherError, "rows that make no array"),
        ("embeddings", [{"value": 1.0}] * 2, DataError, "Give a column 'embedding'"),
    ],
)
def test_other_files_are_refused(task: str, answers: Any, error: type[LimbeckError], told: str, tmp_path: Path) -> None:
    """A failure would learn from a column that holds something else."""
    with pytest.raises(error) as caught:
        _opened(_file(tmp_path, answers), task, tmp_path)
    assert told in str(caught.value)


def _recipe(root: Path, task: str, **tables: Any) -> Recipe:
    given = {
        **SETTINGS,
        "task": task,
        "student": {"encoder": str(encoder(root))},
        "distill": SETTINGS["distill"] | {"baseline": False},
        "verify": SETTINGS["verify"] | {"tolerances": {"min_agreement": 0.0}},
    }
    return Recipe.from_dict(given | tables)


def _overlap(queries: list[str], passages: list[str] | None) -> list[float]:
    """A reranker by words: how many good ones stand in the passage."""
    assert passages is not None
    return [float(sum(word in {"great", "good", "love"} for word in passage.split())) for passage in passages]


_overlap.fingerprint = "words"  # type: ignore[attr-defined]


def _pairs(root: Path) -> Path:
    passages = [
        "great good love", "good great film", "love film today", "film today rain", "home alarm", "great alarm at home",
    ]  # fmt: skip
    rows = [
        {"query": f"{first} {second}", "passage": f"{passage} {number}"}
        for first in ("play", "stop", "call", "wake", "turn", "set")
        for second in ("my", "the", "a", "your", "me", "mum", "dad")
        for number, passage in zip(("one", "seven", "eight", "nine", "two", "ten"), passages, strict=True)
    ]
    return write_rows(root / "pairs.jsonl", rows)


def test_a_reranker_learns_from_a_function(tmp_path: Path) -> None:
    """A failure would leave whoever ranks by rules or by a service outside. The whole walk, in texts without labels."""
    run = compress(
        _overlap, _pairs(tmp_path), out=tmp_path / "run", recipe=_recipe(tmp_path, "reranking"), signals=tmp_path / "s"
    )
    artifact = next(model for model in run.verdict.models if model.name.startswith("artifact"))
    assert run.verdict.task == "reranking"
    assert artifact.score is None
    assert artifact.agreement.value > 0.8
    best = limbeck.load(run.artifact).rank("play my", ["home alarm", "great good love"])[0]
    assert best.text == "great good love"


def test_an_embedder_learns_from_a_file(tmp_path: Path) -> None:
    """A failure would leave whoever bought vectors from a service outside. The whole walk."""
    draw = np.random.default_rng(0)
    words = "play stop call film music rain home work good awful great love seven eight".split()
    meanings = {word: draw.normal(size=32) for word in words}
    texts = sorted({" ".join(draw.choice(words, size=draw.integers(2, 5))) for _ in range(300)})
    vectors = [np.mean([meanings[word] for word in text.split()], axis=0) for text in texts]
    answers = write_rows(
        tmp_path / "vectors.jsonl",
        [{"text": text, "embedding": vector.tolist()} for text, vector in zip(texts, vectors, strict=True)],
    )
    data = write_rows(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    distill = SETTINGS["distill"] | {"baseline": False, "augment": 0, "epochs": 25}
    run = compress(
        answers,
        data,
        out=tmp_path / "run",
        recipe=_recipe(tmp_path, "embeddings", distill=distill),
        signals=tmp_path / "s",
    )
    artifact = next(model for model in run.verdict.models if model.name.startswith("artifact"))
    assert artifact.agreement.value > 0.5  # vectors of noise have a cosine of 0
    assert len(limbeck.load(run.artifact)(["play good film"])[0].vector) == 32
    told = json.loads((run.artifact / "limbeck.json").read_text(encoding="utf-8"))
    assert told["task"] == "embeddings"


def test_directions_of_vectors_are_averaged(tmp_path: Path) -> None:
    """A failure would let the member with the longer vectors decide. By hand: (1, 0) and (0, 1), weights 3 and 1."""
    long = Gives([[100.0, 0.0]] * 2, dimensions=2, fingerprint="long")
    short = Gives([[0.0, 1.0]] * 2, dimensions=2, fingerprint="short")
    master = _opened({long: 3.0, short: 1.0}, "embeddings", tmp_path)
    np.testing.assert_allclose(_logits(master, tmp_path), [[0.75, 0.25]] * 2)
    with pytest.raises(LabelError, match="their vectors have 2 and 3 numbers"):
        _opened({long: 1.0, Gives([[1.0] * 3] * 2, dimensions=3): 1.0}, "embeddings", tmp_path)


def test_scores_are_averaged_as_they_are(tmp_path: Path) -> None:
    """A failure would average what is no probability by a softmax of one number, which is always 1."""
    first, second = Gives([4.0, 0.0], fingerprint="first"), Gives([0.0, 2.0], fingerprint="second")
    master = _opened({first: 1.0, second: 3.0}, "reranking", tmp_path)
    np.testing.assert_allclose(_logits(master, tmp_path, pairs=True), [[1.0], [1.5]])
