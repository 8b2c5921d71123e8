"""Errors are values: message and hint apart, one text together, and they travel between processes."""

import copy
import pickle

import pytest

from limbeck.errors import DataError, LabelError, LimbeckError, MissingExtraError, TeacherError, UnsafeTeacherError


def test_message_and_hint_stand_apart_and_together() -> None:
    """A failure would print the hint twice on the terminal, or lose it in a notebook."""
    error = DataError("Expected a text, got a number.", hint="Give a text.")
    assert (error.message, error.hint) == ("Expected a text, got a number.", "Give a text.")
    assert str(error) == "Expected a text, got a number.\nHint: Give a text."
    assert error.args == ("Expected a text, got a number.",)


def test_a_hint_must_be_given() -> None:
    """A failure would let an error without a way out slip in."""
    with pytest.raises(TypeError, match="hint"):
        DataError("Broken.")  # type: ignore[call-arg]


def test_a_special_error_is_caught_as_the_general_one() -> None:
    """A failure would let one fault of the input through as a stack trace."""
    for special, general in ((LabelError, DataError), (UnsafeTeacherError, TeacherError), (TeacherError, LimbeckError)):
        with pytest.raises(general):
            raise special("x", hint="y")


@pytest.mark.parametrize("error", [DataError("a", hint="b"), MissingExtraError("This", extra="train")])
def test_errors_are_copied_whole(error: LimbeckError) -> None:
    """A failure would turn a fault in a worker process into a TypeError of the pool that it came through."""
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)
