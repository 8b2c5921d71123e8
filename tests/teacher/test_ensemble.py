"""Several teachers as one: the average by hand, whose answers are kept where, and which cannot answer together."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import ChatServer, serving

import limbeck
from limbeck.errors import LabelError, RecipeError
from limbeck.pipeline import compress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.tasks.classification import probabilities
from limbeck.teacher import open_teacher
from limbeck.teacher.answering import Teacher
from limbeck.teacher.ensemble import Ensemble
from limbeck.text.examples import Examples
from limbeck.verification import verify
from other_teachers import Words, chances, data, recipe
from small_run import LABELS, labelled_rows, write_rows
from tiny import write_teacher
from watching import Events

TEXTS = ("good film", "awful film")
EXAMPLES = Examples(TEXTS, None, None, LABELS)


def _opened(source: Any, **teacher: Any) -> Ensemble:
    table = Recipe.from_dict({"teacher": teacher})
    found = open_teacher(source, recipe=table, work=Path(), known_labels=lambda _task: LABELS)
    assert isinstance(found, Ensemble)
    return found


def _shares(master: Teacher, root: Path, examples: Examples = EXAMPLES) -> Any:
    labelled = master.label(examples, root, settings=TeacherTable(), part_name="texts", judges=True)
    return probabilities(labelled.store.read(examples.text_fingerprints).logits)


def _answers(path: Path, shares: Any, labels: Any = LABELS, texts: Any = TEXTS) -> Path:
    rows = [
        {"text": text, "probabilities": dict(zip(labels, row, strict=True))}
        for text, row in zip(texts, shares, strict=True)
    ]
    return write_rows(path, rows)


def test_the_average_by_hand(tmp_path: Path) -> None:
    """(3 * 0.8 + 1 * 0.4) / 4 = 0.7 and (3 * 0.1 + 1 * 0.5) / 4 = 0.2, whatever order a member has its classes in."""
    _answers(tmp_path / "a.jsonl", [[0.8, 0.2], [0.1, 0.9]])
    _answers(tmp_path / "b.jsonl", [[0.6, 0.4], [0.5, 0.5]], labels=LABELS[::-1])
    path = tmp_path / "both.toml"
    path.write_text(
        '[[member]]\nsource = "a.jsonl"\nweight = 3\n\n'
        '[[member]]\nsource = "b.jsonl"\nlabels = ["positive", "negative"]\n'
    )
    master = _opened(path)
    assert [member.label_names for member in master.members] == [LABELS, LABELS[::-1]]
    assert np.allclose(_shares(master, tmp_path / "s"), [[0.7, 0.3], [0.2, 0.8]], atol=1e-6)
    assert (master.size_bytes, master.n_parameters, master.made_up) == (None, None, "impossible")
    assert master.told["name"] == "a.jsonl + b.jsonl"
    with master.timed(1) as timed:
        assert timed is None


def test_members_are_asked_once_whoever_asks(tmp_path: Path) -> None:
    """A failure would pay for a member again in every ensemble that it is in."""
    one, two = Words("probabilities"), Words("names", fingerprint="two")
    first = _opened({one: 1.0, two: 1.0})
    second = _opened({one: 1.0, two: 2.0})
    assert first.fingerprint != second.fingerprint
    found = [_shares(master, tmp_path) for master in (first, second, first)]
    assert (one.asked, two.asked) == (list(TEXTS), list(TEXTS))
    rows = np.array([chances(text) for text in TEXTS])
    peaks = np.where(rows > 0.5, 0.9, 0.1)
    assert np.allclose(found[0], (rows + peaks) / 2, atol=1e-6)
    assert np.allclose(found[1], (rows + 2 * peaks) / 3, atol=1e-6)
    assert np.array_equal(found[0], found[2])


def test_models_of_this_machine_are_timed_together(tmp_path: Path) -> None:
    """A failure would compare an artifact with one member, where the user would run both."""
    sources = {write_teacher(tmp_path / name, seed=seed): 1.0 for seed, name in enumerate(("a", "b"))}
    master = _opened(sources)
    singles = [open_teacher(source, recipe=Recipe(), work=tmp_path) for source in sources]
    assert master.size_bytes == sum(single.size_bytes or 0 for single in singles)
    assert master.n_parameters == sum(single.n_parameters or 0 for single in singles)
    assert master.made_up == "answered"
    with master.timed(1) as timed:
        assert timed is not None
        assert timed.engine == "PyTorch float32"
        found = probabilities(timed.logits(TEXTS, None))
    wanted = np.mean([probabilities(single.logits(TEXTS)) for single in singles], axis=0)  # type: ignore[attr-defined]
    assert np.allclose(found, wanted, atol=1e-6)
    assert np.allclose(_shares(master, tmp_path / "s"), wanted, atol=1e-5)


def test_a_member_may_be_a_language_model(tmp_path: Path) -> None:
    """A failure would leave the dearest teacher out, or ask it with another member's settings."""
    _answers(tmp_path / "a.jsonl", [[0.5, 0.5], [0.5, 0.5]])
    with serving(ChatServer()) as server:
        path = tmp_path / "both.toml"
        path.write_text(
            f'[[member]]\nsource = "{server.url}"\n[member.chat]\nmodel = "some-model"\n'
            '[[member]]\nsource = "a.jsonl"\n'
        )
        master = _opened(path, chat={"instructions": "Choose."})
        assert master.made_up == "impossible"
        events = Events()
        master.prepare({"texts": EXAMPLES}, tmp_path / "s", progress=events)
        assert events.sentences[0].startswith("2 calls to some-model at 127.0.0.1")
        rows = np.array([chances(text) for text in TEXTS])
        assert np.allclose(_shares(master, tmp_path / "s"), (rows + 0.5) / 2, atol=1e-3)
        assert server.requests[0]["messages"][0]["content"].startswith("Choose.")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no ensemble: it holds nothing"),
        ("[teacher]\nx = 1\n", "is no ensemble: it holds teacher"),
        ("member = 3\n", "is no ensemble"),
        ("[[member]\n", "is not TOML"),
        ("[[member]]\nweight = 1\n", "member 1: source: Field required"),
        ('[[member]]\nsource = "a.jsonl"\nweight = 0\n', "member 1: weight: Input should be greater than 0"),
        ('[[member]]\nsource = "a.jsonl"\nwait = 1\n', "member 1: wait: Extra inputs are not permitted"),
        ('[[member]]\nsource = "a.jsonl"\n[member.chat]\nmodell = "x"\n', "unknown key 'teacher.chat.modell'"),
    ],
)
def test_files_that_are_no_ensemble(text: str, told: str, tmp_path: Path) -> None:
    """A failure would leave a member out in silence."""
    _answers(tmp_path / "a.jsonl", [[0.5, 0.5], [0.5, 0.5]])
    (tmp_path / "both.toml").write_text(text)
    with pytest.raises(RecipeError, match=told):
        _opened(tmp_path / "both.toml")


def test_members_must_know_the_same_labels(tmp_path: Path) -> None:
    """A failure would add up the probabilities of different things."""
    _answers(tmp_path / "a.jsonl", [[0.5, 0.5], [0.5, 0.5]])
    _answers(tmp_path / "b.jsonl", [[0.5, 0.5], [0.5, 0.5]], labels=("negative", "neutral"))
    with pytest.raises(LabelError, match="they differ in the labels 'neutral', 'positive'"):
        _opened({tmp_path / "a.jsonl": 1.0, tmp_path / "b.jsonl": 1.0})
    for members in ({}, {tmp_path / "a.jsonl": -1.0}):
        with pytest.raises(RecipeError, match="Give one member or more, each with a weight above 0"):
            _opened(members)


def test_a_student_learns_from_an_ensemble(tmp_path: Path) -> None:
    """The whole walk, then verify by the signals alone: the average is kept under the ensemble's own name."""
    texts = [row["text"] for row in labelled_rows()]
    answers = _answers(tmp_path / "answers.jsonl", [chances(text) for text in texts], texts=texts)
    settings = recipe(tmp_path, distill={"augment": 0.0})
    given: dict[str, Any] = {"recipe": settings, "signals": tmp_path / "s"}
    run = compress({answers: 1.0, Words(): 1.0}, data(tmp_path), out=tmp_path / "run", **given)
    assert run.record.teacher["name"] == "answers.jsonl + other_teachers.Words"
    verdict = verify(run.artifact, data(tmp_path), signals=tmp_path / "s")
    found = limbeck.load(run.artifact).logits(texts).values.argmax(axis=1)
    agreed = float((found == np.argmax([chances(text) for text in texts], axis=1)).mean())
    assert verdict.models[-1].agreement.value == agreed
