"""A Python function as a teacher: every kind of answer, its name, and what is refused."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limbeck.errors import LabelError, TeacherError, UnsafeTeacherError
from limbeck.pipeline import compress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.tasks.classification import probabilities
from limbeck.teacher.function import FunctionTeacher, function_teacher
from limbeck.teacher.opening import open_teacher
from limbeck.text.examples import Examples
from other_teachers import Words, chances, data, recipe
from small_run import LABELS, labelled_rows
from watching import Events

TEXTS = ("good film", "awful film", "the film")
EXAMPLES = Examples(TEXTS, None, None, LABELS)


def _teacher(function: Any, labels: tuple[str, ...] = (), known: tuple[str, ...] = ()) -> FunctionTeacher:
    return function_teacher(function, labels=labels, known_labels=known)


def _asked(master: FunctionTeacher, root: Path, examples: Examples = EXAMPLES) -> Any:
    labelled = master.label(examples, root, settings=TeacherTable(), part_name="texts", judges=True)
    return labelled.store.read(examples.text_fingerprints)


def test_probabilities_come_back_as_they_were_given(tmp_path: Path) -> None:
    """A failure would teach other probabilities than the function gave. By law: softmax(log p) = p."""
    found = _asked(_teacher(Words()), tmp_path)
    assert np.allclose(probabilities(found.logits), [chances(text) for text in TEXTS], atol=1e-6)
    assert found.first_hidden is None


def test_logits_are_taken_as_they_are(tmp_path: Path) -> None:
    """A failure would take the logarithm of what is one already."""
    found = _asked(_teacher(Words("logits")), tmp_path)
    assert np.allclose(found.logits, 3 * np.array([chances(text) for text in TEXTS]), atol=1e-6)


@pytest.mark.parametrize("gives", ["names", "numbers"])
def test_bare_labels_are_taken_as_a_peak(gives: str, tmp_path: Path) -> None:
    """A failure would let the student chase a certainty that nobody stated. By hand: 0.9 for one of two, 0.1 left."""
    found = probabilities(_asked(_teacher(Words(gives)), tmp_path).logits)
    assert np.allclose(found, [[0.1, 0.9], [0.9, 0.1], [0.9, 0.1]], atol=1e-6)


def test_a_probability_of_zero_has_a_floor(tmp_path: Path) -> None:
    """A failure would put minus infinity into the signals. By hand: log(1e-4) = -9.2103."""

    def sure(texts: list[str], text_pairs: list[str] | None) -> list[list[float]]:
        return [[0.0, 1.0] for _ in texts]

    found = _asked(_teacher(sure, labels=LABELS), tmp_path)
    assert np.allclose(found.logits, [[-9.2103, 0.0]] * 3, atol=1e-4)


def test_pairs_come_as_pairs(tmp_path: Path) -> None:
    """A failure would ask about half of the question."""

    def second_tells(texts: list[str], text_pairs: list[str] | None) -> list[str]:
        assert text_pairs is not None
        return ["positive" if "good" in pair else "negative" for pair in text_pairs]

    pairs = Examples(("a", "a"), ("good", "bad"), None, LABELS)
    found = _asked(_teacher(second_tells, labels=LABELS), tmp_path, pairs)
    assert found.logits.argmax(axis=1).tolist() == [1, 0]


def test_a_text_is_asked_about_once(tmp_path: Path) -> None:
    """A failure would pay again for what stands on disk."""
    words = Words()
    for _ in range(2):
        _asked(_teacher(words), tmp_path)
    assert words.asked == list(TEXTS)
    _asked(_teacher(Words(fingerprint="v2")), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # another version is another teacher


def test_the_source_of_a_function_is_in_its_fingerprint() -> None:
    """A failure would take the answers of yesterday's function for those of today's."""

    def first(texts: list[str], text_pairs: list[str] | None) -> list[int]:
        return [0 for _ in texts]

    def second(texts: list[str], text_pairs: list[str] | None) -> list[int]:
        return [1 for _ in texts]

    second.__qualname__ = first.__qualname__
    assert _teacher(first, labels=LABELS).fingerprint != _teacher(second, labels=LABELS).fingerprint
    assert _teacher(first, labels=LABELS).fingerprint == _teacher(first, labels=LABELS).fingerprint
    assert _teacher(first, labels=LABELS).fingerprint != _teacher(first, labels=LABELS[::-1]).fingerprint


def test_what_it_answered_before_it_failed_is_kept(tmp_path: Path) -> None:
    """A failure would ask again about everything after one bad text, and hide which text it was."""
    rows = labelled_rows(600)
    examples = Examples(tuple(row["text"] for row in rows), None, None, LABELS)
    words = Words()

    def fails_late(texts: list[str], text_pairs: list[str] | None) -> Any:
        if len(words.asked) >= 256:
            raise ValueError("out of luck")
        return words(texts, text_pairs)

    master = _teacher(fails_late, labels=LABELS)
    with pytest.raises(TeacherError, match=r"failed on 256 texts, the first being '.*': ValueError: out of luck"):
        _asked(master, tmp_path, examples)
    master = _teacher(fails_late, labels=LABELS)
    words.asked.clear()
    record = master.label(
        examples.take(range(256)), tmp_path, settings=TeacherTable(), part_name="texts", judges=False
    ).record
    assert (record.n_found, record.n_asked) == (256, 0)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([[0.5, 0.5]], r"gave an array of shape \(1, 2\) and type float64 for 3 texts of 2 classes"),
        ([[1.0, 2.0, 3.0]] * 3, r"gave an array of shape \(3, 3\) for 3 texts"),
        ([[0.0, 1.0], [1.0], [0.0]], "gave rows that make no array"),
        (["positive", "negative", "neither"], "gave the label 'neither' as answer number 3; the labels are negative, "),
        ([0, 1, 2], "gave the label 2 as answer number 3"),
        ([[0.0, float("nan")]] * 3, "a number that is not finite, for the text number 1 of 3"),
        (None, r"gave an array of shape \(\) and type object"),
    ],
)
def test_other_answers_are_refused(answers: Any, told: str, tmp_path: Path) -> None:
    """A failure would turn nonsense into targets, or into a traceback."""

    def odd(texts: list[str], text_pairs: list[str] | None) -> Any:
        return answers

    with pytest.raises(TeacherError, match=told):
        _asked(_teacher(odd, labels=LABELS), tmp_path)


def test_numbers_without_names_are_refused(tmp_path: Path) -> None:
    """The data's labels are sorted; a function's columns need not be, and the student would learn the contrary."""
    named = _teacher(Words("names", label_names=()), known=LABELS)
    assert _asked(named, tmp_path).logits.argmax(axis=1).tolist() == [1, 0, 0]
    for gives in ("numbers", "probabilities"):
        master = _teacher(Words(gives, label_names=()), known=LABELS)
        with pytest.raises(LabelError, match="nobody said which classes they are"):
            _asked(master, tmp_path / gives)
    with pytest.raises(LabelError, match="and the data name no labels"):
        _teacher(Words(label_names=()))


def test_a_function_without_source_needs_a_name() -> None:
    """A failure would keep answers under a name that says nothing."""
    made: dict[str, Any] = {}
    exec("def nameless(texts, text_pairs): return [0] * len(texts)", made)
    with pytest.raises(TeacherError, match=r"(?s)source of .*nameless cannot be read.*fingerprint = 'v1'"):
        _teacher(made["nameless"], labels=LABELS)
    made["nameless"].fingerprint = "v1"
    assert _teacher(made["nameless"], labels=LABELS).name.endswith("nameless")


def test_a_named_function_runs_with_leave_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would run code that nobody allowed, because a name on the command line looked like code."""
    (tmp_path / "my_rules.py").write_text(
        "label_names = ('negative', 'positive')\n"
        "def answer(texts, text_pairs):\n"
        "    return ['positive' if 'good' in text else 'negative' for text in texts]\n"
        "word = 'no function'\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)

    def opened(source: str, *allowed: str) -> Any:
        table = {"teacher": {"allow_code": allowed, "labels": LABELS}}
        return open_teacher(source, recipe=Recipe.from_dict(table), work=tmp_path)

    with pytest.raises(UnsafeTeacherError, match="my_rules:answer is Python code"):
        opened("my_rules:answer")
    assert "my_rules" not in sys.modules
    master = opened("my_rules:answer", "my_rules:answer")
    assert _asked(master, tmp_path).logits.argmax(axis=1).tolist() == [1, 0, 0]
    for source, told in (("my_rules:lost", "cannot be imported"), ("my_rules:word", "is a str, which cannot")):
        with pytest.raises(TeacherError, match=told):
            opened(source, source)
    sys.modules.pop("my_rules")


def test_a_student_learns_from_a_function(tmp_path: Path) -> None:
    """A failure would leave everybody without a Hugging Face model outside. The whole walk, held-out texts included."""
    events = Events()
    words = Words()
    settings = recipe(tmp_path, distill={"epochs": 15})
    run = compress(
        words, data(tmp_path), out=tmp_path / "run", recipe=settings, signals=tmp_path / "s", progress=events
    )
    scores = {model.name: model for model in run.verdict.models}
    assert (scores["teacher"].size_bytes, scores["teacher"].n_parameters) == (None, None)
    assert scores["artifact (int8)"].agreement.value > 0.8
    assert [timing.name for timing in run.verdict.timings] == ["artifact (int8)"]
    assert set(run.record.trainings[0].curve[0].losses) == {"soft_labels", "true_labels", "total"}
    assert run.record.teacher["name"] == "other_teachers.Words"
    assert run.record.teacher["encoder name"] == "encoder"
    assert run.record.shapes["encoder"]["layers"] == 4
    assert str(tmp_path) not in (run.artifact / "README.md").read_text("utf-8")
    assert str(tmp_path) not in (run.artifact / "limbeck.json").read_text("utf-8")
    assert "other_teachers.Words" in run.report.read_text("utf-8")
    assert len(words.asked) == len(set(words.asked))
