"""Texts made up by a masked language model: what changes in them, what does not, and where none of them may stand."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limbeck.errors import TeacherError
from limbeck.pipeline import compress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.teacher.masked import Masker, load_masker, masked_texts
from limbeck.text.examples import Examples
from small_run import SETTINGS, SmallRun
from tiny import FAMILIES, write_teacher
from trained_tokenizers import KINDS, texts_of, write_trained_teacher
from watching import Events, Interrupted

TEXTS = texts_of("train")[:50]
EXAMPLES = Examples(TEXTS, None, None, ("a", "b"))


def write_masked_model(folder: Path, kind: str = "WordPiece") -> Path:
    """A random masked language model with a tokenizer that was trained on texts."""
    import torch
    from transformers import AutoConfig, AutoModelForMaskedLM

    write_trained_teacher(folder, kind)
    torch.manual_seed(1)
    AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(folder)).save_pretrained(folder)
    return folder


def _masker(folder: Path, kind: str = "WordPiece") -> Masker:
    return load_masker(write_masked_model(folder, kind), settings=TeacherTable(), max_tokens=64, work=folder / "work")


@pytest.mark.parametrize("kind", KINDS)
def test_a_fifth_of_the_words_changes_and_nothing_else(kind: str, tmp_path: Path) -> None:
    """A failure would teach from texts with stray pieces of words, marks or masks, or the same texts again."""
    masker = _masker(tmp_path / "model", kind)
    made = masker.rewritten(TEXTS, np.random.default_rng(0))
    for text, other in zip(TEXTS, made, strict=True):
        words, new = (re.findall(r"\w[\w'’-]*", one) for one in (text, other))
        changed = [index for index, (one, two) in enumerate(zip(words, new, strict=True)) if one != two]
        assert 1 <= len(changed) <= max(1, round(0.2 * len(words)))
        assert re.sub(r"\w[\w'’-]*", "_", text) == re.sub(r"\w[\w'’-]*", "_", other)
        assert masker.mask_token not in other
        assert "##" not in other


def test_the_likely_words_are_taken(tmp_path: Path) -> None:
    """A failure would put any word where the model says which fit: here it says one, whatever the text."""
    import torch

    masker = _masker(tmp_path / "model")
    word = next(token for token in masker.tokenizer.get_vocab() if re.fullmatch(r"[a-z]{4,}", token))
    with torch.no_grad():
        masker.model.get_output_embeddings().bias[masker.tokenizer.token_to_id(word)] += 50
    made = masker.rewritten(TEXTS, np.random.default_rng(0))
    fresh = [set(other.split()) - set(text.split()) for text, other in zip(TEXTS, made, strict=True)]
    assert sum(word in {one.strip(".,!?'") for one in words} for words in fresh) > 0.8 * len(TEXTS)


def test_none_of_them_stands_elsewhere_or_twice(tmp_path: Path) -> None:
    """A failure would teach texts that judge."""
    masker = _masker(tmp_path / "model")
    first = masked_texts(masker, EXAMPLES, 100, (), seed=0, work=tmp_path)
    assert 50 < len(first) == len(set(first.content_fingerprints)) <= 100
    assert not {*first.content_fingerprints} & {*EXAMPLES.content_fingerprints}
    unread = set(first.content_fingerprints[:30])
    again = masked_texts(masker, EXAMPLES, 100, unread, seed=0, work=tmp_path / ".")
    assert again.texts == first.texts[30:]
    assert masked_texts(masker, EXAMPLES, 100, (), seed=1, work=tmp_path).texts != first.texts


def test_queries_of_passages_stay_as_they_are(tmp_path: Path) -> None:
    """A failure would make up queries that nobody asks, or let a held-out pair come back."""
    masker = _masker(tmp_path / "model")
    pairs = Examples(tuple(f"query {number % 5}" for number in range(len(TEXTS))), tuple(TEXTS), None, ("number",))
    made = masked_texts(masker, pairs, 60, (), seed=0, work=tmp_path, keeps_first=True)
    assert set(made.texts) <= set(pairs.texts)
    assert made.text_pairs is not None
    assert not set(made.text_pairs) & set(TEXTS)
    unread = set(made.content_fingerprints[:10])
    again = masked_texts(masker, pairs, 60, unread, seed=0, work=tmp_path, keeps_first=True)
    assert again.text_pairs == made.text_pairs[10:]


def test_a_kill_costs_one_batch(tmp_path: Path) -> None:
    """A failure would begin again, or end in other texts, with a torn line among them."""
    masker = _masker(tmp_path / "model")
    whole = masked_texts(masker, EXAMPLES, 100, (), seed=0, work=tmp_path)
    (tmp_path / "other").mkdir()
    what = "texts made up by the masked language model"
    with pytest.raises(Interrupted):
        masked_texts(
            masker, EXAMPLES, 100, (), seed=0, work=tmp_path / "other", progress=Events(interrupt_in=what, after=1)
        )
    [path] = (tmp_path / "other").glob("masked-*.jsonl")
    with path.open("a") as stream:
        stream.write('["torn')
    events = Events()
    found = masked_texts(masker, EXAMPLES, 100, (), seed=0, work=tmp_path / "other", progress=events)
    assert found.texts == whole.texts
    [(_, total, _, done, advanced)] = events.bars
    assert (total, done, advanced) == (100, 64, 36)


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "modernbert"])
def test_families_with_such_a_head_load(family: str, tmp_path: Path) -> None:
    """A failure would leave out the models that most teachers were fine-tuned from."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    folder = write_teacher(tmp_path / "model", family=family)
    assert family in FAMILIES
    AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(folder)).save_pretrained(folder)
    masker = load_masker(folder, settings=TeacherTable(), max_tokens=32, work=tmp_path)
    assert masker.rewritten(["play my song", "!?"], np.random.default_rng(0))[1] == "!?"


def test_another_model_is_refused(tmp_path: Path) -> None:
    """A failure would fill words in with a head of noise."""
    with pytest.raises(TeacherError, match="is no masked language model: its architecture is BertForSequenceClass"):
        load_masker(write_teacher(tmp_path / "t"), settings=TeacherTable(), max_tokens=32, work=tmp_path)


def test_half_of_the_made_up_texts_are_masked(walked: SmallRun, tmp_path: Path) -> None:
    """The whole walk; what was made goes on with a killed run, and no path stands in what ships."""
    settings: dict[str, Any] = SETTINGS | {
        "distill": SETTINGS["distill"] | {"masker": str(write_masked_model(tmp_path / "masker")), "epochs": 1}
    }
    given: dict[str, Any] = {"recipe": Recipe.from_dict(settings), "signals": walked.signals}
    events = Events()
    run = compress(walked.teacher, walked.data, out=tmp_path / "run", progress=events, **given)
    n_train = run.record.data["train"]
    bars = {what: total for what, total, *_ in events.bars}
    assert bars["texts made up by the masked language model"] == n_train // 2
    assert n_train * 1.5 < run.record.trainings[0].n_texts <= 2 * n_train
    assert run.record.recipe["distill"]["masker"] == "masker"
