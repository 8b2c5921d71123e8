"""The shape of the house: every file says what it is, is short, and stands in a room with a name."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 400
MOST_LINES_OF_A_FACE = 28
NAMELESS_ROOMS = frozenset({"utils", "util", "helpers", "common", "misc", "base"})
CODE = frozenset({".py", ".toml", ".css", ".html", ".jinja", ".j2", ".js", ".sh"})


def _files() -> list[Path]:
    """Every file that belongs to the project; where it is no git checkout, every file of the source folders."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [path for room in ("src", "tests", "scripts", "docs") for path in (ROOT / room).rglob("*")]
    return sorted(path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def _is_code(path: Path) -> bool:
    return path.suffix in CODE or path.parent.name in {"scripts", ".ci"}


FILES = _files()
NAMES = [str(path.relative_to(ROOT)) for path in FILES]
PYTHON = [name for name in NAMES if name.endswith(".py") or name == "scripts/lock"]


@pytest.mark.parametrize("name", [name for name, path in zip(NAMES, FILES, strict=True) if _is_code(path)])
def test_code_files_are_short(name: str) -> None:
    """A file that nobody can hold in their head is where faults hide."""
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", PYTHON)
def test_python_files_open_with_what_they_are(name: str) -> None:
    """A reader who opens a file must know within one line whether it is the one."""
    docstring = ast.get_docstring(ast.parse((ROOT / name).read_text(encoding="utf-8")))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":"))


@pytest.mark.parametrize(
    "name", [name for name, path in zip(NAMES, FILES, strict=True) if _is_code(path) and name not in PYTHON]
)
def test_other_code_files_open_with_what_they_are(name: str) -> None:
    """As above, for scripts, settings and templates."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    first = lines[1] if lines[0].startswith("#!") or lines[0].lower().startswith("<!doctype") else lines[0]
    assert re.match(r"^\s*(#|//|/\*|<!--|\{#)\s*\w", first), first


def test_faces_are_thin() -> None:
    """Code in an `__init__.py` runs for everybody who imports anything below it."""
    for name in PYTHON:
        if name.endswith("__init__.py"):
            lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
            assert len(lines) <= MOST_LINES_OF_A_FACE, name


def test_no_room_is_nameless() -> None:
    """Nobody's first guess finds anything in a room called utils."""
    parts = {part.removesuffix(".py") for name in NAMES for part in Path(name).parts}
    assert parts & NAMELESS_ROOMS == set()


def test_no_pickles_and_no_weights_are_committed() -> None:
    """A binary in the repository cannot be reviewed, and a pickle runs code when it is read."""
    suffixes = {path.suffix for path in FILES}
    assert suffixes & {".pkl", ".pickle", ".pt", ".pth", ".bin", ".safetensors", ".onnx"} == set()


def test_no_two_test_files_share_a_name() -> None:
    """Test folders are no packages, so that a second file of one name cannot be imported beside the first."""
    names = [Path(name).name for name in PYTHON if name.startswith("tests/") and not name.endswith("conftest.py")]
    assert sorted(names) == sorted(set(names))
