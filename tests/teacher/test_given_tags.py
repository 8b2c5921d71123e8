"""Functions, files and ensembles that tag words: what they may give, what is refused, and whole walks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limbeck
from limbeck.errors import DataError, LabelError, LimbeckError, SignalsError, TeacherError
from limbeck.pipeline import compress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.tasks.classification import probabilities
from limbeck.teacher.answering import Teacher
from limbeck.teacher.opening import open_teacher
from limbeck.text.examples import Examples
from limbeck.text.units import Ragged, UnitLogits, Units, starts_of
from other_teachers import Gives, encoder
from small_run import SETTINGS, write_rows
from tagged_words import TAGS, tagged_rows, tags_of

TEXTS = ("call mum", "wake dad at seven")
GIVEN = [["O", "B-person"], ["O", "B-person", "B-time", "I-time"]]
SHARES = [[[0.8, 0.1, 0.1, 0.0]] * 2, [[0.0, 0.0, 0.5, 0.5]] * 4]


def _tagger(answers: Any, *, label_names: tuple[str, ...] = TAGS, fingerprint: str = "v1") -> Gives:
    return Gives(answers, task="token-classification", label_names=label_names, fingerprint=fingerprint)


def _opened(source: Any, root: Path, **teacher: Any) -> Teacher:
    recipe = Recipe.from_dict({"task": "token-classification", "teacher": teacher})
    return open_teacher(source, recipe=recipe, work=root, known_labels=lambda _task: tuple(sorted(TAGS)))


def _asked(master: Teacher, root: Path) -> UnitLogits:
    examples = Examples(TEXTS, None, None, master.label_names)
    labelled = master.label(examples, root / "signals", settings=TeacherTable(), part_name="texts", judges=True)
    found = labelled.store.read(examples.text_fingerprints, within=TEXTS).logits
    assert isinstance(found, UnitLogits)
    return found


def _file(root: Path, answers: list[dict[str, Any]]) -> Path:
    rows = [{"tokens": text.split(), **answer} for text, answer in zip(TEXTS, answers, strict=True)]
    return write_rows(root / "answers.jsonl", rows)


@pytest.mark.parametrize("as_numbers", [False, True])
def test_tags_come_back_at_their_words(as_numbers: bool, tmp_path: Path) -> None:
    """A failure would teach the tag of a word's neighbour. A bare tag is taken as 0.9 of a distribution."""
    answers = [[TAGS.index(tag) for tag in tags] for tags in GIVEN] if as_numbers else GIVEN
    found = _asked(_opened(_tagger(answers), tmp_path), tmp_path)
    words = [text[start:end] for text, spans in zip(TEXTS, found.units.spans, strict=True) for start, end in spans]
    assert words == "call mum wake dad at seven".split()
    shares = probabilities(found.values)
    assert [TAGS[tag] for tag in shares.argmax(axis=1)] == [tag for tags in GIVEN for tag in tags]
    np.testing.assert_allclose(shares.max(axis=1), 0.9, rtol=1e-5)


@pytest.mark.parametrize("kind", ["function", "logits of a function", "file", "objects in a file"])
def test_probabilities_of_words_come_back(kind: str, tmp_path: Path) -> None:
    """A failure would learn another distribution than the one that was given."""
    logits = [[[0.0, 1.0, -2.0, 3.0]] * len(text.split()) for text in TEXTS]
    if kind.startswith("file"):
        source: Any = _file(tmp_path, [{"probabilities": shares} for shares in SHARES])
    elif kind.startswith("objects"):
        told = [[dict(zip(TAGS, word, strict=True)) for word in shares] for shares in SHARES]
        source = _file(tmp_path, [{"probabilities": shares} for shares in told])
    else:
        source = _tagger(logits if kind.startswith("logits") else SHARES)
    master = _opened(source, tmp_path, labels=TAGS if kind == "file" else ())
    order = [master.label_names.index(tag) for tag in TAGS]
    found = probabilities(_asked(master, tmp_path).values)[:, order]
    wanted = probabilities(np.array(logits[0] * 3)) if kind.startswith("logits") else np.array(SHARES[0] + SHARES[1])
    np.testing.assert_allclose(found, wanted, atol=5e-4)


def test_an_ensemble_averages_words(tmp_path: Path) -> None:
    """Members name their tags in orders of their own; a failure would add a person's share to a time's."""
    turned = tuple(reversed(TAGS))
    other = _tagger([[word[::-1] for word in shares] for shares in SHARES], label_names=turned, fingerprint="v2")
    found = _asked(_opened({_tagger(GIVEN): 1.0, other: 3.0}, tmp_path), tmp_path)
    of_first = [1 / 30, 0.9, 1 / 30, 1 / 30]  # mum, a person by the first member
    np.testing.assert_allclose(
        probabilities(found.values)[1], 0.25 * np.array(of_first) + 0.75 * np.array(SHARES[0][0]), atol=1e-3
    )


@pytest.mark.parametrize(
    ("answers", "error", "told"),
    [
        ([["O", "O"]], TeacherError, "gave 1 answers for 2 texts"),
        ([["O"], ["O"] * 4], TeacherError, "text number 1: expected a tag for each of 2 words, got 1 tags: 'call mum'"),
        ([["O", "O"], "O"], TeacherError, "text number 2: expected a tag for each of 4 words, got 'O'"),
        ([["O", "B-place"], ["O"] * 4], TeacherError, "text number 1 gave the label 'B-place' as answer number 2"),
        ([[[0.5, 0.5]] * 2, ["O"] * 4], TeacherError, "or 4 numbers, for each of 2 words, all finite, got an array"),
        ([[["x"] * 4] * 2, ["O"] * 4], TeacherError, "or 4 numbers, for each of 2 words, got"),
        ([[[np.nan] * 4] * 2, ["O"] * 4], TeacherError, "all finite"),
    ],
)
def test_other_answers_of_a_function_are_refused(
    answers: Any, error: type[LimbeckError], told: str, tmp_path: Path
) -> None:
    """A failure would move tags to other words, or end in a traceback."""
    with pytest.raises(error) as caught:
        _asked(_opened(_tagger(answers), tmp_path), tmp_path)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "error", "told"),
    [
        ([{"tags": ["O", "O"]}, {"tags": ["O"]}], TeacherError, "text number 2: expected a tag for each of 4 words"),
        ([{"tags": ["O", "O"]}, {"tags": None}], DataError, "answer 2: expected a list with a tag for each word"),
        ([{"logits": [[1.0], [2.0]]}] * 2, LabelError, "numbers without the names of their labels"),
        ([{"guess": 1}] * 2, DataError, "has no answers"),
    ],
)
def test_other_files_are_refused(answers: Any, error: type[LimbeckError], told: str, tmp_path: Path) -> None:
    """A failure would learn from rows whose words and tags do not belong together."""
    with pytest.raises(error) as caught:
        _opened(_file(tmp_path, answers), tmp_path)
    assert told in str(caught.value)


@pytest.mark.parametrize("source", ["function", "ensemble"])
def test_answers_in_contexts_cannot_be_given(source: str, tmp_path: Path) -> None:
    """They are about the tokens of one tokenizer; a failure would end in a traceback after the labelling."""
    one = _tagger(GIVEN)
    recipe = Recipe.from_dict({"task": "question-answering"})
    with pytest.raises(TeacherError, match="cannot be asked for the task 'question-answering'"):
        open_teacher({one: 1.0} if source == "ensemble" else one, recipe=recipe, work=tmp_path)


def _units(*texts: list[tuple[int, int]]) -> Units:
    spans = Ragged(np.array([span for text in texts for span in text]), starts_of([len(text) for text in texts]))
    return Units(spans, tuple("abc def ghi" for _ in texts))


def test_rows_are_found_by_their_words() -> None:
    """A failure would hand on the rows of other words, or of a text that was cut."""
    words = [(0, 3), (4, 7), (8, 11)]
    given = UnitLogits(np.arange(6.0).reshape(6, 1), _units(words, words))
    shorter = given.at(_units(words[:2], words))
    assert shorter is not None
    assert shorter.values[:, 0].tolist() == [0, 1, 3, 4, 5]
    assert given.take([1]).values[:, 0].tolist() == [3, 4, 5]
    assert shorter.at(given.units) is None
    windows = UnitLogits(np.zeros((2, 1)), _units([(0, 3), (0, 3)]))
    assert windows.at(_units([(0, 3)])) is None


def _by_rule(texts: list[str], text_pairs: list[str] | None) -> list[list[str]]:
    """A perfect tagger."""
    return [tags_of(text.split(" ")) for text in texts]


_by_rule.task, _by_rule.label_names, _by_rule.fingerprint = "token-classification", TAGS, "rule"  # type: ignore[attr-defined]


def _recipe(root: Path, **tables: Any) -> Recipe:
    return Recipe.from_dict(
        {
            **SETTINGS,
            "student": {"encoder": str(encoder(root))},
            "distill": SETTINGS["distill"] | {"baseline": False, "epochs": 25, "augment": 1},
            "verify": SETTINGS["verify"] | {"tolerances": {"min_agreement": 0.0}},
        }
        | tables
    )


def _of_rule(_root: Path) -> Any:
    return _by_rule


def _of_file(root: Path) -> Any:
    return write_rows(root / "told.jsonl", tagged_rows())


def _of_both(root: Path) -> Any:
    return {_by_rule: 1.0, _of_file(root): 1.0}


@pytest.mark.parametrize("source", [_of_rule, _of_file, _of_both])
def test_a_student_learns_tags_from_whoever_knows_them(source: Callable[[Path], Any], tmp_path: Path) -> None:
    """The whole walk: a failure anywhere on it leaves the artifact without the teacher's spans."""
    given = {"task": "token-classification"}
    if source is not _of_rule:  # a file answers the texts that it holds, and no made-up ones
        given["distill"] = SETTINGS["distill"] | {"baseline": False, "epochs": 35, "augment": 0}
    texts = write_rows(tmp_path / "texts.jsonl", [{"tokens": row["tokens"]} for row in tagged_rows()])
    run = compress(source(tmp_path), texts, out=tmp_path / "run", recipe=_recipe(tmp_path, **given),
                   signals=tmp_path / "signals")  # fmt: skip
    assert run.verdict.task == "token-classification"
    assert run.verdict.models[-1].agreement.value > 0.8
    spans = limbeck.load(run.artifact)(["please call mum at seven"])[0].spans
    assert [(span.label, span.text) for span in spans] == [("person", "mum"), ("time", "at seven")]


def test_words_behind_the_teachers_cut_are_told(tmp_path: Path) -> None:
    """A student that reads more of a text than its teacher answered for would learn from other words' answers."""
    from limbeck.distill.lessons import targets_of
    from limbeck.teacher.signals import Signals
    from limbeck.text.tokens import EncodedTexts
    from limbeck.text.windows import Reading

    units = _units([(0, 3), (4, 7)])
    reading = Reading(Ragged(np.array([1, 2]), starts_of([2])), np.zeros(1, np.int64), units)
    encoded = EncodedTexts([[0, 1, 2]], [[0, 0, 0]], (), reading)
    answered = Signals(UnitLogits(np.zeros((1, 5), np.float32), _units([(0, 3)])))
    with pytest.raises(SignalsError, match="or the teacher read less of them"):
        targets_of(Examples(("abc def ghi",), None, None, TAGS), answered, encoded=encoded, task="token-classification")
