"""Bad input at the command line: the whole message on stderr, exit code 2, and nothing written."""

import json
import shutil
from pathlib import Path

import pytest
from command_line import limbeck, refusal

from limbeck.encoder.families import ENCODERS
from small_run import SmallRun, labelled_rows, write_rows
from tiny import write_teacher

ROWS = labelled_rows(30)
LOADING, READING = "Loading", "Reading texts and teacher"
COUNTED = "all: 30 texts from 'text', labels from 'label'."
MEND = "Mend that line. If it is the last one, the file may be cut short."

# What stands in the file of texts -> the message after its path, and the hint.
DATA: dict[str, tuple[bytes, str, str]] = {
    "empty file": (b"", " holds no rows.", "Give a file with at least one text; a header alone is not one."),
    "row without text": (
        b'{"text": "good", "label": "positive"}\n{"label": "negative"}\n',
        ", line 2: expected a text, but there is no 'text'.",
        "Give every row a text, or remove the rows without one.",
    ),
    "broken JSON": (
        b'{"text": "good", "label": "positive"}\n{"text": "bad" "label": "negative"}\n',
        ", line 2, column 16: not JSON (Expecting ',' delimiter).",
        MEND,
    ),
    "a megabyte of text": (
        json.dumps({"text": "x" * 1_000_000, "label": "positive"}).encode(),
        ", line 1: the text has 1,000,000 characters; at most 100,000 are taken.",
        "A model reads the first few hundred words only: cut the text, part it into rows, or remove the row.",
    ),
}


def _teacher_text(folder: Path, **changes: object) -> Path:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


@pytest.fixture(scope="module")
def teacher(walked: SmallRun) -> Path:
    """A teacher that is in order."""
    return walked.teacher


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Texts that are in order."""
    return write_rows(tmp_path / "texts.jsonl", ROWS)


@pytest.mark.parametrize("command", ["compress", "sweep", "teach", "verify"])
@pytest.mark.parametrize("name", DATA)
def test_data_that_cannot_be_read(name: str, command: str, walked: SmallRun, tmp_path: Path) -> None:
    """A failure would show a stack trace, or train on what was left of a broken file."""
    content, message, hint = DATA[name]
    path, out = tmp_path / "texts.jsonl", tmp_path / "out"
    path.write_bytes(content)
    arguments, after = {
        "compress": (("--teacher", walked.teacher, "--data", path, "--out", out), (LOADING, READING)),
        "sweep": (("--teacher", walked.teacher, "--data", path, "--out", out), (LOADING, READING)),
        "teach": (("--encoder", walked.encoder, "--data", path, "--out", out), (LOADING, "Reading texts and encoder")),
        "verify": ((walked.run.artifact, "--data", path), ()),
    }[command]
    found = limbeck(command, *arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(f"{path}{message}", hint, after=after)
    assert not out.exists()


def test_data_that_are_not_utf_8(teacher: Path, tmp_path: Path) -> None:
    """A failure would train on broken characters."""
    path = tmp_path / "texts.jsonl"
    path.write_bytes(b'{"text": "good", "label": "positive"}\n{"text": "caf\xe9", "label": "negative"}\n')
    found = limbeck("compress", "--teacher", teacher, "--data", path, "--out", tmp_path / "out")
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        f"{path}, line 2: not UTF-8 (byte 0xe9 at offset 51).",
        f"Convert it, if it is Western European: iconv -f WINDOWS-1252 -t UTF-8 {path} > converted",
        after=(LOADING, READING),
    )
    assert not (tmp_path / "out").exists()


def test_labels_that_the_teacher_does_not_know(teacher: Path, tmp_path: Path) -> None:
    """A failure would train the student on classes that its teacher cannot tell."""
    rows = [*ROWS, {"text": "so so", "label": "neutral"}, {"text": "great", "label": "positiv"}]
    path = write_rows(tmp_path / "texts.jsonl", rows)
    found = limbeck("compress", "--teacher", teacher, "--data", path, "--out", tmp_path / "out")
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        f"{path}: 2 rows have a label that the teacher does not know:\n"
        f"  - 'neutral' in 1 row, first in {path}, line 31: 'so so'\n"
        f"  - 'positiv' in 1 row, first in {path}, line 32: 'great'; did you mean 'positive'?",
        "The teacher knows 'negative', 'positive'. Write these names, or their numbers 0 to 1 in this order.",
        after=(LOADING, READING, "all: 32 texts from 'text', labels from 'label'."),
    )
    assert not (tmp_path / "out").exists()


def test_one_label_only(teacher: Path, tmp_path: Path) -> None:
    """A failure would hand back a model that answers the same to everything, with a perfect score."""
    path = write_rows(tmp_path / "texts.jsonl", [row | {"label": "positive"} for row in ROWS])
    found = limbeck("compress", "--teacher", teacher, "--data", path, "--out", tmp_path / "out")
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        f"{path}: every row has the label 'positive', and there is nothing to tell it from.",
        "Classification needs rows of at least two labels. Is the right column named? --data.label NAME.",
        after=(LOADING, READING, COUNTED),
    )
    assert not (tmp_path / "out").exists()


def test_a_teacher_without_a_head(data: Path, tmp_path: Path) -> None:
    """A failure would distil random numbers."""
    folder = _teacher_text(write_teacher(tmp_path / "model"), architectures=["BertModel"])
    found = limbeck("compress", "--teacher", folder, "--data", data, "--out", tmp_path / "out")
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        f"{folder} has no classification head (its architecture is BertModel).",
        f"Fine-tune it first: limbeck teach --encoder {folder} --data texts.jsonl --out my-teacher, "
        "then give --teacher my-teacher.",
        after=(LOADING, READING),
    )
    assert not (tmp_path / "out").exists()


def test_a_teacher_of_another_family(data: Path, tmp_path: Path) -> None:
    """A failure would end in a stack trace at the export, after hours."""
    folder = _teacher_text(write_teacher(tmp_path / "model"), model_type="t5")
    found = limbeck("compress", "--teacher", folder, "--data", data, "--out", tmp_path / "out")
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        f"{folder} is of the family 't5': it is an encoder with a decoder, and limbeck distils encoders "
        f"(known are {', '.join(ENCODERS)}).",
        "Give a teacher of a known family.",
        after=(LOADING, READING),
    )


def test_a_pickled_teacher(data: Path, tmp_path: Path) -> None:
    """A failure would run whatever code somebody put into a checkpoint."""
    folder = write_teacher(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    found = limbeck("compress", "--teacher", folder, "--data", data, "--out", tmp_path / "out")
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        f"{folder} holds its weights only as pickle (pytorch_model.bin); opening a pickle can run any code.",
        "If you trust its origin, convert it once, then give the new folder:\n"
        '  python -c "from transformers import AutoModelForSequenceClassification as M, AutoTokenizer as T; '
        f"d = '{folder}'; M.from_pretrained(d).save_pretrained(d + '-safe'); "
        "T.from_pretrained(d).save_pretrained(d + '-safe')\"",
        after=(LOADING, READING),
    )
    assert not (tmp_path / "out").exists()


def test_a_teacher_with_its_own_code(data: Path, tmp_path: Path) -> None:
    """A failure would run a stranger's Python; the hint's option lets it through."""
    mapped = {"AutoConfig": "own.Config"}
    folder = _teacher_text(write_teacher(tmp_path / "model"), auto_map=mapped, architectures=["BertModel"])
    found = limbeck("compress", "--teacher", folder, "--data", data, "--out", tmp_path / "out")
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        f"{folder} can only be loaded by running Python code that came with it ({mapped}).",
        f"If you trust that code, allow it by name: --teacher.allow_code '[\"{folder}\"]'",
        after=(LOADING, READING),
    )
    allowed = ("--teacher.allow_code", f'["{folder}"]')
    found = limbeck("compress", "--teacher", folder, "--data", data, "--out", tmp_path / "out", *allowed)
    assert "has no classification head" in found.err  # the next thing that is checked


def test_an_out_folder_that_holds_something_else(teacher: Path, data: Path, tmp_path: Path) -> None:
    """A failure would overwrite somebody's work."""
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.tex").write_text("years of work")
    found = limbeck("compress", "--teacher", teacher, "--data", data, "--out", out)
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        f"{out} holds something else (chapter.tex).",
        "Give an --out folder that is new, empty, or of an earlier run.",
        after=(LOADING,),
    )
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("chapter.tex", "years of work")]


def test_a_finished_run_with_another_recipe(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would overwrite a finished run."""
    out = Path(shutil.copytree(walked.run.folder, tmp_path / "run"))
    found = limbeck("compress", "--teacher", walked.teacher, "--data", walked.data, "--out", out, "--seed", 1)
    assert (found.code, found.out) == (2, "")
    assert f"error: {out} holds another run; since then have changed: " in found.err
    assert "recipe.seed (0 -> 1)" in found.err
    assert found.err.endswith("hint:  Give another --out folder: a finished run is never overwritten.\n")


def test_data_and_artifacts_that_are_not_there(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would show a stack trace for a slip in a path."""
    found = limbeck("verify", tmp_path / "nowhere", "--data", walked.data)
    assert found.code == 2
    assert found.err == refusal(
        f"{tmp_path / 'nowhere'} does not exist.",
        "Give the folder that `limbeck compress` wrote as <out>/artifact.",
    )
    found = limbeck("verify", walked.run.artifact, "--data", tmp_path / "nowhere.jsonl")
    assert found.code == 2
    assert found.err.startswith(f"error: There is no file or folder {tmp_path / 'nowhere.jsonl'}")
    assert "Traceback" not in found.err
