"""The demo's data set: what its card claims, and that no part knows another."""

import hashlib
import itertools
import json
import re
from collections import Counter

import pytest

from limbeck.data import pocket
from limbeck.ground import fingerprint

PER_INTENT = {"train": 45, "validation": 9, "held_out": 18}
MOST_CHARACTERS = 300
NEAR_DUPLICATE = 0.7


@pytest.fixture(scope="module")
def parts() -> dict[str, list[tuple[str, str]]]:
    """Part -> (text, label) in file order, read without limbeck's own reader."""
    read = {}
    for part in PER_INTENT:
        lines = (pocket.folder() / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
        read[part] = [(row["text"], row["label"]) for row in map(json.loads, lines)]
    return read


def test_every_part_holds_each_of_24_intents_equally_often(parts: dict[str, list[tuple[str, str]]]) -> None:
    """A lopsided part would make the demo's accuracy mean something else than the card says."""
    for part, rows in parts.items():
        counts = Counter(label for _, label in rows)
        assert len(counts) == 24
        assert set(counts.values()) == {PER_INTENT[part]}


def test_every_line_is_a_text_and_a_label_the_card_explains() -> None:
    """An extra column, a blank text or an unexplained label would surprise the first thing a user reads."""
    card = (pocket.folder() / "README.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `(\w+)` \|", card, flags=re.MULTILINE))
    for part in PER_INTENT:
        for line in (pocket.folder() / f"{part}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            assert list(row) == ["text", "label"]
            assert row["text"] == row["text"].strip()
            assert 0 < len(row["text"]) <= MOST_CHARACTERS
            assert row["text"].isprintable()
            assert row["label"] in explained


def test_the_card_gives_the_true_counts(parts: dict[str, list[tuple[str, str]]]) -> None:
    """A card with stale counts would be the first false figure of the project."""
    card = (pocket.folder() / "README.md").read_text(encoding="utf-8")
    for part, rows in parts.items():
        assert f"| `{part}.jsonl` | {len(rows):,} | {PER_INTENT[part]} |" in card
    assert f"# Pocket: {sum(map(len, parts.values())):,} utterances" in card


def test_no_content_stands_twice(parts: dict[str, list[tuple[str, str]]]) -> None:
    """A held-out text that also trains would flatter every figure of the demo."""
    contents = [fingerprint.of_content(text) for rows in parts.values() for text, _ in rows]
    words = [_words(text) for rows in parts.values() for text, _ in rows]
    assert len(set(contents)) == len(contents)
    assert len(set(words)) == len(words)


def test_no_two_parts_hold_nearly_the_same_text(parts: dict[str, list[tuple[str, str]]]) -> None:
    """A template with one word changed would leak as a repeat does. Nearness: Jaccard of character trigrams."""
    trigrams = {part: [(text, _trigrams(text)) for text, _ in rows] for part, rows in parts.items()}
    near = [
        (one, other)
        for first, second in itertools.combinations(trigrams, 2)
        for (one, ours), (other, theirs) in itertools.product(trigrams[first], trigrams[second])
        if len(ours & theirs) >= NEAR_DUPLICATE * len(ours | theirs)
    ]
    assert near == []


def test_the_parts_follow_from_the_content(parts: dict[str, list[tuple[str, str]]]) -> None:
    """If somebody moved a text by hand to flatter a figure, the order of hashes would show it."""
    by_label: dict[str, list[tuple[str, str]]] = {}
    for part, rows in parts.items():
        for text, label in rows:
            by_label.setdefault(label, []).append((hashlib.sha256(text.encode()).hexdigest(), part))
    wanted = [part for part, count in PER_INTENT.items() for _ in range(count)]
    for label, hashed in by_label.items():
        assert [part for _, part in sorted(hashed)] == wanted, label


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold().replace("'", "")))


def _trigrams(text: str) -> frozenset[str]:
    padded = f" {_words(text)} "
    return frozenset(padded[start : start + 3] for start in range(len(padded) - 2))
