"""The whole walk with a static student: what it leaves, killed or not, and what it refuses."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limbeck
from limbeck.artifact.sealed import open_artifact
from limbeck.errors import RecipeError
from limbeck.pipeline import Run, compress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.runtime.inspection import describe_path
from limbeck.sweeping import sweep
from limbeck.teacher import load_teacher
from small_run import SETTINGS, SmallRun, labelled_rows, write_rows
from tiny import WORDS
from tiny_embedder import write_embedder
from watching import Events, Interrupted

STATIC = {"kind": "static", "table_size": 32, "ngram_rows": 256}


LEARNING = SETTINGS["distill"] | {"epochs": 40, "learning_rate": 2e-2}


def _recipe(**tables: dict[str, Any]) -> Recipe:
    given = SETTINGS | {"student": STATIC} | tables
    return Recipe.from_dict(given | {"distill": LEARNING | tables.get("distill", {})})


def _compress(walked: SmallRun, out: Path, *, progress: Events | None = None, **tables: dict[str, Any]) -> Run:
    return compress(
        walked.teacher,
        walked.data,
        out=out,
        recipe=_recipe(**tables),
        signals=walked.signals,
        progress=progress or Events(),
    )


@pytest.fixture(scope="module")
def made(walked: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run."""
    return _compress(walked, tmp_path_factory.mktemp("static") / "run")


def test_it_learns_what_its_teacher_says(made: Run) -> None:
    """A failure would ship a student that guesses: the texts are told apart by single words."""
    artifact = next(model for model in made.verdict.models if model.name.startswith("artifact"))
    assert artifact.agreement is not None
    assert artifact.agreement.value >= 0.9
    assert {point for training in made.record.trainings for curve in training.curve for point in curve.losses} == {
        "soft_labels", "true_labels", "last_hidden", "total",
    }  # fmt: skip


def test_the_artifact_is_one_like_any_other(made: Run) -> None:
    """A failure would make static students second-class: no card, no verdict, wrong numbers in `inspect`."""
    manifest = open_artifact(made.artifact).manifest
    assert manifest.shape["layers"] == 0
    assert manifest.n_parameters == made.record.shapes["student"]["parameters"]
    assert manifest.verdict is not None
    card = (made.artifact / "README.md").read_text(encoding="utf-8")
    assert "a static student: averaged vectors of tokens and of runs of tokens, no layers" in card
    assert "Bag of Tricks for Efficient Text Classification" in card
    assert "DistilBERT" not in card
    assert "AutoModel" not in card  # transformers knows no such model
    shown = {name: value for section in describe_path(made.artifact).sections for name, value in section.rows}
    assert "0 layers" in shown["shape"] or "layers 0" in shown["shape"]


def test_the_runtime_answers_alone_and_among_others_alike(made: Run) -> None:
    """A failure would answer a text by its neighbours."""
    model = limbeck.load(made.artifact, threads=1, variant="float")
    texts = [row["text"] for row in labelled_rows(300, seed=9)]
    together = model.logits(texts).values
    alone = np.concatenate([model.logits([text]).values for text in texts[:20]])
    np.testing.assert_allclose(together[:20], alone, atol=1e-5)


def test_killed_and_gone_on_with_it_ends_in_the_same_bytes(walked: SmallRun, made: Run, tmp_path: Path) -> None:
    """A failure would make a student of two halves that do not fit, or train all over again."""
    with pytest.raises(Interrupted):
        _compress(walked, tmp_path / "run", progress=Events(interrupt_in="student", after=7))
    assert not (tmp_path / "run" / "artifact").exists()
    again = Events()
    run = _compress(walked, tmp_path / "run", progress=again)
    assert next(bar for bar in again.bars if bar[0] == "student")[3] > 0  # it went on
    for name in ("model.safetensors", "onnx/model.onnx", "onnx/model_quantized.onnx", "limbeck.json"):
        assert (run.artifact / name).read_bytes() == (made.artifact / name).read_bytes()


def test_few_bits_and_roundings_trained(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would leave the remedies of the ladder to students with layers."""
    run = _compress(walked, tmp_path / "run", quantize={"scheme": "w4a8e4", "train_share": 0.5, "max_lost": 1.0})
    assert [training.name for training in run.record.trainings] == ["student", "baseline", "rounded"]
    bits = {layer.name: layer.weight_bits for layer in run.record.quantization.layers}
    assert bits["embeddings.tokens.weight"] == bits["embeddings.ngrams.weight"] == bits["projection.weight"] == 4
    artifact = next(model for model in run.verdict.models if model.name.startswith("artifact"))
    assert artifact.agreement is not None
    assert artifact.agreement.value >= 0.85


def test_a_target_size_gives_each_table_its_bits(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would refuse the knob, or miss the size."""
    whole = _compress(walked, tmp_path / "whole").artifact
    target = open_artifact(whole).running_bytes / 1e6 - 0.005
    run = _compress(walked, tmp_path / "run", quantize={"target_size_mb": round(target, 4), "max_lost": 1.0})
    assert open_artifact(run.artifact).running_bytes <= target * 1e6
    assert run.record.quantization.assignment is not None


def test_objectives_about_layers_are_refused(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would fail after the labelling, or silently leave an objective out."""
    for name in ("layer_hidden", "attention_maps", "relations"):
        with pytest.raises(RecipeError, match=f"distill.weights.{name} = 1.0 pulls layers to layers"):
            _compress(walked, tmp_path / "run", distill={"weights": {name: 1.0}})


def test_a_sweep_calls_it_static(walked: SmallRun, made: Run, tmp_path: Path) -> None:
    """A failure would call it a student of 0 layers, or refuse to sweep it."""
    given = {"signals": walked.signals, "progress": Events()}
    found = sweep(walked.teacher, walked.data, out=tmp_path / "s", recipe=_recipe(), schemes=["w8a8e8"], **given)
    record = json.loads((found.folder / "sweep.json").read_text(encoding="utf-8"))
    assert [pair["folder"] for pair in record["pairs"]] == ["runs/static-w8a8e8"]
    assert "static, w8a8e8" in found.report.read_text(encoding="utf-8")
    with pytest.raises(RecipeError, match="static"):
        sweep(
            walked.teacher, walked.data, out=tmp_path / "t", recipe=_recipe(), schemes=["w8a8e8"], layers=[2], **given
        )


def test_vectors_are_learned_too(tmp_path: Path) -> None:
    """A failure would leave embeddings out, or ship vectors of another length than the teacher's."""
    write_embedder(tmp_path)
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(3, 9))) for _ in range(600)]
    write_rows(tmp_path / "texts.jsonl", [{"text": text} for text in texts])
    recipe = _recipe(data={"held_out_share": 0.3}, verify=SETTINGS["verify"] | {"tolerances": {"min_agreement": 0.5}})
    out, given = tmp_path / "run", {"signals": tmp_path / "signals", "progress": Events()}
    run = compress(tmp_path / "model", tmp_path / "texts.jsonl", out=out, recipe=recipe, **given)
    teacher = load_teacher(tmp_path / "model", settings=TeacherTable(), max_tokens=48, work=tmp_path)
    unread = [" ".join(draw.choices(WORDS, k=6)) for _ in range(50)]
    vectors, wanted = limbeck.load(run.artifact).logits(unread).values, teacher.logits(unread)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors.shape == wanted.shape
    mean = wanted.mean(axis=0) / np.linalg.norm(wanted.mean(axis=0))
    assert np.sum(vectors * wanted, axis=1).mean() > 0.5 + 0.5 * (wanted @ mean).mean()  # far nearer than their centre
    card = (run.artifact / "README.md").read_text(encoding="utf-8")
    assert "sentence_embedding" in card
    assert "SentenceTransformer" not in card  # which knows no such model
    assert not (run.artifact / "modules.json").exists()
