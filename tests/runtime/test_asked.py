"""Batches that others make up: rows of several askings, computed together, answer as each asking by itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limbeck.errors import DataError
from limbeck.runtime import Model, load
from limbeck.runtime.asked import Asked
from small_artifact import write_artifact

TAGS = ("O", "B-person", "I-person")


def _answered(model: Model, asked: Sequence[Asked]) -> list[list[Any]]:
    """All rows in one batch, the last asking's first."""
    rows = [(one.encoded, row) for one in reversed(asked) for row in range(len(one.encoded.ids))]
    found = iter(model.compute(rows))
    values = {id(one): np.concatenate([next(found) for _ in one.encoded.ids]) for one in reversed(asked)}
    return [model.answers_to(one, values[id(one)]) for one in asked]


def test_texts_of_several_askings(tmp_path: Path) -> None:
    """A request would get the answer to another one's text."""
    model = load(write_artifact(tmp_path / "a"), threads=1)
    given = [(["play the song"], None), (["rain", "wake me up"], None), (["good"], ["bad film"])]
    answers = _answered(model, [model.ask(texts, pairs) for texts, pairs in given])
    for (texts, pairs), found in zip(given, answers, strict=True):
        wanted = model(texts, pairs)
        assert [one.label for one in found] == [one.label for one in wanted]  # type: ignore[attr-defined]
        shares, ours = ([one.probabilities for one in some] for some in (found, wanted))  # type: ignore[attr-defined]
        np.testing.assert_allclose(shares, ours, rtol=1e-5)


def test_words_and_contexts_of_several_askings(tmp_path: Path) -> None:
    """As above, where each word or token answers: its characters would be counted in another text."""
    tags = load(write_artifact(tmp_path / "tags", task="token-classification", labels=TAGS, by_token=True), threads=1)
    texts: list[Any] = [["dad is at home, not mum"], [["call", "dad"], "mum"], ["dad"]]
    found = _answered(tags, [tags.ask(one) for one in texts])
    assert [[_spans(answer) for answer in one] for one in found] == [
        [_spans(answer) for answer in tags(one)] for one in texts
    ]
    asks = write_artifact(
        tmp_path / "asks", task="question-answering", labels=("start", "end"), by_token=True, max_tokens=32
    )
    answers = load(asks, threads=1)
    pairs = [("who", "dad is at home today " * 6), ("when", "mum is at work"), ("who", "")]
    found = _answered(answers, [answers.ask([question], [context]) for question, context in pairs])
    assert [(one.text, one.start, one.end) for (one,) in found] == [
        (one.text, one.start, one.end) for (one,) in (answers([question], [context]) for question, context in pairs)
    ]


def _spans(answer: Any) -> list[tuple[Any, ...]]:
    return [(one.label, one.text, one.start, one.end, round(one.probability, 5)) for one in answer.spans]


@pytest.mark.parametrize(
    ("texts", "pairs", "message"),
    [
        (["Ada", 5], None, "Expected a text or a list of words at texts[1], got int."),
        ([["Ada", 5]], None, "Expected a word (str) at texts[0][1], got int."),
        (["Ada", ["in", " "]], None, "Expected a word (str) at texts[1][1], got ' '."),
        ("Ada", "Paris", "This model reads each text by itself, and got pairs."),
        (7, None, "Expected texts and text_pairs as two lists or two strings, got int and NoneType."),
    ],
)
def test_what_is_no_words_is_refused_by_its_place(tmp_path: Path, texts: Any, pairs: Any, message: str) -> None:
    """A second text would be passed over without a word, and a number end in a stack trace."""
    model = load(write_artifact(tmp_path / "a", task="token-classification", labels=TAGS, by_token=True), threads=1)
    for way in (model, model.ask):
        with pytest.raises(DataError) as caught:
            way(texts, pairs)
        assert caught.value.message == message


def test_what_cannot_be_read_is_refused_at_the_door(tmp_path: Path) -> None:
    """A batch of everybody's texts would fail for one bad text."""
    model = load(write_artifact(tmp_path / "a", task="embeddings"), threads=1)
    with pytest.raises(DataError, match="reads each text by itself"):
        model.ask(["a"], ["b"])
    with pytest.raises(DataError, match=r"Expected a text \(str\) at texts\[1\], got int"):
        model.ask(["a", 3])  # type: ignore[list-item]
