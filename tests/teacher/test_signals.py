"""Signals: what the teacher said is read back as it was, asked for once, and survives kills and full disks."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from limbeck.errors import SignalsError
from limbeck.teacher.signals import Signals, SignalsKey, SignalStore, find_stores

KEY = SignalsKey(teacher="a" * 32, tokenizer="b" * 32, precision="float32", n_classes=3, hidden_size=4)
ASK_AGAIN = "Delete the folder; its texts are asked for again."


def _names(n: int, start: int = 0) -> list[str]:
    return [f"{number:032x}" for number in range(start, start + n)]


def _answers(n: int, seed: int = 0) -> Signals:
    draw = np.random.default_rng(seed)
    hidden = draw.normal(size=(n, 4)).astype(np.float16)
    return Signals(draw.normal(size=(n, 3)).astype(np.float32), hidden)


def _filled(root: Path, n: int = 5) -> tuple[SignalStore, Path]:
    store = SignalStore(root, KEY)
    store.append(_names(n), _answers(n))
    return store, next(store.folder.glob("part-*.arrow"))


def test_answers_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    """A failure would teach the student one text's answer for another text."""
    given = _answers(5)
    store, _ = _filled(tmp_path)
    for reader in (store, SignalStore(tmp_path, KEY)):
        found = reader.read([_names(5)[row] for row in (3, 0, 3, 4)])
        assert np.array_equal(found.logits, given.logits[[3, 0, 3, 4]])
        assert np.array_equal(found.first_hidden, given.first_hidden[[3, 0, 3, 4]])
        assert (found.logits.dtype, found.first_hidden.dtype, len(found)) == (np.float32, np.float16, 4)


def test_hidden_states_are_rounded_to_half_precision_and_no_further(tmp_path: Path) -> None:
    """A failure would blur what the student is taught. By law: float16 keeps 11 bits, so it is off by 2^-11 at most."""
    exact = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    store = SignalStore(tmp_path, KEY)
    store.append(_names(50), Signals(np.zeros((50, 3), np.float32), exact))  # type: ignore[arg-type]
    found = store.read(_names(50)).first_hidden.astype(np.float32)
    assert np.all(np.abs(found - exact) <= np.abs(exact) * 2.0**-11)
    assert not np.array_equal(found, exact)


def test_a_second_part_goes_on_where_the_first_one_ended(tmp_path: Path) -> None:
    """A failure would ask the teacher again after a kill, or mix up the rows of two parts."""
    first, second = _answers(3, seed=1), _answers(4, seed=2)
    SignalStore(tmp_path, KEY).append(_names(3), first)
    resumed = SignalStore(tmp_path, KEY)
    assert len(resumed) == 3
    assert resumed.missing(_names(7)) == [3, 4, 5, 6]
    resumed.append(_names(4, start=3), second)
    reopened = SignalStore(tmp_path, KEY)
    assert len(reopened) == 7
    assert reopened.missing(_names(7)) == []
    found = reopened.read(_names(7)[::-1])
    assert np.array_equal(found.logits, np.concatenate([first.logits, second.logits])[::-1])
    assert np.array_equal(found.first_hidden, np.concatenate([first.first_hidden, second.first_hidden])[::-1])


def test_equal_texts_are_asked_for_once(tmp_path: Path) -> None:
    """A failure would pay for every repeat of a text."""
    store, _ = _filled(tmp_path, n=1)
    known, new, other = *_names(1), "f" * 32, "e" * 32
    assert store.missing([new, known, new, other, other, known]) == [0, 3]


def test_a_part_is_never_changed_by_what_follows(tmp_path: Path) -> None:
    """A failure could damage hours of labelling while a few more texts are added."""
    store, part = _filled(tmp_path)
    before = part.read_bytes()
    store.append(_names(2, start=5), _answers(2))
    assert part.read_bytes() == before
    assert sorted(path.name[:14] for path in store.folder.glob("part-*")) == ["part-000000000", "part-000000005"]


@pytest.mark.parametrize(
    "change",
    [{"teacher": "c" * 32}, {"tokenizer": "c" * 32}, {"precision": "bfloat16"}, {"n_classes": 4}, {"hidden_size": 8}],
    ids=lambda change: next(iter(change)),
)
def test_whatever_could_change_an_answer_has_its_own_folder(tmp_path: Path, change: dict[str, object]) -> None:
    """A failure would judge a student by another teacher's answers."""
    _filled(tmp_path)
    other = SignalStore(tmp_path, replace(KEY, **change))  # type: ignore[arg-type]
    assert len(other) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_texts_without_an_answer_are_told(tmp_path: Path) -> None:
    """A failure would train on rows of uninitialised memory."""
    store, _ = _filled(tmp_path)
    with pytest.raises(SignalsError) as caught:
        store.read(_names(8))
    assert str(caught.value) == (
        f"3 of 8 texts have no answer of the teacher in {store.folder}.\n"
        "Hint: Label them first: `limbeck compress` does, or give --teacher."
    )


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda whole: b"", "File is too small: 0"),
        (lambda whole: whole[: len(whole) // 2], "Not an Arrow file"),
        (lambda whole: whole[:-1], "Not an Arrow file"),
        (lambda whole: b"x" * len(whole), "Not an Arrow file"),
    ],
    ids=["empty", "half", "cut", "overwritten"],
)
def test_a_damaged_part_is_named_and_costs_only_itself(tmp_path: Path, damage, told: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """A failure would throw away all labelling for one bad sector, or read rubbish as answers."""
    store, part = _filled(tmp_path)
    store.append(_names(2, start=5), _answers(2))
    part.write_bytes(damage(part.read_bytes()))
    with pytest.raises(SignalsError) as caught:
        SignalStore(tmp_path, KEY)
    assert str(caught.value) == (
        f"{part} is no Arrow file ({told}).\nHint: Delete this one file; only its texts are asked for again."
    )
    part.unlink()
    assert SignalStore(tmp_path, KEY).missing(_names(7)) == [0, 1, 2, 3, 4]


def test_a_part_of_another_hand_is_refused(tmp_path: Path) -> None:
    """A failure would end in a stack trace about a missing column."""
    import pyarrow as pa

    store, _ = _filled(tmp_path)
    foreign = store.folder / "part-9.arrow"
    table = pa.table({"text": ["x"], "score": [1.0]})
    with pa.OSFile(str(foreign), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(SignalsError) as caught:
        SignalStore(tmp_path, KEY)
    assert str(caught.value) == (
        f"{foreign} has the columns ['text', 'score'].\nHint: Delete this one file; limbeck did not write it."
    )


def test_a_manifest_that_tells_something_else_is_refused(tmp_path: Path) -> None:
    """A failure would take a copied or edited folder for this teacher's answers."""
    store, _ = _filled(tmp_path)
    manifest = store.folder / "manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "teacher": "c" * 32}))
    with pytest.raises(SignalsError) as caught:
        SignalStore(tmp_path, KEY)
    assert str(caught.value) == (
        f"{manifest} describes other signals than those that its folder is named for.\nHint: {ASK_AGAIN}"
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"kind": ', "is not JSON (Expecting value: line 1 column 10 (char 9))."),
        ('{"kind": "limbeck signals", "format": 1, "teacher": "a"}', "does not say the tokenizer of its signals."),
    ],
    ids=["not JSON", "a key short"],
)
def test_a_damaged_manifest_is_told(tmp_path: Path, content: str, told: str) -> None:
    """A failure would end `limbeck verify` in a stack trace, as it looks at every store on the disk."""
    store, _ = _filled(tmp_path)
    manifest = store.folder / "manifest.json"
    manifest.write_text(content)
    for open_again in (lambda: SignalStore(tmp_path, KEY), lambda: find_stores(tmp_path)):
        with pytest.raises(SignalsError) as caught:
            open_again()
        assert str(caught.value) == f"{manifest} {told}\nHint: {ASK_AGAIN}"


def test_stores_are_found_by_teacher_and_other_folders_passed_over(tmp_path: Path) -> None:
    """A failure would keep `verify` from finding the answers that lie on this disk."""
    other = replace(KEY, teacher="c" * 32)
    half = replace(KEY, precision="bfloat16")
    for key in (KEY, other, half):
        SignalStore(tmp_path, key)
    (tmp_path / "notes").mkdir()
    for name, content in (("later", '{"kind": "limbeck signals", "format": 2}'), ("list", "[]"), ("app", '{"a": 1}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(content)
    assert {store.key for store in find_stores(tmp_path)} == {KEY, other, half}
    assert {store.key for store in find_stores(tmp_path, teacher=KEY.teacher)} == {KEY, half}
    assert find_stores(tmp_path / "nowhere") == []


def test_a_full_disk_is_told_and_the_parts_before_it_stay(tmp_path: Path) -> None:
    """A failure would lose a labelling of hours, or leave half a part that nothing can read."""
    script = f"""
import resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_signals import KEY, SignalStore, _answers, _names
from limbeck.errors import OutputError
from pathlib import Path
store = SignalStore(Path({str(tmp_path)!r}), KEY)
store.append(_names(3), _answers(3))
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
try:
    store.append(_names(500, start=3), _answers(500))
except OutputError as error:
    print(error)
print(len(store))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    folder = tmp_path / KEY.fingerprint
    told, _, known = done.stdout.strip().rpartition("\n")
    full = next(iter(told.split()[i] for i, word in enumerate(told.split()) if word.startswith(str(folder))))
    assert told == (
        f"The disk is full: {full} could not be written.\n"
        "Hint: Free some space and run the same command again: finished stages are kept, it goes on from there."
    )
    assert Path(full).name.startswith("part-000000003-")
    assert known == "3"
    assert [path.name[:14] for path in sorted(folder.iterdir())] == ["manifest.json", "part-000000000"]
    resumed = SignalStore(tmp_path, KEY)
    assert resumed.missing(_names(503)) == list(range(3, 503))
    resumed.append(_names(500, start=3), _answers(500))
    assert np.array_equal(resumed.read(_names(500, start=3)).logits, _answers(500).logits)
