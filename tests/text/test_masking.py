"""Hidden tokens: which ones, the same for everybody or by chance, and what is kept of the answers to them."""

from pathlib import Path

import numpy as np
import pytest

from limbeck.errors import ArtifactError
from limbeck.text.kept_tokens import (
    COLUMNS,
    KEPT,
    UNKNOWN,
    hidden_log_probabilities,
    hidden_of,
    kept_rows,
    log_probabilities_of,
    tokens_of,
)
from limbeck.text.masking import SHARE
from limbeck.text.tokens import TextEncoder
from limbeck.text.windows import ReadingRules, Reads
from tiny import write_tokenizer
from trained_tokenizers import KINDS, texts_of, write_trained_tokenizer

MASKS = ReadingRules(Reads.MASKS)
TEXTS = [*texts_of("train")[:60], "", "play", "é ☃"]


def _encoder(folder: Path, kind: str = "WordPiece", *, max_tokens: int = 64) -> TextEncoder:
    folder.mkdir(exist_ok=True)
    write_trained_tokenizer(folder, kind)
    return TextEncoder(folder, max_tokens=max_tokens, rules=MASKS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hash_of_the_text_hides_tokens(tmp_path: Path, kind: str) -> None:
    """Whoever asks, in whatever order and company, must be asked about the same tokens, and about no special one."""
    encoder = _encoder(tmp_path, kind)
    whole, found = encoder.to_learn_from(TEXTS), encoder.encode(TEXTS)
    assert found.reading is not None
    assert found.reading.hidden is not None
    masking = encoder.masking
    for row, text in enumerate(TEXTS):
        places, hidden = found.reading.tokens[row].tolist(), found.reading.hidden[row].tolist()
        plain = [token for token in whole.ids[row] if token not in masking.special_ids]
        assert len(places) == min(len(plain), max(1, round(SHARE * len(plain))))
        assert [whole.ids[row][place] for place in places] == hidden
        assert {found.ids[row][place] for place in places} <= {masking.mask_id}
        assert not set(hidden) & set(masking.special_ids)
        rest = [token for place, token in enumerate(found.ids[row]) if place not in places]
        assert rest == [token for place, token in enumerate(whole.ids[row]) if place not in places]
        spans = [text[start:end] for start, end in found.reading.units.spans[row].tolist()]
        assert all(word and word == word.strip() for word in spans)
    again = encoder.encode(TEXTS[::-1])
    assert again.reading is not None
    assert [again.reading.tokens[row].tolist() for row in range(len(TEXTS))] == [
        found.reading.tokens[row].tolist() for row in reversed(range(len(TEXTS)))
    ]


def test_every_place_is_hidden_in_some_text(tmp_path: Path) -> None:
    """If the hash liked some places more, models would be judged by the beginnings of sentences."""
    folder = tmp_path
    write_tokenizer(folder)
    encoder = TextEncoder(folder, max_tokens=64, rules=MASKS)
    texts = [f"play my song {'a' * (number % 7 + 1)} {number} please" for number in range(3000)]
    ids = [2, *range(60, 80), 3]
    counts = np.bincount(np.concatenate([encoder.masking.fixed(text, ids) for text in texts]), minlength=22)
    # 3 of 20 are hidden, 450 times each in the mean; 5 standard deviations of such a count are about 98.
    assert counts[[0, 21]].sum() == 0
    assert np.abs(counts[1:21] - 450).max() < 98


def test_a_text_with_masks_is_taken_as_it_stands(tmp_path: Path) -> None:
    """A failure would hide other tokens of a text in which somebody marked the ones that are wanted."""
    encoder = _encoder(tmp_path)
    texts = ["play [MASK] now", "[MASK] the [MASK]"]
    found = encoder.encode(texts)
    assert found.reading is not None
    assert found.reading.hidden is not None
    assert found.ids == encoder.to_learn_from(texts).ids
    assert found.reading.hidden.values.tolist() == [UNKNOWN] * 3
    assert [texts[1][start:end] for start, end in found.reading.units.spans[1].tolist()] == ["[MASK]"] * 2


def test_chance_hides_others_in_each_step(tmp_path: Path) -> None:
    """By law: 15 in 100, of these 80, 10 and 10; special tokens and padding never; the same state, the same tokens."""
    encoder = _encoder(tmp_path)
    read = encoder.to_learn_from(TEXTS * 40)
    batch = encoder.pad(read, range(len(read.ids)))
    one, same, other = (
        batch.with_hidden(encoder.masking, np.random.default_rng(seed)) for seed in ([1, 2], [1, 2], [1, 3])
    )
    assert one.answering is not None
    assert one.hidden is not None
    assert same.answering is not None
    assert other.answering is not None
    np.testing.assert_array_equal(one.input_ids, same.input_ids)
    np.testing.assert_array_equal(one.answering, same.answering)
    assert not np.array_equal(one.answering, other.answering)
    before, after = batch.input_ids.reshape(-1), one.input_ids.reshape(-1)
    np.testing.assert_array_equal(before[one.answering], one.hidden)
    untouched = np.delete(np.arange(before.size), one.answering)
    np.testing.assert_array_equal(before[untouched], after[untouched])
    assert not np.isin(one.hidden, encoder.masking.special_ids).any()
    may_hide = int((~np.isin(before, encoder.masking.special_ids)).sum())
    # Texts of a few tokens give at least one each, so a little more than 15 in 100 are hidden.
    assert 0.15 < len(one.hidden) / may_hide < 0.20
    shown = after[one.answering]
    assert np.mean(shown == encoder.masking.mask_id) == pytest.approx(0.8, abs=0.02)
    assert np.mean(shown == one.hidden) == pytest.approx(0.1, abs=0.02)
    assert one.rows is not None
    has_any = np.bincount(one.rows, minlength=len(read.ids)) > 0
    np.testing.assert_array_equal(has_any, [bool(set(ids) - set(encoder.masking.special_ids)) for ids in read.ids])


def test_a_tokenizer_without_a_mask_is_refused(tmp_path: Path) -> None:
    """A failure would put whatever token stands at the mask's number."""
    write_tokenizer(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(path.read_text().replace('"mask_token"', '"no_token"'))
    with pytest.raises(ArtifactError, match="names no mask_token"):
        TextEncoder(tmp_path, max_tokens=64, rules=MASKS)


def test_rows_hold_what_a_softmax_gives() -> None:
    """By twin: scipy's softmax over the whole vocabulary. Of equal tokens the lower number stands first."""
    from scipy.special import log_softmax

    draw = np.random.default_rng(0)
    logits = draw.standard_normal((50, 300)).astype(np.float32) * 4
    logits[0] = 0.0
    hidden = draw.integers(0, 300, 50)
    hidden[7] = UNKNOWN
    rows, wanted = kept_rows(logits, hidden), log_softmax(logits.astype(np.float64), axis=1)
    assert rows.shape == (50, len(COLUMNS))
    np.testing.assert_array_equal(hidden_of(rows), hidden)
    known = hidden != UNKNOWN
    np.testing.assert_allclose(
        hidden_log_probabilities(rows)[known], wanted[known, hidden[known]], atol=1e-5, rtol=1e-6
    )
    assert hidden_log_probabilities(rows)[7] == 0.0
    order = np.argsort(-wanted, axis=1, kind="stable")[1:, :KEPT]
    np.testing.assert_array_equal(tokens_of(rows)[1:], order)
    assert len(set(tokens_of(rows)[0].tolist())) == KEPT
    np.testing.assert_allclose(log_probabilities_of(rows)[1:], np.take_along_axis(wanted[1:], order, 1), atol=1e-5)
    assert (np.exp(log_probabilities_of(rows)).sum(axis=1) < 1).all()
