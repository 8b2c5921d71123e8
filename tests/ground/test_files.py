"""What is written is whole or absent, whatever happens half-way."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from limbeck.errors import OutputError
from limbeck.ground import files


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    """A failure would let another process, or the next run, read half a file."""
    path = tmp_path / "below" / "file.txt"
    with files.written_whole(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [found.name for found in path.parent.iterdir()] == ["file.txt"]


def test_what_was_there_stays_when_the_writing_fails(tmp_path: Path) -> None:
    """A failure would lose the last good checkpoint together with the new one."""
    path = tmp_path / "file.txt"
    path.write_text("before")
    with suppress(ZeroDivisionError), files.written_whole(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["file.txt"]


def test_a_folder_takes_its_place_at_once(tmp_path: Path) -> None:
    """A failure would mix the files of two artifacts, or lose the old one for nothing."""
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with suppress(ZeroDivisionError), files.folder_written_whole(path) as temporary:
        (temporary / "half").touch()
        raise ZeroDivisionError
    assert [found.name for found in path.iterdir()] == ["old"]
    with files.folder_written_whole(path) as temporary:
        (temporary / "new").touch()
    assert [found.name for found in path.iterdir()] == ["new"]
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("write", [files.written_whole, files.folder_written_whole])
def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path: Path, write: object) -> None:
    """A failure would show a stack instead of "free some space", and fill the disk with leftovers."""
    path = tmp_path / "x"
    with pytest.raises(OutputError) as caught, write(path):  # type: ignore[operator]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(caught.value) == (
        f"The disk is full: {path} could not be written.\n"
        "Hint: Free some space and run the same command again: finished stages are kept, it goes on from there."
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EDQUOT, "The disk is full: {path} could not be written."),
        (errno.EACCES, "{path} cannot be written: Permission denied."),
        (errno.EROFS, "{path} cannot be written: Read-only file system."),
        (errno.EEXIST, "{path} cannot be written: File exists."),
    ],
)
def test_other_faults_of_the_place_are_told(tmp_path: Path, number: int, expected: str) -> None:
    """A failure would blame limbeck for a quota or a read-only disk."""
    with pytest.raises(OutputError) as caught, files.disk_faults_told(tmp_path):
        raise OSError(number, os.strerror(number))
    assert caught.value.message == expected.format(path=tmp_path)


def test_faults_of_another_kind_are_not_hidden(tmp_path: Path) -> None:
    """A failure would call a failing disk full."""
    with pytest.raises(OSError, match="Input/output error") as caught, files.disk_faults_told(tmp_path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert not isinstance(caught.value, OutputError)


def test_a_killed_writer_leaves_the_old_file_and_a_leftover_that_is_found(tmp_path: Path) -> None:
    """A failure would leave half a file under the real name, or rubbish that nothing clears away."""
    path = tmp_path / "deep" / "file.txt"
    path.parent.mkdir()
    path.write_text("before")
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from limbeck.ground import files\n"
        "with files.written_whole(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    assert path.read_text() == "before"
    assert [left.name for left in files.leftovers(tmp_path)] == [f"file.txt.partial-{writer.pid}"]


def test_json_is_written_the_same_each_time(tmp_path: Path) -> None:
    """A failure would make equal runs give files of other bytes."""
    path = tmp_path / "value.json"
    files.write_json(path, {"b": [1, 0.1], "a": "é"})
    assert path.read_bytes() == '{\n  "b": [\n    1,\n    0.1\n  ],\n  "a": "é"\n}\n'.encode()


def test_sizes_are_of_files_and_of_all_below_a_folder(tmp_path: Path) -> None:
    """A failure would put a wrong size into the verdict."""
    (tmp_path / "below").mkdir()
    (tmp_path / "one").write_bytes(b"12345")
    (tmp_path / "below/two").write_bytes(b"123")
    assert files.size_bytes(tmp_path / "one") == 5
    assert files.size_bytes(tmp_path) == 8


def test_a_folder_that_cannot_be_replaced_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would end hours of work with a stack, or leave a shell in a folder that is gone."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="is the folder that you work in"), files.folder_written_whole(Path()):
        pytest.fail("the work began")
    with pytest.raises(OutputError, match="is a mounted disk"), files.folder_written_whole(Path("/")):
        pytest.fail("the work began")


def test_a_link_stays_a_link_to_the_new_folder(tmp_path: Path) -> None:
    """A failure would end with a stack after the work, as a link cannot be removed as a folder."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    with files.folder_written_whole(tmp_path / "link") as temporary:
        (temporary / "new").touch()
    assert (tmp_path / "link").is_symlink()
    assert [found.name for found in (tmp_path / "folder").iterdir()] == ["new"]
    assert sorted(found.name for found in tmp_path.iterdir()) == ["folder", "link"]


def test_the_old_folder_comes_back_where_the_new_one_cannot_be_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would lose both."""
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    replace = Path.replace

    def refuse_the_new(one: Path, target: Path) -> Path:
        if target == path and "old-" not in one.name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return replace(one, target)

    monkeypatch.setattr(Path, "replace", refuse_the_new)
    with pytest.raises(OutputError, match="cannot be written"), files.folder_written_whole(path) as temporary:
        (temporary / "new").touch()
    assert [found.name for found in path.iterdir()] == ["old"]
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]


def test_what_a_killed_writer_set_aside_is_put_back_and_the_rest_cleared_away(tmp_path: Path) -> None:
    """A failure would lose the earlier folder to a kill between two renames, or fill the disk kill by kill."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    path = tmp_path / "folder"
    aside, half = (tmp_path / f"folder.partial-{kind}{gone.pid}" for kind in ("old-", ""))
    others = tmp_path / f"folder.partial-{os.getppid()}"
    for folder in (aside, half, others):
        folder.mkdir()
    (aside / "old").touch()
    with suppress(ZeroDivisionError), files.folder_written_whole(path):
        raise ZeroDivisionError
    assert [found.name for found in path.iterdir()] == ["old"]
    assert sorted(found.name for found in tmp_path.iterdir()) == ["folder", others.name]
