"""Looking words up gives the ids that tokenizing gives, for every text, however full or crowded the memory is."""

import json
import random
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from limbeck.text import known_words
from limbeck.text.known_words import KnownWords
from tiny import write_tokenizer

PIECES = [
    "play", "Play", "PLAYING", "song!", "it's", "café", "cafe\u0301", "\u0301", "ﬁne", "Straße", "İstanbul", "你好",
    "a你b", "[MASK]", "[mask]", "x[SEP]y", "\t", "a\tb", "\n", "\u00a0", "a\u00a0b", "\u2028", "\x00", "\x1c", "\u200b",
    "", "3.14", "e-mail", "##ing", "a" * 70, "b" * 120, "!" * 40, "한국어", "🎵", "ς", "ΟΔΟΣ", "0", "zyzzyva",
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """The tiny WordPiece tokenizer."""
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def _texts(n: int) -> list[str]:
    draw = random.Random(0)
    return [" ".join(draw.choices(PIECES, k=draw.randint(0, 12))) for _ in range(n)]


@pytest.mark.parametrize("parallel", [True, False])
def test_looked_up_is_tokenized(tokenizer: Tokenizer, *, parallel: bool) -> None:
    """A failure would let the runtime answer another text than the one that came, now and then."""
    words = KnownWords.of(tokenizer)
    assert words is not None
    texts = _texts(500)
    wanted = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    for _ in range(2):  # as they come, and again when all words are known
        assert words.ids_of(texts, parallel=parallel) == wanted
    assert words.ids_of([], parallel=parallel) == []


def test_special_tokens_are_the_tokenizers_own(tokenizer: Tokenizer) -> None:
    """A failure would feed a model texts without their first token, which its head reads."""
    words = KnownWords.of(tokenizer)
    assert words is not None
    [ids] = words.ids_of(["play"], parallel=False)
    assert [*words.before, *ids, *words.behind] == tokenizer.encode("play").ids
    assert len(words.before) == len(words.behind) == 1


def test_memory_is_bounded_and_forgetting_changes_nothing(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would let a server grow with every new word, or answer wrongly on the day that its memory is full."""
    words = KnownWords.of(tokenizer)
    assert words is not None
    given = dict(words._known)
    monkeypatch.setattr(known_words, "_MOST_WORDS", len(given) + 10)
    for start in range(0, 60, 5):
        texts = [f"new{number} play" for number in range(start, start + 5)]
        wanted = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
        assert words.ids_of(texts, parallel=False) == wanted
        assert len(words._known) <= len(given) + 10
        assert given.items() <= words._known.items()
    assert "b" * 120 not in words._known


def test_tokens_with_spaces_in_them_are_left_to_the_tokenizer(tokenizer: Tokenizer) -> None:
    """A failure would cut tokens apart that hold a space, as byte-level BPE and added tokens may."""
    settings = json.loads(tokenizer.to_str())
    splitter = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    byte_level = settings | {"pre_tokenizer": splitter}
    assert KnownWords.of(Tokenizer.from_str(json.dumps(byte_level))) is None
    other = Tokenizer.from_str(tokenizer.to_str())
    other.add_tokens(["play it"])
    assert KnownWords.of(other) is None


def test_an_added_word_wins_over_the_vocabulary(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """A failure would miss tokens that somebody added to a tokenizer after it was trained."""
    other = Tokenizer.from_str(tokenizer.to_str())
    other.add_tokens(["son"])
    other.save(str(tmp_path / "tokenizer.json"))
    words = KnownWords.of(other)
    assert words is not None
    texts = ["song", "a song son", "grandson"]
    wanted = [encoding.ids for encoding in other.encode_batch(texts, add_special_tokens=False)]
    assert words.ids_of(texts, parallel=False) == wanted
