"""What a student starts from: rows that go with the trimmed tokenizer, and answers that stay the teacher's."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM

from limbeck.encoder.origin import Origin
from limbeck.errors import TeacherError
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.recipe.student import StudentTable
from limbeck.student import initialise, trimmed, vocabulary_of
from limbeck.student.likeness import by_likeness
from limbeck.student.trimmed import with_rows
from limbeck.teacher import EncoderTeacher, load_teacher, origin_of
from limbeck.teacher.load import float32_logits
from limbeck.text.examples import Examples
from tiny import FAMILIES, SHAPE, WORDS, write_teacher
from trained_tokenizers import KINDS, texts_of, write_trained_teacher

TRIMMED = StudentTable(vocabulary="trimmed", vocabulary_share=0, layers=4)
CORPUS = texts_of("train")[:60]


def _rows(origin: Origin) -> int:
    """Rows of its embedding table."""
    return origin.model.get_input_embeddings().num_embeddings


def _examples(texts: tuple[str, ...], pairs: tuple[str, ...] | None = None) -> Examples:
    return Examples(texts, pairs, None, ("a", "b", "c"))


def _loaded(folder: Path) -> tuple[EncoderTeacher, Origin]:
    master = load_teacher(folder, settings=TeacherTable(), max_tokens=64, work=folder / "work")
    return master, origin_of(master, Recipe(), work=folder / "work")


@pytest.mark.parametrize("kind", KINDS)
def test_on_the_corpus_a_trimmed_student_answers_as_its_teacher(kind: str, tmp_path: Path) -> None:
    """A failure would give tokens each other's rows. By twin: all layers taken over, texts and pairs of texts."""
    master, whole = _loaded(write_trained_teacher(tmp_path / "teacher", kind))
    corpus = _examples(CORPUS[:30], CORPUS[30:])
    origin = trimmed(whole, TRIMMED, corpus=corpus, work=tmp_path)
    student = initialise(origin.model, TRIMMED).eval()
    assert (
        _rows(origin) == student.config.vocab_size == student.get_input_embeddings().weight.shape[0] < _rows(whole) / 2
    )
    for pairs in (None, corpus.text_pairs):
        wanted = float32_logits(master.model, master.encoder, corpus.texts, pairs)
        # The same numbers; only attention is computed in another order of sums.
        np.testing.assert_allclose(float32_logits(student, origin.encoder, corpus.texts, pairs), wanted, atol=1e-5)
    assert np.ptp(wanted, axis=0).min() > 0.01  # answers differ between texts, so that rows matter


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_lose_rows(family: str, tmp_path: Path) -> None:
    """A failure would end some families' runs, or move their positions with the padding's id."""
    pad_id = {"pad_token_id": 1} if family in ("roberta", "mpnet") else {}
    master, whole = _loaded(write_teacher(tmp_path / "teacher", family=family, labels=("a", "b", "c"), **pad_id))
    texts = (f"{WORDS[0]} {WORDS[5]}", " ".join(WORDS[:12]))
    origin = trimmed(whole, TRIMMED, corpus=_examples(texts), work=tmp_path)
    assert _rows(origin) < _rows(whole)
    assert origin.model.config.pad_token_id == master.model.config.pad_token_id
    wanted = float32_logits(master.model, master.encoder, texts)
    np.testing.assert_allclose(float32_logits(origin.model, origin.encoder, texts), wanted, atol=1e-6)


def test_the_teacher_stays_as_it_was_and_lends_its_weights(tmp_path: Path) -> None:
    """A failure would judge the artifact against a teacher that was trimmed too, or hold every weight twice."""
    master, whole = _loaded(write_trained_teacher(tmp_path / "teacher", "BPE"))
    before = master.model.get_input_embeddings().weight.clone()
    origin = trimmed(whole, TRIMMED, corpus=_examples(CORPUS), work=tmp_path)
    assert torch.equal(master.model.get_input_embeddings().weight, before)
    assert master.model.config.vocab_size == len(before) == _rows(whole)
    names = [name for name, weight in origin.model.named_parameters() if weight is not master.model.get_parameter(name)]
    assert names == ["roberta.embeddings.word_embeddings.weight"]
    assert not origin.model.get_input_embeddings().weight.requires_grad
    assert trimmed(whole, StudentTable(), corpus=_examples(CORPUS), work=tmp_path) is whole
    assert vocabulary_of(whole, _examples(CORPUS)) is None


def test_ids_of_the_config_go_with_their_tokens(tmp_path: Path) -> None:
    """A failure would pad with another word, or take one for the end of a text."""
    config = AutoConfig.for_model("bert", **SHAPE, vocab_size=20, pad_token_id=4, bos_token_id=12, num_labels=2)
    config.eos_token_id = [7, 8, 9]
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_config(config)
    found = with_rows(model, [2, 4, 7, 9, 19])
    assert (found.config.pad_token_id, found.config.bos_token_id, found.config.eos_token_id) == (1, None, [2, 3])
    assert found.get_input_embeddings().padding_idx == 1
    assert torch.equal(found.get_input_embeddings().weight[4], model.get_input_embeddings().weight[19])
    assert (config.pad_token_id, model.get_input_embeddings().padding_idx) == (4, 4)


def test_positions_that_would_move_are_refused() -> None:
    """A failure would shift every position of a RoBERTa by as many tokens as fell away in front of its padding."""
    from transformers import AutoModelForSequenceClassification

    config = AutoConfig.for_model("roberta", **SHAPE, vocab_size=20, pad_token_id=1, max_position_embeddings=40)
    model = AutoModelForSequenceClassification.from_config(config)
    with pytest.raises(TeacherError) as caught:
        with_rows(model, [1, 2, 3])
    assert str(caught.value) == (
        "Its positions are counted from the padding's id, 1, which trimming would move.\n"
        'Hint: Set student.vocabulary = "whole".'
    )


def test_answers_that_are_tokens_are_refused(tmp_path: Path) -> None:
    """A failure would take answers away from a model that fills gaps."""
    _, whole = _loaded(write_trained_teacher(tmp_path / "teacher", "WordPiece"))
    filling = AutoModelForMaskedLM.from_config(AutoConfig.for_model("bert", **SHAPE, vocab_size=50))
    with pytest.raises(TeacherError, match="this teacher answers with tokens of its own"):
        trimmed(replace(whole, model=filling), TRIMMED, corpus=_examples(CORPUS), work=tmp_path)


def test_what_was_trimmed_is_read_back_and_anew_for_other_texts(tmp_path: Path) -> None:
    """A failure would let a killed run go on with rows that its half-trained student does not have."""
    _, whole = _loaded(write_trained_teacher(tmp_path / "teacher", "WordPiece"))
    first = trimmed(whole, TRIMMED, corpus=_examples(CORPUS), work=tmp_path)
    kept = first.tokenizer_folder / "vocabulary.json"
    written = kept.stat().st_mtime_ns
    again = trimmed(whole, TRIMMED, corpus=_examples(CORPUS), work=tmp_path)
    assert (kept.stat().st_mtime_ns, again.encoder.fingerprint) == (written, first.encoder.fingerprint)
    other = trimmed(whole, TRIMMED, corpus=_examples(CORPUS[:5]), work=tmp_path)
    assert other.encoder.fingerprint != first.encoder.fingerprint != whole.encoder.fingerprint
    assert len(json.loads(kept.read_text())["kept"]) == _rows(other) < _rows(first)


def test_the_likest_tokens_come_first() -> None:
    """A failure would fill the table with tokens that such texts never have.

    By hand, about their mean of zero: token 0 was seen and points east; 3 points nearly so, 1 north, 4 south-west and
    2 west.
    """
    vectors = np.array([[4, 0], [0, 3], [-5, 0], [2, 0.5], [-1, -3.5]], np.float32)
    assert np.allclose(vectors.mean(axis=0), 0)
    assert by_likeness(vectors, {0: 3}) == [3, 1, 4, 2]
    assert by_likeness(vectors, {0: 1, 2: 1, 1: 1, 3: 1, 4: 1}) == []
