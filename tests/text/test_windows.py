"""Words and contexts through the tokenizer: each unit answers from the right token, and stands where its text is."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

from limbeck.errors import DataError
from limbeck.text.tokens import TextEncoder
from limbeck.text.units import NOWHERE
from limbeck.text.windows import ReadingRules, Reads, joined_words, shared_tokens, words_within
from tiny import write_tokenizer

WORDS = [["play", "awfulness", ",", "my", "@mum's", "songs"], ["\u200b", "great", "Straße", "7:30"], ["the"] * 40]
CONTEXT = "The great song was not very good, but my mum did love it. Play it at seven today, at home or at work! " * 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny WordPiece tokenizer."""
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level tokenizer as RoBERTa's, which counts the blank before a word in."""
    folder = tmp_path_factory.mktemp("byte_level")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(special_tokens=["<s>", "</s>", "<pad>"], vocab_size=400, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
    tokenizer.train_from_iterator([CONTEXT], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_words_answer_from_their_first_pieces_as_in_transformers(folder: Path) -> None:
    """A failure would give a word the tag of a neighbour; the twin is transformers with is_split_into_words."""
    encoded = TextEncoder(folder, max_tokens=32, rules=ReadingRules(Reads.WORDS)).encode(
        [joined_words(words) for words in WORDS]
    )
    twin = AutoTokenizer.from_pretrained(folder)(WORDS, is_split_into_words=True, truncation=True, max_length=32)
    assert encoded.ids == twin["input_ids"]
    assert encoded.truncated == (2,)
    assert encoded.reading is not None
    for row, words in enumerate(WORDS):
        of_words = twin.word_ids(row)
        first = [of_words.index(word) for word in sorted({word for word in of_words if word is not None})]
        assert encoded.reading.tokens[row].tolist() == first
        text = joined_words(words)
        numbers = [text[:start].count(" ") for start, _ in encoded.reading.units.spans[row]]
        assert numbers == [of_words[token] for token in first]
        for number, (start, end) in zip(numbers, encoded.reading.units.spans[row], strict=True):
            assert text[start:end] == words[number]


def test_a_blank_before_a_word_belongs_to_no_word(byte_level: Path) -> None:
    """Byte-level tokenizers begin tokens with the blank; the word before it would answer twice, and this one never."""
    words = ["great", "song", "ü", "awful"]
    text = joined_words(words)
    encoded = TextEncoder(byte_level, max_tokens=64, rules=ReadingRules(Reads.WORDS)).encode([text])
    assert encoded.reading is not None
    assert [text[start:end] for start, end in encoded.reading.units.spans[0]] == words
    pieces = Tokenizer.from_file(str(byte_level / "tokenizer.json")).encode(text).tokens
    assert [pieces[token].lstrip("Ġ")[0] for token in encoded.reading.tokens[0]] == ["g", "s", "Ã", "a"]


@pytest.mark.parametrize("kind", ["folder", "byte_level"])
def test_windows_hold_the_whole_context_and_overlap(kind: str, request: pytest.FixtureRequest) -> None:
    """A failure would lose the answers that stand behind the first window, or at an edge."""
    encoder = TextEncoder(request.getfixturevalue(kind), max_tokens=40, rules=ReadingRules(Reads.CONTEXT, overlap=12))
    encoded = encoder.encode(["What is good?", "Who?"], [CONTEXT, "My mum."])
    reading = encoded.reading
    assert reading is not None
    assert max(encoded.lengths) <= 40
    assert reading.owners.tolist() == [0] * (len(encoded.ids) - 1) + [1]
    assert len(encoded.ids) > 4
    spans = reading.units.spans[0]
    begins = np.flatnonzero(spans[:, 0] == NOWHERE)
    assert len(begins) == len(encoded.ids) - 1
    covered: set[int] = set()
    before: set[int] = set()
    for window in np.split(spans, begins[1:]):
        here = {place for start, end in window[1:] for place in range(start, end)}
        assert not covered or len(here & before) >= 12
        covered, before = covered | here, here
    assert covered == {place for place, character in enumerate(CONTEXT) if not character.isspace()}


def test_contexts_are_read_as_transformers_reads_them(folder: Path) -> None:
    """The twin is transformers with a stride: the same ids in the same windows."""
    encoded = TextEncoder(folder, max_tokens=40, rules=ReadingRules(Reads.CONTEXT, overlap=12)).encode(
        ["What is good?"], [CONTEXT]
    )
    twin = AutoTokenizer.from_pretrained(folder)(
        "What is good?", CONTEXT, truncation="only_second", max_length=40, stride=12, return_overflowing_tokens=True,
        return_token_type_ids=True,
    )  # fmt: skip
    assert encoded.ids == twin["input_ids"]
    assert encoded.type_ids == twin["token_type_ids"]


def test_a_long_question_leaves_room_for_its_context(folder: Path) -> None:
    """A failure would be the tokenizer's own exception, or windows without a word of context."""
    encoded = TextEncoder(folder, max_tokens=32, rules=ReadingRules(Reads.CONTEXT)).encode(
        ["who is it and " * 40, "who"], ["My mum."] * 2
    )
    assert encoded.truncated == (0,)
    assert encoded.reading is not None
    assert [len(row) for row in encoded.reading.units.spans] == [4, 4]
    with pytest.raises(DataError, match="got questions alone"):
        TextEncoder(folder, max_tokens=32, rules=ReadingRules(Reads.CONTEXT)).encode(["who"])


def test_padded_rows_give_back_the_logits_of_their_units(folder: Path) -> None:
    """A failure would read the logits of padding, or of another text of the batch."""
    encoder = TextEncoder(folder, max_tokens=32, rules=ReadingRules(Reads.WORDS))
    encoded = encoder.encode([joined_words(words) for words in WORDS])
    batch = encoder.pad(encoded, [1, 0])
    numbered = np.arange(batch.input_ids.size, dtype=np.float32).reshape(*batch.input_ids.shape, 1)
    wanted = [row * batch.input_ids.shape[1] + token for row, text in enumerate([1, 0])
              for token in encoded.reading.tokens[text]]  # fmt: skip
    assert batch.read(numbered)[:, 0].tolist() == wanted
    assert batch.rows is not None
    assert batch.rows.tolist() == [0] * len(encoded.reading.tokens[1]) + [1] * len(encoded.reading.tokens[0])
    starts = encoded.reading.tokens.starts
    assert encoded.answers_of([1, 0]).tolist() == [*range(starts[1], starts[2]), *range(starts[0], starts[1])]
    assert encoded.n_answers == starts[-1]


def test_what_a_model_answers_for_is_part_of_the_fingerprint(folder: Path) -> None:
    """Signals of other units would be taken for these."""
    made = [TextEncoder(folder, max_tokens=64), TextEncoder(folder, max_tokens=64, rules=ReadingRules(Reads.WORDS)),
            TextEncoder(folder, max_tokens=64, rules=ReadingRules(Reads.CONTEXT, overlap=8)),
            TextEncoder(folder, max_tokens=64, rules=ReadingRules(Reads.CONTEXT, overlap=16))]  # fmt: skip
    assert len({encoder.fingerprint for encoder in made}) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dr. Müller lives in  New York.", ["Dr", ".", "Müller", "lives", "in", "New", "York", "."]),
        ("“Mum's” song: it-all, (now)!", ["“", "Mum's", "”", "song", ":", "it-all", ",", "(", "now", ")", "!"]),
        ("see https://a.org/b?c=1 a", ["see", "https://a.org/b?c=1", "a"]),
        ("我住在Berlin。 a", ["我", "住", "在", "Berlin", "。", "a"]),
        (" \n", []),
    ],
)
def test_plain_text_is_parted_into_words_that_stand_in_it(text: str, words: list[str]) -> None:
    """A failure would give names that end with a full stop, or a whole sentence of Chinese for a word."""
    assert [text[start:end] for start, end in words_within(text)] == words


@pytest.mark.parametrize("kind", ["folder", "byte_level"])
@pytest.mark.parametrize("max_tokens", range(8, 34))
def test_few_tokens_are_enough_for_every_question(kind: str, max_tokens: int, request: pytest.FixtureRequest) -> None:
    """A failure would end the run by a panic of the tokenizer, or give a window more tokens than the model takes."""
    encoder = TextEncoder(request.getfixturevalue(kind), max_tokens=max_tokens, rules=ReadingRules(Reads.CONTEXT))
    questions = [" ".join(["where", "is", "it", "ﷺ", "awfulness", "?"] * 4)[:length] for length in range(1, 60, 3)]
    encoded = encoder.encode(questions, [CONTEXT] * len(questions))
    assert max(encoded.lengths) <= max_tokens
    assert encoded.reading is not None
    spans = encoded.reading.units.spans
    assert all({place for start, end in row for place in range(start, end)} >= {0, 4, 90} for row in spans)


@pytest.mark.parametrize(
    ("asked", "max_tokens", "shared"),
    [(128, 384, 128), (128, 256, 128), (128, 64, 32), (128, 16, 6), (128, 8, 2), (3, 64, 3)],
)
def test_windows_share_what_leaves_room_to_go_on(asked: int, max_tokens: int, shared: int) -> None:
    """A failure would take a window for every token, or change how artifacts read that were made before."""
    assert shared_tokens(asked, max_tokens, n_special=3) == shared
