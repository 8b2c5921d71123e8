"""The Python of the documents, run as it stands there, by a tiny teacher under the names that the documents use."""

import json
import random
import re
import shutil
from pathlib import Path

import pytest

from small_run import SmallRun
from tiny import WORDS, write_teacher

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCKS = {
    f"{path.relative_to(ROOT)}:{number}": block
    for path in DOCUMENTS
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    )
}
N_TEXTS = 150


@pytest.fixture
def folder_of_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the documents take for granted: a teacher and labelled texts."""
    draw = random.Random(0)
    texts = dict.fromkeys(" ".join(draw.choices(WORDS, k=draw.randint(2, 9))) for _ in range(N_TEXTS))
    rows = [json.dumps({"text": text, "label": draw.choice(["negative", "positive"])}) for text in texts]
    (tmp_path / "texts.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    write_teacher(tmp_path / "path-or-hub-id")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_a_block_of_python_runs(
    block: str, walked: SmallRun, folder_of_a_reader: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first lines that a user copies would fail, and with them the trust in all the rest."""
    if "runs/a/" in block and "compress" not in block:
        shutil.copytree(walked.run.folder, folder_of_a_reader / "runs" / "a")
    exec(compile(block, "<documents>", "exec"), {})
    assert capsys.readouterr().out


def test_the_readme_shows_python() -> None:
    """If the pattern above found nothing, everything would pass."""
    assert [name for name in BLOCKS if name.startswith("README.md")] == ["README.md:0"]
