"""The whole walk with a trimmed vocabulary: what ships, what is told, and that a killed run ends in the same bytes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limbeck
from limbeck import data
from limbeck.errors import OutputError, RecipeError
from limbeck.pipeline import Run, compress
from limbeck.recipe.knobs import Recipe
from limbeck.records.run import RunRecord
from limbeck.report import model_card
from limbeck.student.trimming import untouched
from limbeck.sweeping import sweep
from limbeck.teacher.load import load_model
from limbeck.text.tokens import TextEncoder
from limbeck.walk import mixing
from small_run import SETTINGS, SmallRun, labelled_rows
from tiny import write_tokenizer
from watching import Events, Interrupted

SHORT: dict[str, Any] = {"epochs": 1, "baseline": False}
NEW = "a text of quite other words, 42"


def _recipe(**tables: dict[str, Any]) -> Recipe:
    given = {"student": {"vocabulary": "trimmed", "vocabulary_share": 0.7}, "distill": SHORT} | tables
    return Recipe.from_dict({**SETTINGS, **{name: SETTINGS.get(name, {}) | table for name, table in given.items()}})


@dataclass(frozen=True)
class Wordy:
    """A teacher that knows words which none of the texts has, and the texts.

    Args:
        teacher: Its folder.
        data: The labelled texts.
        signals: Where its answers lie.
        n_tokens: Its tokens.
    """

    teacher: Path
    data: Path
    signals: Path
    n_tokens: int


@pytest.fixture(scope="module")
def wordy(walked: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Wordy:
    """The shared teacher with a hundred words more; no test may change its files."""
    root = tmp_path_factory.mktemp("wordy")
    model = load_model(walked.teacher)
    n_tokens = write_tokenizer(root / "teacher", extra_words=[f"word{number}" for number in range(100)])
    model.resize_token_embeddings(n_tokens)
    model.save_pretrained(root / "teacher")
    return Wordy(root / "teacher", walked.data, root / "signals", n_tokens)


def _compress(wordy: Wordy, out: Path, **changes: Any) -> Run:
    given = {"recipe": _recipe(), "signals": wordy.signals} | changes
    return compress(wordy.teacher, wordy.data, out=out, **given)


def _all_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def trimmed(wordy: Wordy, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run; no test may change its files."""
    return _compress(wordy, tmp_path_factory.mktemp("trimmed") / "run")


def test_the_artifact_has_the_small_vocabulary(walked: SmallRun, wordy: Wordy, trimmed: Run) -> None:
    """A failure would ship rows that no tokenizer reaches, or a tokenizer that reaches beyond the rows."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    config = json.loads((trimmed.artifact / "config.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(trimmed.artifact)
    assert config["vocab_size"] == len(tokenizer) == round(0.7 * wordy.n_tokens)
    assert config["pad_token_id"] == tokenizer.pad_token_id
    assert set(_all_files(trimmed.artifact)) == set(_all_files(walked.run.artifact))
    model = AutoModelForSequenceClassification.from_pretrained(trimmed.artifact)
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer)
    texts = [*(row["text"] for row in labelled_rows(20, seed=5)), NEW]
    float32 = limbeck.load(trimmed.artifact, variant="float")
    theirs = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.detach().numpy()
    assert np.allclose(float32.logits(texts).values, theirs, atol=1e-4)
    assert len(limbeck.load(trimmed.artifact)([NEW])) == 1
    told = json.loads((trimmed.artifact / "limbeck.json").read_text())
    assert told["shape"]["vocabulary"] == len(tokenizer)
    assert told["fingerprints"]["tokenizer"] == TextEncoder(trimmed.artifact, max_tokens=told["max_tokens"]).fingerprint


def test_training_texts_read_as_before(wordy: Wordy, trimmed: Run) -> None:
    """A failure would teach the student from other tokens than the teacher answered."""
    from tokenizers import Tokenizer

    old, new = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (wordy.teacher, trimmed.artifact))
    tables = data.read_table(wordy.data, columns=_recipe().data, task="classification")
    parts = data.split(data.to_examples(tables, ("negative", "positive")), settings=_recipe().data)
    for text in parts.train.texts:
        assert old.encode(text).tokens == new.encode(text).tokens


def test_what_was_trimmed_is_told(walked: SmallRun, trimmed: Run) -> None:
    """A failure would leave out of the report what a small vocabulary costs on texts that it has not seen."""
    told = trimmed.record.vocabulary
    assert told is not None
    assert told.rows == trimmed.record.shapes["student"]["vocabulary"]
    assert told.rows_before == trimmed.record.shapes["teacher"]["vocabulary"]
    assert told.n_held_out == trimmed.record.data["held_out"]
    assert told.before.unknown_share == told.after.unknown_share == 0
    assert told.after.tokens_per_text >= told.before.tokens_per_text
    assert RunRecord.from_json(json.loads((trimmed.folder / "run.json").read_text())) == trimmed.record
    page = trimmed.report.read_text(encoding="utf-8")
    assert f"The student keeps {told.rows} of the teacher’s {told.rows_before} tokens" in page
    assert "arXiv:2010.05609" in model_card(trimmed.record, name="x")
    assert walked.run.record.vocabulary is None
    assert "tokens of the teacher’s" not in walked.run.report.read_text(encoding="utf-8")
    assert "arXiv:2010.05609" not in model_card(walked.run.record, name="x")


def test_a_killed_run_ends_in_the_same_bytes(wordy: Wordy, trimmed: Run, tmp_path: Path) -> None:
    """A failure would go on with a student whose rows belong to other tokens."""
    for sentence, after in (("Trimming", 0), ("Of ", 0), ("student", 3), ("Quantizing", 0), ("Verifying", 0)):
        with pytest.raises(Interrupted):
            _compress(wordy, tmp_path / "run", progress=Events(interrupt_in=sentence, after=after))
    run = _compress(wordy, tmp_path / "run")
    assert _all_files(run.artifact) == _all_files(trimmed.artifact)


def test_another_run_is_not_trimmed_over(wordy: Wordy, trimmed: Run) -> None:
    """A failure would put other rows beside a trained student."""
    before = _all_files(trimmed.folder)
    with pytest.raises(OutputError, match=r"recipe.student.vocabulary_share \(0.7 -> 0.1\)"):
        _compress(wordy, trimmed.folder, recipe=_recipe(student={"vocabulary": "trimmed", "vocabulary_share": 0.1}))
    assert _all_files(trimmed.folder) == before


def test_a_target_size_counts_the_small_vocabulary(
    wordy: Wordy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would refuse a size that trimming reaches, and leave behind what the refused run had begun."""
    asked: list[int] = []

    def refuse(model: Any, table: Any, *, tokenizer_folder: Path) -> None:
        asked.extend((model.config.vocab_size, untouched(tokenizer_folder).get_vocab_size()))
        raise RecipeError("Too small.", hint="More.")

    monkeypatch.setattr(mixing, "refuse_unreachable", refuse)
    with pytest.raises(RecipeError):
        _compress(wordy, tmp_path / "run", recipe=_recipe(quantize={"target_size_mb": 0.001}))
    assert asked == [round(0.7 * wordy.n_tokens)] * 2
    assert not (tmp_path / "run").exists()


def test_hidden_states_of_a_live_teacher_are_read_with_the_small_vocabulary(wordy: Wordy, tmp_path: Path) -> None:
    """A failure would ask the teacher about other words than the student reads."""
    recipe = _recipe(distill=SHORT | {"weights": {"layer_hidden": 0.3}})
    run = _compress(wordy, tmp_path / "run", recipe=recipe)
    assert "layer_hidden" in run.record.trainings[0].curve[0].losses


def test_a_sweep_trims_every_student(wordy: Wordy, tmp_path: Path) -> None:
    """A failure would sweep whole vocabularies where small ones were asked for."""
    found = sweep(
        wordy.teacher,
        wordy.data,
        out=tmp_path / "sweep",
        schemes=["w8a8e8"],
        layers=[1],
        recipe=_recipe(),
        signals=wordy.signals,
    )
    told = json.loads((found.folder / found.record.pairs[0].folder / "run.json").read_text())
    assert told["shapes"]["student"]["vocabulary"] == told["vocabulary"]["rows"] == round(0.7 * wordy.n_tokens)
