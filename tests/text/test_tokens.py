"""Texts -> ids: exactly what transformers makes of the same tokenizer, and a clear word on what is no text."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from limbeck.errors import ArtifactError, DataError
from limbeck.text.tokens import TextEncoder
from tiny import write_tokenizer

ODD_TEXTS = [
    "Play my song at seven!",
    "",
    "   \t\n ",
    "the " * 60,
    "a" * 500,
    "emoji 🎵👩‍👩‍👧‍👦 and flags 🇩🇪",
    "你好，世界 今日は 안녕하세요",
    "naïve café ﬁne Straße ﷺ",
    "control \x00\x01\x07\x7f\u200b\u202e\ufeff characters",
    "[MASK] and [SEP] and [PAD] typed by someone",
    "tabs\tand\r\nline\u2028ends",
    "\U0010ffff \ue000 unassigned",
    "ค่าใช้จ่าย العربية עברית",
    "zalgo h̵̛͙e̷̢ ҉",
]
MAX_TOKENS = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny tokenizer, as transformers saves it."""
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return folder


@pytest.mark.parametrize("pairs", [None, ODD_TEXTS[::-1], ["", *ODD_TEXTS[1:]]])
@pytest.mark.parametrize("parallel", [True, False])
def test_ids_are_those_of_transformers(folder: Path, pairs: list[str] | None, *, parallel: bool) -> None:
    """A failure would feed the student other tokens than its teacher saw."""
    encoded = TextEncoder(folder, max_tokens=MAX_TOKENS).encode(ODD_TEXTS, pairs, parallel=parallel)
    twin = AutoTokenizer.from_pretrained(folder)(
        ODD_TEXTS, pairs, truncation="longest_first", max_length=MAX_TOKENS, return_token_type_ids=True
    )
    assert encoded.ids == twin["input_ids"]
    assert encoded.type_ids == twin["token_type_ids"]


def test_padded_batches_are_those_of_transformers(folder: Path) -> None:
    """A failure would let the model read padding, or mask a text."""
    encoder = TextEncoder(folder, max_tokens=MAX_TOKENS)
    batch = encoder.pad(encoder.encode(ODD_TEXTS, ODD_TEXTS), range(len(ODD_TEXTS)))
    twin = AutoTokenizer.from_pretrained(folder)(
        ODD_TEXTS,
        ODD_TEXTS,
        truncation=True,
        max_length=MAX_TOKENS,
        padding=True,
        return_tensors="np",
        return_token_type_ids=True,
    )
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        ours = getattr(batch, name)
        np.testing.assert_array_equal(ours, twin[name])
        assert ours.dtype == np.int64


@pytest.mark.parametrize("segments", [True, False])
@pytest.mark.parametrize("pairs", [None, ODD_TEXTS[::-1]])
def test_a_single_text_is_encoded_like_many(
    pairs: list[str] | None, folder: Path, tmp_path: Path, *, segments: bool
) -> None:
    """A failure would answer a single request otherwise than the same text in a batch: it takes a shorter way."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    if not segments:
        settings = {"pad_token": "[PAD]", "model_input_names": ["input_ids", "attention_mask"]}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    encoder = TextEncoder(tmp_path, max_tokens=MAX_TOKENS)
    encoded = encoder.encode(ODD_TEXTS, pairs)
    assert encoded.truncated
    for index, text in enumerate(ODD_TEXTS):
        alone, was_cut = encoder.single(text, None if pairs is None else pairs[index])
        among = encoder.pad(encoded, [index])
        for name in ("input_ids", "attention_mask", "token_type_ids"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(among, name))
            assert getattr(alone, name).dtype == np.int64
        assert was_cut == (index in encoded.truncated)


def test_rows_stand_in_the_order_asked_for(folder: Path) -> None:
    """A failure would give a text another text's answer."""
    encoder = TextEncoder(folder, max_tokens=MAX_TOKENS)
    encoded = encoder.encode(["play", "stop my song", "rain"])
    batch = encoder.pad(encoded, [2, 1])
    assert [row[: sum(mask)].tolist() for row, mask in zip(batch.input_ids, batch.attention_mask, strict=True)] == [
        encoded.ids[2],
        encoded.ids[1],
    ]


def test_cut_texts_are_counted_by_hand(folder: Path) -> None:
    """A failure would report no cut, or one where a text just fits."""
    # [CLS] and [SEP] take two of the eight tokens; a pair's two [SEP] take three.
    encoder = TextEncoder(folder, max_tokens=8)
    encoded = encoder.encode(["the " * 7, "the " * 6, "", "the " * 600])
    assert (encoded.truncated, encoded.n_truncated, encoded.lengths) == ((0, 3), 2, [8, 8, 2, 8])
    pairs = encoder.encode(["the the", "the the"], ["the the the", "the the the the"])
    assert pairs.truncated == (1,)


def test_settings_inside_the_tokenizer_file_do_not_count(folder: Path, tmp_path: Path) -> None:
    """A failure would cut texts to a length that nobody set, or pad each of them to 512."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=50, pad_id=7, pad_token="[x]")
    tokenizer.enable_truncation(5, stride=2, strategy="only_first", direction="left")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    plain, own = TextEncoder(folder, max_tokens=MAX_TOKENS), TextEncoder(tmp_path, max_tokens=MAX_TOKENS)
    assert own.encode(ODD_TEXTS, ODD_TEXTS) == plain.encode(ODD_TEXTS, ODD_TEXTS)


def test_texts_are_cut_at_the_side_that_the_teacher_cuts(folder: Path, tmp_path: Path) -> None:
    """A failure would show the student the start of long texts, of which its teacher reads the end."""
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"truncation_side": "left"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    twin = AutoTokenizer.from_pretrained(tmp_path)
    assert twin.truncation_side == "left"
    for text in ("play my song " * 20, "play " + "7" * 60, "7" * 60 + " play", "play " + "7" * 60 + " song"):
        asked = TextEncoder(tmp_path, max_tokens=9).encode([text, "play"])  # two, so that words are looked up
        assert asked.ids[0] == twin(text, truncation=True, max_length=9)["input_ids"]
        assert asked.truncated == (0,)


@pytest.mark.parametrize("text", ["play " + "7" * 60, "7" * 60 + " play", "7" * 60, "play 7 " + "7" * 60 + " song"])
def test_a_word_of_more_tokens_than_a_text_may_have_is_cut_as_transformers_cuts_it(folder: Path, text: str) -> None:
    """A failure would answer another text: such words are cut before they are put together."""
    encoder = TextEncoder(folder, max_tokens=9)
    assert len(Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids) > 2 * encoder.max_tokens
    twin = AutoTokenizer.from_pretrained(folder)(text, truncation=True, max_length=9)
    asked = encoder.encode([text, "play"])
    assert (asked.ids[0], asked.truncated) == (twin["input_ids"], (0,))


def test_a_teacher_that_was_trained_without_segments_gets_none(folder: Path, tmp_path: Path) -> None:
    """A failure would show teacher and student segments of pairs that the teacher never saw in its training."""
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    for names, expected in (
        (["input_ids", "attention_mask"], [0, 0, 0, 0, 0]),
        (["input_ids", "token_type_ids", "attention_mask"], [0, 0, 0, 1, 1]),
    ):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings | {"model_input_names": names}))
        assert TextEncoder(tmp_path, max_tokens=9).encode(["play"], ["stop"]).type_ids == [expected]
        twin = AutoTokenizer.from_pretrained(tmp_path)(["play"], ["stop"])
        assert twin.get("token_type_ids", [[0] * 5]) == [expected]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"pad_token": "[MASK]"}, 4),
        ({"pad_token": {"content": "[UNK]"}}, 1),
        ({"pad_token": None}, 0),
        ({"pad_token": "[none of these]"}, 0),
        (None, 0),
    ],
)
def test_the_padding_token_is_found(
    folder: Path, tmp_path: Path, config: dict[str, object] | None, expected: int
) -> None:
    """A failure would pad with a token of meaning; models that count positions by it would shift all of them."""
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    if config is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert TextEncoder(tmp_path, max_tokens=8).pad_id == expected


def test_the_fingerprint_tells_tokenizers_and_lengths_apart(folder: Path, tmp_path: Path) -> None:
    """A failure would hand a student signals that were made from other tokens."""
    write_tokenizer(tmp_path, extra_words=["another"])
    prints = {TextEncoder(where, max_tokens=length).fingerprint for where in (folder, tmp_path) for length in (8, 16)}
    assert len(prints) == 4
    assert TextEncoder(folder, max_tokens=8).fingerprint in prints


@pytest.mark.parametrize(
    ("texts", "pairs", "message"),
    [
        (["a", 3], None, "Expected a text (str) at texts[1], got int."),
        (["a"], [("b", "c")], "Expected a text (str) at text_pairs[0], got tuple."),
        ([("a", "b")], None, "Expected a text (str) at texts[0], got tuple."),
        (["a", "b"], ["c"], "Expected one second text for each of 2 texts, got 1."),
        (["a"], [], "Expected one second text for each of 1 texts, got 0."),
        (["ok", "half \ud83d"], None, "texts[1] holds half of a character (U+D83D) at position 5."),
        (["ok"], ["\udc00"], "text_pairs[0] holds half of a character (U+DC00) at position 0."),
    ],
)
def test_what_is_no_text_is_refused_by_its_index(folder: Path, texts: object, pairs: object, message: str) -> None:
    """A failure would crash in the binding without a row, or take a tuple for a pair."""
    with pytest.raises(DataError) as caught:
        TextEncoder(folder, max_tokens=8).encode(texts, pairs)  # type: ignore[arg-type]
    assert caught.value.message == message


def test_what_is_no_tokenizer_is_refused(folder: Path, tmp_path: Path) -> None:
    """A failure would show the stack of a parser for a missing or half copied file."""
    with pytest.raises(ArtifactError, match=r"tokenizer\.json is not a tokenizer file \("):
        TextEncoder(tmp_path, max_tokens=8)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"tokenizer\.json is not a tokenizer file \("):
        TextEncoder(tmp_path, max_tokens=8)
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"tokenizer_config\.json is not JSON \("):
        TextEncoder(tmp_path, max_tokens=8)


def test_sizes_are_counted_once_and_not_for_each_text_that_asks(folder: Path) -> None:
    """A failure would make a million texts cost a million counts of a million texts."""
    encoded = TextEncoder(folder, max_tokens=8).encode(["one text", "another"])
    assert encoded.lengths is encoded.lengths
    assert encoded.owners is encoded.owners
    assert encoded.text_lengths is encoded.text_lengths


def test_nothing_to_encode(folder: Path) -> None:
    """A failure would crash on an empty request."""
    encoded = TextEncoder(folder, max_tokens=8).encode([])
    assert (encoded.ids, encoded.type_ids, encoded.truncated, encoded.lengths) == ([], [], (), [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("wanted", [{}, {"TOKENIZERS_PARALLELISM": "true"}])
def test_a_fork_after_tokenizing_prints_nothing_and_works(folder: Path, wanted: dict[str, str]) -> None:
    """A failure would fill logs with the tokenizer library's warning, or hang the child."""
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from limbeck.text.tokens import TextEncoder\n"
        "encoder = TextEncoder(Path(sys.argv[1]), max_tokens=8)\n"
        "before = encoder.encode(['play a song'] * 100)\n"
        "if (child := os.fork()) == 0:\n"
        "    os._exit(0 if encoder.encode(['play a song'] * 100) == before else 1)\n"
        "code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "print(os.environ.get('TOKENIZERS_PARALLELISM'))\n"
        "sys.exit(code)\n"
    )
    plain = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-c", script, folder],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=plain | wanted,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{wanted.get('TOKENIZERS_PARALLELISM')}\n", "")
