"""A missing extra is told at the door, with the line that installs it."""

import importlib.util

import pytest

from limbeck.errors import MissingExtraError
from limbeck.ground import extras


@pytest.mark.parametrize("extra", ["train", "demo"])
@pytest.mark.parametrize("absent", ["torch", "accelerate", "onnx"])
def test_one_missing_package_is_enough(extra: str, absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would end in an ImportError half-way through a run."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == absent else find(name))
    with pytest.raises(MissingExtraError) as caught:
        extras.need(extra, what="Compressing a teacher")
    assert str(caught.value) == (
        f"Compressing a teacher needs packages that are not installed.\nHint: pip install 'limbeck[{extra}]'"
    )
    assert caught.value.extra == extra


def test_what_is_there_is_let_through() -> None:
    """A failure would refuse to work where everything is installed. The tests run with all extras."""
    for extra in ("train", "demo"):
        extras.need(extra, what="Anything")


def test_an_extra_that_does_not_exist_is_our_own_mistake() -> None:
    """A failure would let a misspelt extra pass for an installed one."""
    with pytest.raises(KeyError):
        extras.need("trian", what="Anything")
