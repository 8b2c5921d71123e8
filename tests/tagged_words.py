"""Texts of words some of which are names, for tests of tags: persons of one word, times of two ("at seven")."""

import random
from collections.abc import Sequence
from typing import Any

from small_run import NEUTRAL

NAMES = {"person": ["mum", "dad"], "time": ["seven", "eight", "nine"]}
PLAIN = [word for word in NEUTRAL if word not in {*NAMES["person"], *NAMES["time"], "at"}]
TAGS = ("O", "B-person", "B-time", "I-time")
N_TEXTS = 240


def tagged_rows() -> list[dict[str, Any]]:
    """Words of which some are names: "mum" is one, and so is "at seven", of two words."""
    draw = random.Random(2)
    rows: dict[str, dict[str, Any]] = {}
    while len(rows) < N_TEXTS:
        words: list[tuple[str, str]] = [(word, "O") for word in draw.choices(PLAIN, k=draw.randint(2, 5))]
        for kind, names in NAMES.items():
            if draw.random() < 0.6:
                name = [(draw.choice(names), f"B-{kind}")]
                if kind == "time":
                    name = [("at", "B-time"), (name[0][0], "I-time")]
                at = draw.choice(
                    [place for place in range(len(words) + 1) if place == len(words) or words[place][1][0] != "I"]
                )
                words[at:at] = name
        row = {"tokens": [word for word, _ in words], "tags": [tag for _, tag in words]}
        rows.setdefault(" ".join(row["tokens"]), row)
    return list(rows.values())


def tags_of(words: Sequence[str]) -> list[str]:
    """The tag of each word, by the rule: persons by name; "at" before a number begins a time."""
    tags = []
    for place, word in enumerate(words):
        if word in NAMES["person"]:
            tags.append("B-person")
        elif word == "at" and place + 1 < len(words) and words[place + 1] in NAMES["time"]:
            tags.append("B-time")
        elif word in NAMES["time"] and place and words[place - 1] == "at":
            tags.append("I-time")
        else:
            tags.append("O")
    return tags
