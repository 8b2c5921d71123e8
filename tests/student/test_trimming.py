"""A trimmed tokenizer: the corpus comes apart as before, other texts can still be spelled, ids have no gaps."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from limbeck.errors import DataError, TeacherError
from limbeck.student.coverage import compared
from limbeck.student.trimming import Trimmed, ids_of, trim, untouched
from limbeck.text.tokens import TextEncoder
from trained_tokenizers import KINDS, ODD, texts_of, write_trained_tokenizer

UNSEEN = texts_of("held_out")


def _in_order(counts: Mapping[int, int]) -> Sequence[int]:
    return [token for token in range(5000) if token not in counts]


def _trimmed(tmp_path: Path, kind: str, corpus: Sequence[str], *, n_wanted: int = 0) -> tuple[Path, Path, Trimmed]:
    """Folder before, folder after, and what was kept."""
    before, after = tmp_path / "before", tmp_path / "after"
    if not before.exists():
        before.mkdir(parents=True)
        write_trained_tokenizer(before, kind)
    found = trim(before, corpus, n_wanted=n_wanted, ranking=_in_order)
    shutil.rmtree(after, ignore_errors=True)
    after.mkdir()
    found.write(after, source=before)
    return before, after, found


def _tokens(folder: Path, texts: Sequence[str]) -> list[list[str]]:
    return [encoding.tokens for encoding in untouched(folder).encode_batch(list(texts))]


@pytest.mark.parametrize("kind", KINDS)
def test_texts_of_the_corpus_come_apart_as_before(kind: str, tmp_path: Path) -> None:
    """A failure would teach the student other tokens than the teacher read. By twin, over twenty drawn corpora."""
    texts, draw = (*texts_of("train"), *ODD), np.random.default_rng(0)
    for n_texts, n_wanted in [(1, 0), (3, 0), (30, 0), (300, 0), (30, 900), (30, 5000)] + [(8, 0)] * 14:
        corpus = [texts[index] for index in draw.permutation(len(texts))[:n_texts]]
        before, after, found = _trimmed(tmp_path, kind, corpus, n_wanted=n_wanted)
        assert _tokens(after, corpus) == _tokens(before, corpus)
        assert len(found.kept) >= min(n_wanted, untouched(before).get_vocab_size())
        assert len(found.kept) < untouched(before).get_vocab_size() or n_wanted == 5000


@pytest.mark.parametrize("kind", KINDS)
def test_everything_kept_is_the_same_tokenizer(kind: str, tmp_path: Path) -> None:
    """A failure would lose tokens that somebody asked for. By law: a share of 1 changes no text, seen or not."""
    before, after, found = _trimmed(tmp_path, kind, texts_of("train")[:5], n_wanted=5000)
    assert found.kept == tuple(range(untouched(before).get_vocab_size()))
    assert list(ids_of(untouched(after), UNSEEN)) == list(ids_of(untouched(before), UNSEEN))


@pytest.mark.parametrize("kind", KINDS)
def test_ids_have_no_gaps_and_keep_their_order(kind: str, tmp_path: Path) -> None:
    """A failure would look up another row than the token's own."""
    before, after, found = _trimmed(tmp_path, kind, texts_of("train")[:40], n_wanted=600)
    old, new = untouched(before).get_vocab(), untouched(after).get_vocab()
    assert sorted(new.values()) == list(range(len(new))) == list(range(len(found.kept)))
    assert list(found.kept) == sorted(found.kept)
    assert {token: found.kept[number] for token, number in new.items()} == {token: old[token] for token in new}


@pytest.mark.parametrize("kind", KINDS)
def test_unseen_words_are_spelled_and_not_unknown(kind: str, tmp_path: Path) -> None:
    """A failure would make every new name an unknown word: a trimmed student would read nothing of it."""
    before, after, found = _trimmed(tmp_path, kind, texts_of("train")[:20])
    told = compared(before, after, UNSEEN, kept=found.kept, n_used=found.n_used, rows_before=len(found.kept) + 7)
    assert told.after.unknown_share <= told.before.unknown_share < 0.0002  # signs that the demo's texts never have
    assert told.after.tokens_per_text > told.before.tokens_per_text
    assert 0.5 < told.n_changed / told.n_held_out < 1
    assert (told.rows, told.rows_before, told.n_held_out) == (len(found.kept), len(found.kept) + 7, len(UNSEEN))
    word = untouched(after).encode("zyx'w-42!")
    assert untouched(after).decode(word.ids).replace(" ", "") == "zyx'w-42!"


@pytest.mark.parametrize("kind", KINDS)
def test_all_readers_of_the_folder_agree(kind: str, tmp_path: Path) -> None:
    """A failure would give other tokens to those who load the artifact with transformers. By twin, three ways."""
    from transformers import AutoTokenizer

    _, after, _ = _trimmed(tmp_path, kind, texts_of("train")[:40])
    theirs, own, plain = AutoTokenizer.from_pretrained(after), TextEncoder(after, max_tokens=512), untouched(after)
    texts = [*UNSEEN[:50], *ODD]
    wanted = list(ids_of(plain, texts))
    assert own.encode(texts).ids == wanted == theirs(texts)["input_ids"]
    assert own.pad_id == theirs.pad_token_id == plain.token_to_id(theirs.pad_token)
    assert theirs.unk_token_id == plain.token_to_id(theirs.unk_token)
    pair = theirs(["one text"], ["and another"])["input_ids"]
    assert pair == own.encode(["one text"], ["and another"]).ids


def test_a_word_that_was_unknown_stays_unknown(tmp_path: Path) -> None:
    """A failure would spell a word in training that the teacher could not read.

    By hand: of "abc" WordPiece takes "ab", finds no "##c", and gives up. Without "ab" it would find "a" and "##bc".
    """
    vocabulary = {"[UNK]": 0, "a": 1, "ab": 2, "##bc": 3, "d": 4, "abd": 5}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    found = trim(tmp_path, ["abc d"], n_wanted=0, ranking=lambda counts: [3])
    assert set(found.tokenizer["model"]["vocab"]) == {"[UNK]", "a", "ab", "d"}
    assert found.n_used == 2
    assert found.config is None


def test_letters_of_the_alphabets_seen_stay(tmp_path: Path) -> None:
    """A failure would keep thousands of ideographs for a text of one, or no accent for a text in French."""
    _, after, _ = _trimmed(tmp_path, "Unigram", ["日 is a day", "в"])
    kept = untouched(after).get_vocab()
    assert {"日", "в", "П", "т", "é", "ü", "q", "7"} <= set(kept)
    assert not {"本", "€", "\N{GRINNING FACE}"} & set(kept)


def test_bytes_of_a_fallback_stay(tmp_path: Path) -> None:
    """A failure would make characters unknown that the teacher read byte by byte."""
    pieces = [
        ("<unk>", 0.0),
        *((f"<0x{byte:02X}>", -9.0) for byte in range(256)),
        ("a", -1.0),
        ("b", -1.0),
        ("ab", -1.0),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    tokenizer.decoder = decoders.ByteFallback()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    found = trim(tmp_path, ["ab"], n_wanted=0, ranking=_in_order)
    after = Tokenizer.from_str(json.dumps(found.tokenizer))
    assert after.encode("é").tokens == tokenizer.encode("é").tokens == ["<0xC3>", "<0xA9>"]
    assert after.get_vocab_size() == len(pieces)


def test_added_tokens_keep_their_meaning(tmp_path: Path) -> None:
    """A failure would read a token that somebody added after training as two or three others."""
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    write_trained_tokenizer(before, "BPE")
    tokenizer = untouched(before)
    tokenizer.add_tokens(["<order number>"])
    tokenizer.enable_padding(pad_id=1, pad_token="<pad>")
    tokenizer.save(str(before / "tokenizer.json"))
    trim(before, ["hi"], n_wanted=0, ranking=_in_order).write(after, source=before)
    assert "<order number>" in untouched(after).encode("my <order number> is late").tokens
    told = json.loads((after / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = untouched(after).get_vocab()
    assert all(vocabulary[added["content"]] == added["id"] for added in told["added_tokens"])
    assert told["padding"]["pad_id"] == 1


def test_what_cannot_be_trimmed_is_refused(tmp_path: Path) -> None:
    """A failure would ship a tokenizer that reads texts otherwise than the one that the student learned with."""
    (tmp_path / "words").mkdir()
    Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]")).save(str(tmp_path / "words/tokenizer.json"))
    with pytest.raises(TeacherError) as caught:
        trim(tmp_path / "words", ["a"], n_wanted=0, ranking=_in_order)
    assert str(caught.value) == (
        "A vocabulary can be trimmed where the tokenizer is WordPiece, BPE, Unigram; this teacher's is WordLevel.\n"
        'Hint: Set student.vocabulary = "whole".'
    )
    (tmp_path / "marked").mkdir()
    marked = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    marked.train_from_iterator(["a b"], trainers.BpeTrainer(end_of_word_suffix="</w>", show_progress=False))
    marked.save(str(tmp_path / "marked/tokenizer.json"))
    with pytest.raises(TeacherError, match="without end_of_word_suffix; this teacher's tokenizer has '</w>'"):
        trim(tmp_path / "marked", ["a"], n_wanted=0, ranking=_in_order)
    with pytest.raises(DataError, match="this corpus has no text"):
        trim(tmp_path / "words", [], n_wanted=0, ranking=_in_order)


def test_a_tokenizer_that_comes_out_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would trust the reasoning about tokenizers instead of looking. By breaking what it rests on."""
    import importlib

    module = importlib.import_module("limbeck.student.trimming")
    monkeypatch.setattr(module, "_counts", lambda tokenizer, texts: {5: 1})
    with pytest.raises(TeacherError, match="takes 'please play a song' apart otherwise than before"):
        _trimmed(tmp_path, "WordPiece", ["please play a song"])
