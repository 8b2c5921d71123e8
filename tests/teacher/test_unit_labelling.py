"""Labelling words and windows: each is asked once, in any number of attempts, and stands where its text has it."""

import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoModelForTokenClassification

from limbeck.distill import Objective, live_teacher, targets_of
from limbeck.export import write_onnx
from limbeck.ground import machine
from limbeck.recipe.knobs import DataTable, TeacherTable
from limbeck.teacher import Teacher, label, load_teacher, signals_key
from limbeck.teacher.graph import graph_teacher
from limbeck.teacher.load import EncoderTeacher, load_model, model_inputs, quiet
from limbeck.teacher.signals import SignalStore
from limbeck.text.examples import Examples
from limbeck.text.units import UnitLogits
from tiny import WORDS, write_teacher
from watching import Events, Interrupted

SETTINGS = TeacherTable(batch_tokens=64)
DATA = DataTable(max_tokens=24, window_overlap=8, no_answer_threshold=1.5)
N_TEXTS = 12
CONTEXTS = tuple(" ".join(WORDS[number : number + 3 * number + 4]) for number in range(N_TEXTS))
QUESTIONS = Examples(tuple(f"who is {word}" for word in WORDS[:N_TEXTS]), CONTEXTS, None, ("start", "end"))
TAGGED = Examples(CONTEXTS, None, None, ("O", "B-a", "I-a"))
labelling = importlib.import_module("limbeck.teacher.labelling")


def _teacher(root: Path, kind: type, labels: tuple[str, ...]) -> Teacher:
    """A tiny teacher with another head."""
    folder = write_teacher(root / "plain", labels=labels)
    torch.manual_seed(1)
    with quiet():
        model = kind.from_pretrained(folder)
    model.save_pretrained(root / "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / name, root / "model" / name)
    return load_teacher(root / "model", settings=SETTINGS, work=root, data=DATA)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    """A teacher of questions, in windows of 24 tokens."""
    root = tmp_path_factory.mktemp("asked")
    return _teacher(root, AutoModelForQuestionAnswering, ("start", "end"))


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    """A teacher of tags."""
    return _teacher(tmp_path_factory.mktemp("tagger"), AutoModelForTokenClassification, TAGGED.label_names)


def _read(root: Path, teacher: Teacher, examples: Examples) -> UnitLogits:
    store = SignalStore(root, signals_key(teacher, precision="float32"))
    found = store.read(examples.text_fingerprints, within=examples.within, threshold=1.5).logits
    assert isinstance(found, UnitLogits)
    return found


def test_a_teacher_says_itself_what_it_was_made_for(asked: Teacher, tagger: Teacher) -> None:
    """A failure would ask a teacher of tags for one label a text."""
    assert (asked.task, asked.label_names, asked.encoder.rules.threshold) == (
        "question-answering",
        ("start", "end"),
        1.5,
    )
    assert (tagger.task, tagger.label_names) == ("token-classification", ("O", "B-a", "I-a"))


@pytest.mark.parametrize(("name", "examples"), [("asked", QUESTIONS), ("tagger", TAGGED)])
def test_signals_are_the_teachers_own_answers(
    name: str, examples: Examples, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """By twin: what is read from disk, in another order, against asking anew."""
    teacher: Teacher = request.getfixturevalue(name)
    label(teacher, examples, SignalStore(tmp_path, signals_key(teacher, precision="float32")), settings=SETTINGS)
    order = [7, 2, 11, 2, 0]
    some = examples.take(order)
    found, wanted = _read(tmp_path, teacher, some), teacher.logits(some.texts, some.text_pairs)
    assert isinstance(wanted, UnitLogits)
    assert found.units.are_those_of(wanted.units)
    assert found.units.texts == some.within
    np.testing.assert_allclose(found.values, wanted.values, atol=1e-5)


@pytest.mark.parametrize(("name", "examples"), [("asked", QUESTIONS), ("tagger", TAGGED)])
def test_answers_as_training_goes_are_those_that_would_stand_on_disk(
    name: str, examples: Examples, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would teach a token what the teacher says of another. Both are asked about the same windows."""
    monkeypatch.setattr(machine, "has_fast_bfloat16", lambda: False)
    teacher: Teacher = request.getfixturevalue(name)
    assert isinstance(teacher, EncoderTeacher)
    store = SignalStore(tmp_path, signals_key(teacher, precision="float32"))
    label(teacher, examples, store, settings=SETTINGS)
    signals = store.read(examples.text_fingerprints, within=examples.within, threshold=1.5)
    encoded = teacher.encoder.to_learn_from(examples.texts, examples.text_pairs)
    kept = targets_of(examples, signals, encoded=encoded, task=teacher.task)
    objective = Objective({"soft_labels": 1.0, "last_hidden": 1.0}, task=teacher.task)
    live = live_teacher(teacher.model, taken=(0, 1), objective=objective)
    rows = [len(encoded.ids) - 1, 0, 3, 2]
    batch = teacher.encoder.pad(encoded, rows)
    found = live.inner(model_inputs(teacher.model, batch), batch).logits
    wanted = kept.take(torch.from_numpy(encoded.answers_of(rows)), device=torch.device("cpu")).teacher_logits
    assert found is not None
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_killed_labelling_keeps_whole_texts_only(
    asked: Teacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Windows of one text are in several batches; half of a text on disk would never be asked about again."""
    monkeypatch.setattr(labelling, "_PART_SECONDS", -1.0)
    key = signals_key(asked, precision="float32")
    label(asked, QUESTIONS, SignalStore(tmp_path / "a", key), settings=SETTINGS)
    with pytest.raises(Interrupted):
        label(asked, QUESTIONS, SignalStore(tmp_path / "b", key), settings=SETTINGS, progress=Events(after))
    known = len(SignalStore(tmp_path / "b", key))
    assert known < N_TEXTS
    events = Events()
    record = label(asked, QUESTIONS, SignalStore(tmp_path / "b", key), settings=SETTINGS, progress=events)
    assert (record.n_found, record.n_asked) == (known, N_TEXTS - known)
    assert events.bars == [("teacher labels texts", N_TEXTS, "texts", known, N_TEXTS - known)]
    whole, resumed = _read(tmp_path / "a", asked, QUESTIONS), _read(tmp_path / "b", asked, QUESTIONS)
    assert np.array_equal(whole.values, resumed.values)
    assert whole.units.are_those_of(resumed.units)


def test_a_graph_answers_as_its_model(asked: Teacher, tmp_path: Path) -> None:
    """A failure would make an ONNX teacher answer for padding, or for one window of each context."""
    folder = asked.folder
    write_onnx(load_model(folder), tmp_path / "model.onnx", packed=None)
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copy(folder / name, tmp_path / name)
    graph = graph_teacher(tmp_path, labels=(), data=DATA)
    assert graph.task == "question-answering"
    labelled = graph.label(QUESTIONS, tmp_path / "signals", settings=SETTINGS, part_name="texts", judges=True)
    found = labelled.store.read(QUESTIONS.text_fingerprints, within=QUESTIONS.within).logits
    wanted = asked.logits(QUESTIONS.texts, QUESTIONS.text_pairs)
    assert isinstance(found, UnitLogits)
    np.testing.assert_allclose(found.values, wanted.values, atol=2e-5)
    assert found.units.are_those_of(wanted.units)
