"""The base install's promise: nothing but the torch rooms ever needs torch or its kin."""

import subprocess
import sys
from pathlib import Path

import pytest

import limbeck

PACKAGE = Path(limbeck.__file__).parent
# Those after "teacher" call the rooms before them; what users call of them refuses at its door where these cannot be.
TORCH_ROOMS = frozenset(
    "distill encoder/heads export lowering quantization student teacher pipeline planning sweeping teaching".split()
    + "walk/estimating walk/ladder walk/mixing walk/packaging walk/quantizing walk/reckoning walk/shaping".split()
    + "walk/starting walk/twins walk/weighing".split()
)
BARRED = ("accelerate", "datasets", "onnx", "torch", "transformers")
# A finder that stands first and refuses: import-linter reads code, this watches what truly happens.
BAR = f"""
import sys
class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BARRED!r}:
            raise ModuleNotFoundError(f"a light room imports {{name}}")
sys.meta_path.insert(0, Bar())
"""


def _light_modules() -> list[str]:
    """Every module of the package outside the torch rooms, by walking the folder."""
    names = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in TORCH_ROOMS and "/".join(parts) not in TORCH_ROOMS:
            names.append(".".join(("limbeck", *(part for part in parts if part != "__init__"))))
    return names


def _run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BAR + program], capture_output=True, text=True, check=False)


def test_light_rooms_import_where_torch_is_barred() -> None:
    """`pip install limbeck` would break on the customer's box, where no torch is, though every test here is green."""
    names = _light_modules()
    assert {"limbeck.errors", "limbeck.recipe.knobs", "limbeck.tasks.classification"} <= set(names)
    done = _run(f"import importlib\nfor name in {names!r}: importlib.import_module(name)\nprint('all')")
    assert (done.stderr, done.stdout) == ("", "all\n")


@pytest.mark.parametrize("name", BARRED)
def test_the_bar_holds(name: str) -> None:
    """If the bar let torch through, the test above would prove nothing."""
    done = _run(f"import {name}")
    assert done.returncode == 1
    assert done.stderr.endswith(f"ModuleNotFoundError: a light room imports {name}\n")


def test_help_answers_without_loading_the_heavy_libraries() -> None:
    """Somebody who asks for help would wait for torch, or for numpy and onnxruntime, and think the tool slow."""
    heavy = (*BARRED, "numpy", "onnxruntime", "pyarrow", "scipy")
    program = f"""
import runpy, sys
sys.argv = ["limbeck", "--help"]
try:
    from limbeck.cli.main import run
    run()
except SystemExit as end:
    assert not end.code, end.code
print("loaded:", [name for name in {heavy!r} if name in sys.modules])
"""
    done = _run(program)
    assert done.stderr == ""
    assert done.stdout.endswith("loaded: []\n")
    assert "compress" in done.stdout
