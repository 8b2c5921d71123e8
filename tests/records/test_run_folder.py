"""The folder of a run: claimed by one process, never another run's, given back when nothing came of it."""

import json
from pathlib import Path

import pytest

from limbeck.errors import DataError, OutputError
from limbeck.records.run_folder import MARKER_FILE, SWEEP_KIND, claimed

IDENTITY = {"teacher": "a" * 32, "data": {"train": "b" * 32}, "recipe": {"seed": 0, "distill": {"epochs": None}}}


def _settled(path: Path) -> Path:
    with claimed(path) as folder:
        folder.settle(IDENTITY)
    return path


def _all_files(path: Path) -> dict[str, bytes]:
    return {str(found.relative_to(path)): found.read_bytes() for found in path.rglob("*") if found.is_file()}


def test_a_new_folder_is_claimed_and_taken_up_again(tmp_path: Path) -> None:
    """A failure would keep a killed run from going on."""
    path = tmp_path / "runs" / "a"
    with claimed(path) as folder:
        assert (folder.path, folder.work, folder.artifact) == (path, path / "work", path / "artifact")
        assert not folder.is_settled
        folder.settle(IDENTITY)
        assert folder.is_settled
        (folder.work / "stage").write_text("kept")
    with claimed(path) as folder:
        folder.settle(IDENTITY)
        assert (folder.work / "stage").read_text() == "kept"
    assert json.loads((path / MARKER_FILE).read_text()) == {"kind": "limbeck run", **IDENTITY}


def test_an_empty_folder_may_be_claimed(tmp_path: Path) -> None:
    """A failure would refuse the folder that somebody made for the purpose."""
    assert _all_files(_settled(tmp_path))[MARKER_FILE]


@pytest.mark.parametrize(
    ("names", "told"),
    [(["thesis.tex"], "thesis.tex"), (["b", "a", "d", "c"], "a, b, c, …"), ([".git"], ".git")],
)
def test_a_folder_of_something_else_is_left_alone(names: list[str], told: str, tmp_path: Path) -> None:
    """A failure would write into, or over, somebody's work."""
    for name in names:
        (tmp_path / name).write_text("years of work")
    before = _all_files(tmp_path)
    with pytest.raises(OutputError) as caught, claimed(tmp_path):
        raise AssertionError
    assert str(caught.value) == (
        f"{tmp_path} holds something else ({told}).\n"
        "Hint: Give an --out folder that is new, empty, or of an earlier run."
    )
    assert _all_files(tmp_path) == before


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A failure would end in a stack trace, or take the file away."""
    path = tmp_path / "file"
    path.write_text("content")
    with pytest.raises(OutputError) as caught, claimed(path):
        raise AssertionError
    assert str(caught.value) == f"{path} is a file, not a folder.\nHint: Give another --out folder."
    with pytest.raises(OutputError) as caught, claimed(path / "below"):
        raise AssertionError
    assert str(caught.value) == (
        f"{path / 'below' / MARKER_FILE} cannot be written: Not a directory.\nHint: Give another --out folder."
    )
    assert path.read_text() == "content"


def test_two_processes_do_not_work_in_one_folder(tmp_path: Path) -> None:
    """A failure would let two runs overwrite each other's checkpoints. The second one takes nothing away."""
    path = tmp_path / "run"
    with claimed(path) as folder:
        (folder.work / "checkpoint").write_text("of the first")
        with pytest.raises(OutputError) as caught, claimed(path):
            raise AssertionError
        assert str(caught.value) == (
            f"Another limbeck is at work in {path}.\nHint: Wait for it, or give another --out."
        )
        assert (folder.work / "checkpoint").read_text() == "of the first"
        folder.settle(IDENTITY)
    _settled(path)


@pytest.mark.parametrize("was_there", [False, True])
def test_a_refused_input_leaves_no_trace(was_there: bool, tmp_path: Path) -> None:
    """A failure would leave a folder behind for every slip in a command, and later refuse it as another run's."""
    path = tmp_path / "run"
    if was_there:
        path.mkdir()
    with pytest.raises(DataError), claimed(path) as folder:
        (folder.work / "tokenizer").mkdir()
        raise DataError("Broken.", hint="Mend it.")
    assert path.exists() == was_there
    assert _all_files(tmp_path) == {}


def test_an_error_within_a_run_leaves_all_that_was_done(tmp_path: Path) -> None:
    """A failure would throw hours away because the disk was full for a moment."""
    path = tmp_path / "run"
    with pytest.raises(OutputError), claimed(path) as folder:
        folder.settle(IDENTITY)
        (folder.work / "checkpoint").write_text("hours")
        raise OutputError("The disk is full.", hint="Free some.")
    assert (path / "work" / "checkpoint").read_text() == "hours"


def test_another_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    """A failure would mix the weights of two runs, or overwrite the finished one."""
    path = _settled(tmp_path / "run")
    before = _all_files(path)
    other = {"teacher": "c" * 32, "data": {"train": "b" * 32}, "recipe": {"seed": 1, "distill": {"epochs": 3}}}
    with pytest.raises(OutputError) as caught, claimed(path) as folder:
        folder.settle(other)
    assert str(caught.value) == (
        f'{path} holds another run; since then have changed: teacher ("{"a" * 32}" -> "{"c" * 32}"); '
        "recipe.distill.epochs (null -> 3); recipe.seed (0 -> 1).\n"
        "Hint: Give another --out folder: a finished run is never overwritten."
    )
    assert _all_files(path) == before


def test_long_changes_are_cut_short(tmp_path: Path) -> None:
    """A failure would fill the screen with a list of columns."""
    path = _settled(tmp_path / "run")
    with pytest.raises(OutputError) as caught, claimed(path) as folder:
        folder.settle({**IDENTITY, "recipe": {"seed": 0, "distill": {"epochs": ["epoch"] * 20}}})
    assert 'recipe.distill.epochs (null -> ["epoch", "e…)' in caught.value.message


def test_leftovers_of_a_kill_are_cleared(tmp_path: Path) -> None:
    """A failure would fill the disk a little more with every kill."""
    path = _settled(tmp_path / "run")
    (path / "artifact.partial-123").mkdir()
    (path / "artifact.partial-123" / "model.onnx").write_text("half")
    (path / "work" / "checkpoint.safetensors.partial-123").write_text("half")
    (path / "report.html").write_text("whole")
    _settled(path)
    assert sorted(_all_files(path)) == [MARKER_FILE, "report.html", "work/.lock"]


def test_a_stage_is_timed_when_it_ends_well(tmp_path: Path) -> None:
    """A failure would tell of seconds that a killed attempt took, or forget those of the stages before."""
    with claimed(tmp_path / "run") as folder:
        assert folder.seconds() == {}
        with folder.stage("labelling"):
            pass
        with pytest.raises(ZeroDivisionError), folder.stage("distillation"):
            raise ZeroDivisionError
        with folder.stage("export"):
            pass
        assert folder.seconds().keys() == {"labelling", "export"}
        assert all(seconds >= 0 for seconds in folder.seconds().values())


def test_a_marker_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A failure would end in a stack trace over a file that an editor broke."""
    path = _settled(tmp_path / "run")
    (path / MARKER_FILE).write_text('{"kind"')
    with pytest.raises(OutputError) as caught, claimed(path) as folder:
        folder.settle(IDENTITY)
    assert str(caught.value) == (
        f"{path / MARKER_FILE} is not what limbeck wrote (Expecting ':' delimiter: line 1 column 8 (char 7)).\n"
        "Hint: Give another --out folder."
    )


def test_a_sweep_is_no_run_and_a_run_no_sweep(tmp_path: Path) -> None:
    """A failure would write a sweep over a run, or a run into a sweep."""
    run = _settled(tmp_path / "run")
    with claimed(tmp_path / "sweep", kind=SWEEP_KIND) as folder:
        folder.settle(IDENTITY)
    with pytest.raises(OutputError) as caught, claimed(run, kind=SWEEP_KIND):
        raise AssertionError
    assert str(caught.value) == f"{run} holds a limbeck run, not a limbeck sweep.\nHint: Give another --out folder."
    with pytest.raises(OutputError) as caught, claimed(tmp_path / "sweep"):
        raise AssertionError
    assert caught.value.message == f"{tmp_path / 'sweep'} holds a limbeck sweep, not a limbeck run."
    with claimed(tmp_path / "sweep", kind=SWEEP_KIND) as folder:
        folder.settle(IDENTITY)
