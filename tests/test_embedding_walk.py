"""Sentence embeddings through the whole walk, against what sentence-transformers says of the same folders."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

import limbeck
from limbeck.errors import DataError, RecipeError, TeacherError
from limbeck.pipeline import Run, compress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.records.verdict import ARTIFACT, STUDENT, TEACHER
from limbeck.report import model_card
from limbeck.teacher import load_teacher
from limbeck.verification import verify
from small_run import SETTINGS, write_rows
from tiny import FAMILIES, WORDS
from tiny_embedder import write_embedder

N_PAIRS = 120


def _texts(n: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    return list(dict.fromkeys(" ".join(draw.choices(WORDS, k=draw.randint(3, 9))) for _ in range(2 * n)))[:n]


def _pairs() -> list[dict[str, Any]]:
    """Pairs whose score is the share of words that both have."""
    draw, rows = random.Random(7), []
    for text in _texts(N_PAIRS, 0):
        words = text.split()
        other = [word if draw.random() < 0.6 else draw.choice(WORDS) for word in words]
        shared = len(set(words) & set(other)) / len(set(words) | set(other))
        rows.append({"sentence1": text, "sentence2": " ".join(other), "score": round(shared, 3)})
    return rows


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a teacher, scored pairs and extra texts."""
    root = tmp_path_factory.mktemp("embeddings")
    write_embedder(root)
    write_rows(root / "pairs.jsonl", _pairs())
    write_rows(root / "extra.jsonl", [{"text": text, "label": "nobody reads this"} for text in _texts(60, 1)])
    return root


@pytest.fixture(scope="module")
def run(places: Path) -> Run:
    """A finished run."""
    settings = {**SETTINGS, "data": {"extra_texts": str(places / "extra.jsonl"), "held_out_share": 0.3}}
    settings["verify"] = SETTINGS["verify"] | {"tolerances": {"min_agreement": 0.5, "min_retention": 0.5}}
    given: dict[str, Any] = {"recipe": Recipe.from_dict(settings), "signals": places / "signals"}
    return compress(places / "model", places / "pairs.jsonl", out=places / "run", **given)


def _scores(run: Run, name: str) -> Any:
    return next(model for model in run.verdict.models if model.name.startswith(name))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("mode", "normalize"), [("mean", True), ("cls", False), ("max", True)])
def test_the_teacher_says_what_sentence_transformers_says(
    family: str, mode: str, normalize: bool, tmp_path: Path
) -> None:
    """A failure would distil another model than the user's: other pooling, other tokens, other weights."""
    from sentence_transformers import SentenceTransformer

    folder = write_embedder(tmp_path, family=family, mode=mode, normalize=normalize)
    teacher = load_teacher(folder, settings=TeacherTable(), max_tokens=128, work=tmp_path)
    texts = _texts(12, 3)
    wanted = SentenceTransformer(str(folder), device="cpu").encode(texts)
    np.testing.assert_allclose(teacher.logits(texts), wanted, atol=2e-5)
    assert (teacher.task, teacher.encoder.max_tokens) == ("embeddings", 48)
    assert len(teacher.label_names) == wanted.shape[1]
    assert np.std(wanted, axis=0).min() > 1e-4  # vectors differ between texts


def test_pairs_judge_and_single_texts_teach(run: Run, places: Path) -> None:
    """A failure would train on texts that are judged by, or on people's scores."""
    held_out = {text for row in _held_out(run, places) for text in (row["sentence1"], row["sentence2"])}
    assert run.record.data["held_out"] == 2 * len(_held_out(run, places))
    assert run.record.data["extra"] <= 60
    all_texts = {text for row in _pairs() for text in (row["sentence1"], row["sentence2"])}
    assert run.record.data["train"] + run.record.data["validation"] <= len(all_texts - held_out)
    assert set(run.record.trainings[0].curve[-1].losses) == {"soft_labels", "similarities", "total"}
    baseline = run.record.trainings[1]
    assert (baseline.name, set(baseline.curve[-1].losses)) == ("baseline", {"contrastive", "total"})
    assert baseline.best_step == baseline.steps  # nothing that people or the teacher said has chosen
    assert run.verdict.gain is not None


def _held_out(run: Run, places: Path) -> list[dict[str, Any]]:
    """The pairs that the run held out, found again by the same rule."""
    from limbeck import data

    tables = data.read_table(places / "pairs.jsonl", task="embeddings")
    settings = Recipe.from_dict({"data": {"held_out_share": 0.3}}).data
    parts = data.split(data.to_examples(tables, ("0",)), settings=settings)
    assert parts.held_out.text_pairs is not None
    kept = set(zip(parts.held_out.texts, parts.held_out.text_pairs, strict=True))
    return [row for row in _pairs() if (row["sentence1"], row["sentence2"]) in kept]


def test_figures_are_those_of_the_definitions(run: Run, places: Path) -> None:
    """By hand: Spearman of cosines with the scores, mean cosine with the teacher, shared nearest neighbours."""
    rows = _held_out(run, places)
    model = limbeck.load(run.artifact)
    teacher = load_teacher(places / "model", settings=TeacherTable(), max_tokens=128, work=places)
    texts = [text for row in rows for text in (row["sentence1"], row["sentence2"])]
    ours, theirs = model.logits(texts).values, teacher.logits(texts)
    for name, vectors in ((ARTIFACT, ours), (TEACHER, theirs)):
        cosines = (vectors[0::2] * vectors[1::2]).sum(axis=1)
        wanted = spearmanr(cosines, [row["score"] for row in rows]).statistic
        assert _scores(run, name).score.value == pytest.approx(wanted, abs=1e-4)
    assert _scores(run, ARTIFACT).agreement.value == pytest.approx((ours * theirs).sum(axis=1).mean(), abs=1e-4)
    distinct = [texts.index(text) for text in dict.fromkeys(texts)]
    overlap = np.mean([
        len(set(one) & set(two)) / 10
        for one, two in zip(_nearest(ours[distinct]), _nearest(theirs[distinct]), strict=True)
    ])  # fmt: skip
    found = _scores(run, ARTIFACT).further[0]
    assert (found.name, found.score.value) == ("retrieval overlap", pytest.approx(overlap, abs=0.02))
    assert 0.1 < found.score.value < 1


def _nearest(vectors: np.ndarray) -> list[list[int]]:
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -9)
    return [np.argsort(-row)[:10].tolist() for row in alike]


def test_training_brings_the_student_nearer(run: Run) -> None:
    """A failure would ship a student that learned nothing, or vectors that rounding turned."""
    curve = [point.validation_agreement for point in run.record.trainings[0].curve if point.validation_agreement]
    assert 1 - curve[-1] < 0.6 * (1 - curve[0])
    assert _scores(run, ARTIFACT).agreement.value > _scores(run, STUDENT).agreement.value - 0.005


def test_the_artifact_is_a_model_of_sentence_transformers(run: Run) -> None:
    """A failure would leave users of vector stores without a way to load it."""
    from sentence_transformers import SentenceTransformer

    texts = _texts(8, 5)
    wanted = limbeck.load(run.artifact, variant="float").logits(texts).values
    loaded = SentenceTransformer(str(run.artifact), device="cpu")
    np.testing.assert_allclose(loaded.encode(texts), wanted, atol=2e-5)
    assert loaded.max_seq_length == 48
    card = model_card(run.record, name="small")
    assert 'pooling: "mean", normalize: true' in card
    assert "retrieval overlap* of the artifact" in card


def test_the_graph_also_gives_every_tokens_state(run: Run) -> None:
    """transformers.js pools for itself: what it pools must give the same vector."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(run.artifact / "onnx/model.onnx"))
    feed = {
        "input_ids": np.array([[2, 50, 60, 3, 0], [2, 51, 61, 62, 3]]),
        "attention_mask": np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]),
        "token_type_ids": np.zeros((2, 5), np.int64),
    }
    vectors, states = session.run(["sentence_embedding", "last_hidden_state"], feed)
    mask = feed["attention_mask"][..., None]
    pooled = (states * mask).sum(axis=1) / mask.sum(axis=1)
    np.testing.assert_allclose(vectors, pooled / np.linalg.norm(pooled, axis=1, keepdims=True), atol=1e-5)


def test_an_artifact_answers_texts_and_refuses_pairs(run: Run) -> None:
    """A failure would read a pair as one text, whose vector means nothing."""
    model = limbeck.load(run.artifact)
    answer = model("play my song")[0]
    assert answer.to_json()["embedding"] == pytest.approx(model.logits("play my song").values[0].tolist())
    with pytest.raises(DataError, match="reads each text by itself"):
        model(["one"], ["two"])


def test_it_is_judged_again_elsewhere(run: Run, places: Path) -> None:
    """A failure would leave an artifact that nobody can check on pairs of their own."""
    again = verify(run.artifact, write_rows(places / "again.jsonl", _held_out(run, places)),
                   teacher_source=places / "model")  # fmt: skip
    assert again.models[-1].score.value == pytest.approx(_scores(run, ARTIFACT).score.value, abs=1e-6)
    assert again.models[-1].further[0].name == "retrieval overlap"


def test_an_artifact_can_teach(run: Run, places: Path) -> None:
    """Its float32 graph's vectors are the answers, or its weights the start."""
    from limbeck.teacher import open_teacher

    texts = _texts(5, 9)
    wanted = limbeck.load(run.artifact, variant="float").logits(texts).values
    for starts_student in (False, True):
        teacher = open_teacher(run.artifact, recipe=Recipe(), work=places, starts_student=starts_student)
        assert teacher.task == "embeddings"
        with teacher.timed(1) as answers:
            assert answers is not None
            np.testing.assert_allclose(answers.logits(texts, None), wanted, atol=2e-5)


def test_what_cannot_be_is_refused(places: Path, tmp_path: Path) -> None:
    """A failure would find out after the training."""
    rows = places / "pairs.jsonl"
    with pytest.raises(RecipeError, match="vectors would have 16 numbers, the teacher's have 32"):
        _compress(places / "model", rows, tmp_path / "a", student={"hidden_size": 16})
    with pytest.raises(TeacherError, match=r"no modules\.json, so nobody says how its tokens become one vector"):
        _compress(places / "plain", rows, tmp_path / "b", task="embeddings")
    listing = json.loads((places / "model/modules.json").read_text())
    listing.append({"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"})
    other = write_embedder(tmp_path)
    (other / "modules.json").write_text(json.dumps(listing))
    with pytest.raises(TeacherError, match="lists Transformer, Pooling, Normalize, Dense; expected"):
        _compress(other, rows, tmp_path / "c")


def _compress(teacher: Path, rows: Path, out: Path, **settings: Any) -> Run:
    return compress(teacher, rows, out=out, recipe=Recipe.from_dict(SETTINGS | settings), signals=out / "signals")
