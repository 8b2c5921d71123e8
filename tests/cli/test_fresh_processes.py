"""The console script in processes of its own: without torch, on a full disk, stopped by hand."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import refusal

from small_run import FLAGS, SmallRun

RUN = "from limbeck.cli.main import run\nrun()\n"
# As where limbeck was installed without extras: the finder does not find torch.
WITHOUT = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == {absent!r} else find(name, package)
"""
NO_FILE_BEYOND = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({n_bytes}, {n_bytes}))\n"


def _limbeck(*arguments: object, before: str = "", home: Path | None = None) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **({} if home is None else {"LIMBECK_HOME": str(home)})}
    program = [sys.executable, "-c", before + RUN, *map(str, arguments)]
    return subprocess.run(program, capture_output=True, text=True, check=False, env=variables)


@pytest.mark.parametrize(
    ("command", "what", "extra"),
    [
        (("compress", "--teacher", "t", "--data", "d"), "Compressing a teacher", "train"),
        (("sweep", "--teacher", "t", "--data", "d"), "Sweeping", "train"),
        (("teach", "--encoder", "t", "--data", "d"), "Teaching a teacher", "train"),
        (("demo",), "The demo", "demo"),
    ],
)
def test_a_missing_extra_is_told_with_its_install_line(
    command: tuple[str, ...], what: str, extra: str, tmp_path: Path
) -> None:
    """A failure would end the first try of somebody who read half of the README in a stack trace."""
    found = _limbeck(*command, "--out", tmp_path / "out", before=WITHOUT.format(absent="torch"))
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.endswith(
        refusal(f"{what} needs packages that are not installed.", f"pip install 'limbeck[{extra}]'")
    )
    assert "Traceback" not in found.stderr
    assert len(found.stderr.splitlines()) == 3
    assert not (tmp_path / "out").exists()


def test_asking_a_teacher_without_torch_is_told(walked: SmallRun) -> None:
    """A failure would fail on the customer's box, after the reading of all texts, with a stack trace."""
    given = ("verify", walked.run.artifact, "--data", walked.data, "--teacher", walked.teacher)
    found = _limbeck(*given, before=WITHOUT.format(absent="torch"))
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.endswith(
        refusal(
            "Asking a teacher that is a Hugging Face model needs packages that are not installed.",
            "pip install 'limbeck[train]'",
        )
    )
    assert "Traceback" not in found.stderr


def test_a_full_disk_is_told_and_the_same_command_goes_on(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would lose the run, or leave a half-written artifact that looks whole.

    No file may grow beyond 60 kB: the student of 105 kB cannot be stored. Then there is room again.
    """
    out = tmp_path / "run"
    command = ("compress", "--teacher", walked.teacher, "--data", walked.data, "--out", out, *FLAGS)
    full = _limbeck(*command, before=NO_FILE_BEYOND.format(n_bytes=60_000), home=tmp_path / "home")
    assert (full.returncode, full.stdout) == (2, "")
    assert full.stderr.endswith(
        refusal(
            f"The disk is full: {out / 'work' / 'student-checkpoint.safetensors'} could not be written.",
            "Free some space and run the same command again: finished stages are kept, it goes on from there.",
        )
    )
    assert "Traceback" not in full.stderr
    assert not (out / "artifact").exists()
    again = _limbeck(*command, home=tmp_path / "home")
    assert again.returncode == 0
    assert "teacher labels" not in again.stderr
    for path in walked.run.artifact.rglob("*"):
        if path.is_file():
            assert (out / "artifact" / path.relative_to(walked.run.artifact)).read_bytes() == path.read_bytes()


def test_a_refused_teacher_in_a_fresh_process(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would let another library's remarks stand between limbeck's own words."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}')
    (folder / "model.safetensors").touch()
    found = _limbeck("compress", "--teacher", folder, "--data", walked.data, "--out", tmp_path / "out")
    assert (found.returncode, found.stdout) == (2, "")
    assert [line[9:] if line[5:9] == " s  " else line for line in found.stderr.splitlines()] == [
        "Loading",
        "Reading texts and teacher",
        f"error: {folder} has no classification head (its architecture is BertModel).",
        f"hint:  Fine-tune it first: limbeck teach --encoder {folder} --data texts.jsonl --out my-teacher, "
        "then give --teacher my-teacher.",
    ]
    assert not (tmp_path / "out").exists()


def test_a_closed_pipe_is_no_fault(walked: SmallRun) -> None:
    """A failure would end `limbeck predict ... | head -1` in a stack trace, or with the code of a refused artifact."""
    texts = "good film\n" * 20_000
    command = shlex.join([sys.executable, "-c", RUN, "predict", str(walked.run.artifact)]) + " | head -1"
    found = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], input=texts, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith('{"text": "good film", "label": ')


def test_answers_are_utf8_wherever_they_go(walked: SmallRun) -> None:
    """A failure would end in a stack trace where a pipe takes another encoding, as on Windows."""
    home = os.environ | {"PYTHONIOENCODING": "cp1252"}
    program = [sys.executable, "-c", RUN, "predict", str(walked.run.artifact), "日本 é"]
    found = subprocess.run(program, capture_output=True, check=False, env=home)
    assert (found.returncode, json.loads(found.stdout.decode("utf-8"))["text"]) == (0, "日本 é")


def test_an_output_that_takes_no_more_is_told(walked: SmallRun) -> None:
    """A failure would end in a stack trace and exit code 1, which says that a verdict is no."""
    command = shlex.join([sys.executable, "-c", RUN, "inspect", str(walked.run.artifact), "--json"]) + " > /dev/full"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    told = refusal("standard output: No space left on device.", "Mend what is told here, or give another path.")
    assert (found.returncode, found.stderr) == (2, told)


def test_a_name_that_is_too_long_is_told() -> None:
    """A failure would answer who forgot the artifact with a stack trace."""
    found = _limbeck("predict", "a" * 300)
    assert (found.returncode, found.stdout) == (2, "")
    assert "File name too long" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_fault_of_limbeck_is_no_verdict() -> None:
    """A failure would stop somebody's release by a bug, as if the artifact were refused."""
    broken = "import limbeck.cli.main as m\ndef _work(): raise ValueError('deep within')\nm._work = _work\n"
    found = _limbeck("verify", "x", before=broken)
    assert found.returncode == 70
    assert "ValueError: deep within" in found.stderr
    assert found.stderr.endswith(
        refusal("This is a fault of limbeck, not of what it was given.", "Tell its authors what stands above.")
    )


@pytest.mark.parametrize(
    ("command", "told"),
    [("bench", "\nStopped. The same command goes on from here.\n"), ("inspect", "\nStopped.\n")],
)
def test_who_stops_a_command_is_told_whether_it_goes_on(walked: SmallRun, command: str, told: str) -> None:
    """A failure would end without a word, or promise what the command does not keep."""
    stop = "import os, signal, limbeck.artifact.sealed as sealed\n"
    stop += "sealed.folder_kind = lambda path: os.kill(os.getpid(), signal.SIGINT)\n"
    found = _limbeck(command, walked.run.artifact, before=stop)
    assert (found.returncode, found.stderr[-len(told) :]) == (130, told)
