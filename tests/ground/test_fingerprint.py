"""Equal content has equal names on every machine, other content has others."""

import hashlib
from pathlib import Path

import pytest

from limbeck.ground import fingerprint


def test_the_names_stay_what_they_are() -> None:
    """A failure would make every signals folder on disk unfindable: these are worked out by hashlib alone."""
    assert fingerprint.of_bytes(b"abc") == hashlib.blake2b(b"abc", digest_size=16).hexdigest()
    assert fingerprint.of_text("é") == fingerprint.of_bytes('["é", null]'.encode())
    assert fingerprint.of_text("a", "b") == fingerprint.of_bytes(b'["a", "b"]')
    assert fingerprint.of_settings({"b": 1, "a": "é"}) == fingerprint.of_bytes(b'{"a":"\\u00e9","b":1}')
    assert fingerprint.of_many(["x", "y"]) == fingerprint.of_bytes(b"x\ny")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a",), ("a", "")),
        (("a",), ("a ",)),
        (("a",), ("A",)),
        (("a", "b"), ("b", "a")),
        (("a", "b"), ('a", "b',)),
        (("ab", "c"), ("a", "bc")),
        (("é",), ("e\u0301",)),
    ],
)
def test_other_texts_have_other_names(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """A failure would answer a text with another text's signals."""
    assert fingerprint.of_text(*one) != fingerprint.of_text(*other)


def test_content_is_what_a_reader_sees() -> None:
    """A failure would let the same sentence stand in training and in the held-out part."""
    assert fingerprint.of_content("Hello\t  World\n") == fingerprint.of_content(" hello world")
    assert fingerprint.of_content("Straße") == fingerprint.of_content("STRASSE")
    assert fingerprint.of_content("a", "B ") == fingerprint.of_content("A", "b")
    assert fingerprint.of_content("a") != fingerprint.of_content("a", "")
    assert fingerprint.of_content("a b") != fingerprint.of_content("ab")


def test_half_characters_have_names_too() -> None:
    """A failure would crash the search for equal texts on one damaged row."""
    assert fingerprint.of_text("\ud83d") != fingerprint.of_text("\ud83e")
    assert fingerprint.of_content("\ud83d") != fingerprint.of_content("\ud83e")


def test_settings_count_but_not_their_order() -> None:
    """A failure would ask the teacher again because a key moved, or not ask although a setting changed."""
    assert fingerprint.of_settings({"a": 1, "b": [2, 3]}) == fingerprint.of_settings({"b": [2, 3], "a": 1})
    assert fingerprint.of_settings({"b": [2, 3]}) != fingerprint.of_settings({"b": [3, 2]})


def test_files_are_named_by_their_bytes(tmp_path: Path) -> None:
    """A failure would miss a change beyond the first piece that is read, or differ from `sha256sum`."""
    content = bytes(range(256)) * 9000  # more than two pieces of a megabyte
    path = tmp_path / "file"
    path.write_bytes(content)
    assert fingerprint.of_file(path) == fingerprint.of_bytes(content)
    assert fingerprint.sha256_of_file(path) == hashlib.sha256(content).hexdigest()
