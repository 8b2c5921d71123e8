"""The face of the package: eight names, each loaded when it is first asked for."""

import subprocess
import sys

import pytest

import limbeck


def test_the_face_offers_what_the_readme_uses() -> None:
    """A name that moved would break the first line of Python that anybody copies."""
    assert sorted(limbeck.__all__) == ["Recipe", "compare", "compress", "load", "plan", "quantize", "teach", "verify"]
    for name in limbeck.__all__:
        assert callable(getattr(limbeck, name))


def test_importing_limbeck_loads_nothing_heavy() -> None:
    """An eager import would make `limbeck --help` and every serving process wait for libraries they never use."""
    program = "import sys, limbeck; print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_unknown_name_is_refused_as_python_does() -> None:
    """`hasattr` and `from limbeck import ...` rely on AttributeError."""
    with pytest.raises(AttributeError, match=r"^module 'limbeck' has no attribute 'comprss'$"):
        _ = limbeck.comprss  # type: ignore[attr-defined]
