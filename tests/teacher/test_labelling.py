"""Labelling: every text is asked once, in any number of attempts, and the answers are those of a plain forward."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from limbeck.ground import machine
from limbeck.recipe.knobs import TeacherTable
from limbeck.teacher import Teacher, chosen_precision, label, load_teacher, signals_key
from limbeck.teacher.signals import SignalStore
from limbeck.text.examples import Examples
from small_run import LABELS, labelled_rows
from tiny import write_teacher
from watching import Events, Interrupted

SETTINGS = TeacherTable(batch_tokens=64)
TEXTS = tuple(row["text"] for row in labelled_rows(60))
EXAMPLES = Examples(TEXTS, None, None, LABELS)
labelling = importlib.import_module("limbeck.teacher.labelling")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    """One tiny BERT for all tests of this file."""
    root = tmp_path_factory.mktemp("teacher")
    return load_teacher(write_teacher(root / "model"), settings=SETTINGS, max_tokens=12, work=root)


@pytest.fixture
def _a_part_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write what is answered after every batch, so that a kill in any place leaves something."""
    monkeypatch.setattr(labelling, "_PART_SECONDS", -1.0)


def _store(root: Path, teacher: Teacher, precision: str = "float32") -> SignalStore:
    return SignalStore(root, signals_key(teacher, precision=precision))


def test_answers_are_those_of_a_plain_forward(teacher: Teacher, tmp_path: Path) -> None:
    """A failure would teach the student something that the teacher never said. By twin: one text at a time."""
    store = _store(tmp_path, teacher)
    label(teacher, EXAMPLES, store, settings=SETTINGS)
    found = store.read(EXAMPLES.text_fingerprints)
    encoded = teacher.encoder.encode(TEXTS)
    for row, ids in enumerate(encoded.ids):
        with torch.inference_mode():
            wanted = teacher.model(torch.tensor([ids]), output_hidden_states=True)
        # Padding and batching change the order of sums only: 1e-5 is 100 times float32's rounding.
        assert np.allclose(found.logits[row], wanted.logits[0].numpy(), rtol=1e-5, atol=1e-5)
        # Half precision keeps 11 bits.
        first = wanted.hidden_states[-1][0, 0].numpy()
        assert np.allclose(found.first_hidden[row].astype(np.float32), first, rtol=2.0**-10, atol=1e-5)


def test_pairs_are_asked_as_pairs(teacher: Teacher, tmp_path: Path) -> None:
    """A failure would leave out the second text, and score the student against answers to another question."""
    pairs = replace(EXAMPLES.take([0, 1]), text_pairs=("good", "bad"))
    store = _store(tmp_path, teacher)
    label(teacher, pairs, store, settings=SETTINGS)
    found = store.read(pairs.text_fingerprints).logits
    assert np.allclose(found, teacher.logits(pairs.texts, pairs.text_pairs), atol=1e-5)
    assert not np.allclose(found, teacher.logits(pairs.texts), atol=1e-3)


@pytest.mark.usefixtures("_a_part_a_batch")
def test_a_killed_labelling_goes_on_to_the_same_bits(teacher: Teacher, tmp_path: Path) -> None:
    """A failure would make two runs of one recipe differ because one of them was killed."""
    undisturbed = _store(tmp_path / "a", teacher)
    label(teacher, EXAMPLES, undisturbed, settings=SETTINGS)
    n_batches = len(list(undisturbed.folder.glob("part-*")))
    assert n_batches >= 6
    known = 0
    for interrupted_at in (1, 1, 3):  # advances of the bar within each attempt
        with pytest.raises(Interrupted):
            label(
                teacher, EXAMPLES, _store(tmp_path / "b", teacher), settings=SETTINGS, progress=Events(interrupted_at)
            )
        now = len(_store(tmp_path / "b", teacher))
        assert now >= known
        known = now
    assert 0 < known < len(EXAMPLES)
    record = label(teacher, EXAMPLES, _store(tmp_path / "b", teacher), settings=SETTINGS)
    assert (record.n_found, record.n_asked) == (known, len(EXAMPLES) - known)
    wanted = undisturbed.read(EXAMPLES.text_fingerprints)
    found = _store(tmp_path / "b", teacher).read(EXAMPLES.text_fingerprints)
    assert np.array_equal(found.logits, wanted.logits)
    assert np.array_equal(found.first_hidden, wanted.first_hidden)


def test_a_second_run_asks_nothing(teacher: Teacher, tmp_path: Path) -> None:
    """A failure would pay for the teacher again with every student that is tried."""
    events = Events()
    label(teacher, EXAMPLES, _store(tmp_path, teacher), settings=SETTINGS, progress=events)
    assert events.bars == [("teacher labels texts", 60, "texts", 0, 60)]
    silent = replace(teacher, model=None)  # type: ignore[arg-type]  # asking it would be a TypeError
    again = Events()
    record = label(silent, EXAMPLES, _store(tmp_path, teacher), settings=SETTINGS, progress=again)
    assert (record.n_texts, record.n_found, record.n_asked) == (60, 60, 0)
    assert again.bars == []


def test_repeats_are_asked_once_and_cuts_are_counted(teacher: Teacher, tmp_path: Path) -> None:
    """A failure would pay twice, or hide that the teacher saw the beginning of long texts only."""
    examples = Examples(("good", "bad", "good", "play " * 50), None, None, LABELS)
    store = _store(tmp_path, teacher)
    record = label(teacher, examples, store, settings=SETTINGS)
    assert (record.n_texts, record.n_found, record.n_asked, record.n_truncated) == (4, 1, 3, 1)
    assert record.folder == str(store.folder)
    assert np.array_equal(
        store.read(examples.text_fingerprints).logits[[0]], store.read(examples.text_fingerprints[2:3]).logits
    )


def test_precisions_do_not_share_answers(teacher: Teacher, tmp_path: Path) -> None:
    """A failure would judge a student by answers that were computed in half precision."""
    exact, half = _store(tmp_path, teacher), _store(tmp_path, teacher, "bfloat16")
    assert exact.folder != half.folder
    for store in (exact, half):
        label(teacher, EXAMPLES, store, settings=SETTINGS)
    a, b = (store.read(EXAMPLES.text_fingerprints).logits for store in (exact, half))
    assert not np.array_equal(a, b)
    # bfloat16 keeps 8 bits; through four layers the logits stay within a few percent of their spread.
    assert np.abs(a - b).max() < 0.25 * np.abs(a).max()


@pytest.mark.parametrize(
    ("wanted", "has_it", "chosen"),
    [
        ("auto", True, "bfloat16"),
        ("auto", False, "float32"),
        ("float32", True, "float32"),
        ("bfloat16", False, "bfloat16"),
    ],
)
def test_half_precision_is_chosen_where_it_is_fast(
    wanted: str, has_it: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would emulate bfloat16 in software, several times slower than float32."""
    monkeypatch.setattr(machine, "has_fast_bfloat16", lambda: has_it)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert chosen_precision(TeacherTable(precision=wanted)) == chosen  # type: ignore[arg-type]
