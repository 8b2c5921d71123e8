"""A reranker through the whole walk: taught, compressed, judged over queries, sealed, ranking, and read by others."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import limbeck
from limbeck.cli.app import app
from limbeck.errors import DataError, TeacherError
from limbeck.pipeline import Run, compress
from limbeck.recipe.knobs import Recipe
from limbeck.records.verdict import ARTIFACT, BASELINE, STUDENT, TEACHER
from limbeck.report import model_card
from limbeck.teaching import teach
from small_run import NEUTRAL, SETTINGS, write_rows
from tiny import write_teacher

N_QUERIES, N_PASSAGES = 60, 4
WORTH = {"great": 2, "good": 1}


def passage_rows() -> list[dict[str, Any]]:
    """Queries with four passages each, of grade 2, 1, 0 and 0 by one word that tells."""
    draw = random.Random(2)
    plain = [word for word in NEUTRAL if word not in WORTH]
    queries = list(dict.fromkeys(" ".join(draw.choices(plain, k=3)) for _ in range(2 * N_QUERIES)))[:N_QUERIES]
    rows = []
    for query in queries:
        for word in ("great", "good", "", ""):
            words = [*draw.choices(plain, k=draw.randint(3, 6)), *([word] if word else [])]
            draw.shuffle(words)
            rows.append({"query": query, "passage": " ".join(words), "relevance": WORTH.get(word, 0)})
    draw.shuffle(rows)
    return rows


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a reranker."""
    root = tmp_path_factory.mktemp("ranked")
    recipe = Recipe.from_dict({**SETTINGS, "task": "reranking"})
    data = write_rows(root / "pairs.jsonl", passage_rows())
    taught = teach(write_teacher(root / "encoder"), data, out=root / "taught", recipe=recipe)
    assert taught.validation_score > 0.9
    found = recipe.model_copy(update={"task": "auto"})  # a teacher says itself what it was made for
    return compress(taught.folder, data, out=root / "run", recipe=found, signals=root / "signals")


def _scores(run: Run, name: str) -> Any:
    return next(model for model in run.verdict.models if model.name.startswith(name))


def test_a_reranker_is_judged_over_queries(ranked: Run) -> None:
    """A failure would make intervals over passages, which are not independent of each other."""
    assert ranked.record.recipe["task"] == ranked.verdict.task == "reranking"
    artifact, teacher = _scores(ranked, ARTIFACT), _scores(ranked, TEACHER)
    n_queries = ranked.verdict.n_held_out // N_PASSAGES
    assert artifact.score.n == artifact.agreement.n == n_queries
    assert ranked.verdict.n_held_out == n_queries * N_PASSAGES
    assert teacher.score.value > 0.9
    assert artifact.score.value > 0.8
    assert artifact.agreement.value > 0.75
    assert artifact.score.interval.method == "BCa bootstrap"
    assert [one.name for one in artifact.further] == ["same first passage"]


def test_margins_and_grades_are_learned(ranked: Run) -> None:
    """A failure would train a reranker on single numbers alone, and its baseline on something else than grades."""
    student, baseline = (
        next(training for training in ranked.record.trainings if training.name == name)
        for name in ("student", "baseline")
    )
    assert {"soft_labels", "margins", "true_labels"} <= set(student.curve[-1].losses)
    assert set(baseline.curve[-1].losses) == {"true_labels", "total"}
    assert student.curve[-1].losses["margins"] < student.curve[0].losses["margins"]
    assert _scores(ranked, BASELINE).score.value > 0.7
    assert ranked.verdict.gain is not None
    assert _scores(ranked, STUDENT).name == ranked.verdict.gain.student


def test_passages_come_ranked(ranked: Run) -> None:
    """A failure would give an order that is not that of the scores, or lose which passage was which."""
    model = limbeck.load(ranked.artifact)
    passages = ["my home alarm", "great film song", "turn it off"]
    found = model.rank("play my song", passages)
    assert found[0].text == "great film song"
    assert sorted(one.index for one in found) == [0, 1, 2]
    assert all(passages[one.index] == one.text for one in found)
    scores = [answer.score for answer in model(["play my song"] * 3, passages)]
    assert [one.score for one in found] == sorted(scores, reverse=True)
    assert model.rank("play my song", []) == []
    with pytest.raises(DataError, match="reads a query and a passage, and got single texts"):
        model(["play my song"])


def test_only_rerankers_rank(tmp_path: Path, ranked: Run) -> None:
    """A failure would order passages by whatever stands first in the logits."""
    model = limbeck.load(ranked.artifact)
    model.task = limbeck.runtime.model.TASKS["regression"]  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="This model's task is regression"):
        model.rank("play", ["my song"])


def test_the_pages_speak_of_rankings(ranked: Run) -> None:
    """A failure would tell a reader of accuracy, or how to ask for single texts."""
    page, card = ranked.report.read_text(encoding="utf-8"), model_card(ranked.record, name="a-model")
    for text in (page, card):
        assert "nDCG@10" in text
        assert "Same first passage" in text or "same first passage" in text
        assert "ccuracy" not in text
    assert "pipeline_tag: text-ranking" in card
    assert "- ndcg\n" in card
    assert 'model.rank("a query", ["a passage", "another passage"])' in card
    assert "CrossEncoder" in card
    assert "arXiv:2010.02666" in card
    assert "held-out queries" in ranked.verdict.sentence
    changed = ranked.verdict.changed_answers
    assert changed
    assert all(answer.teacher_label in page for answer in changed)
    assert all(answer.teacher_label.startswith("rank ") for answer in changed)


def test_predict_gives_a_score_for_each_pair(ranked: Run) -> None:
    """A failure would leave the command line without answers for pairs."""
    lines = [json.dumps({"text": "play my song", "text_pair": passage}) for passage in ("great film", "turn off")]
    found = CliRunner().invoke(app, ["predict", str(ranked.artifact), "--json-lines"], input="\n".join(lines) + "\n")
    assert found.exit_code == 0, found.output
    first, second = (json.loads(line) for line in found.stdout.splitlines())
    assert first["score"] > second["score"]
    assert first["text_pair"] == "great film"


def test_verify_finds_the_queries_again(ranked: Run) -> None:
    """A failure would judge on another machine by other groups."""
    root = ranked.folder.parent
    found = limbeck.verify(ranked.artifact, root / "pairs.jsonl", teacher_source=root / "taught" / "teacher")
    artifact = next(model for model in found.models if model.name.startswith(ARTIFACT))
    assert artifact.score is not None
    assert artifact.agreement is not None
    assert artifact.score.n == N_QUERIES
    assert artifact.agreement.value > 0.75


def test_sentence_transformers_reads_the_artifact_and_limbeck_its_folders(ranked: Run, tmp_path: Path) -> None:
    """A failure would lock a reranker in, or take a CrossEncoder for a regression model."""
    cross = pytest.importorskip("sentence_transformers").CrossEncoder(str(ranked.artifact), device="cpu")
    # The tiny tokenizer is of no class that says so, as BERT's does: which text a token is of is an input too.
    cross.tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    pairs = [(row["query"], row["passage"]) for row in passage_rows()[:8]]
    wanted = limbeck.load(ranked.artifact, variant="float").logits(*map(list, zip(*pairs, strict=True))).values[:, 0]
    np.testing.assert_allclose(cross.predict(pairs), wanted, atol=1e-4)

    from limbeck.recipe.knobs import TeacherTable
    from limbeck.teacher.load import load_teacher

    cross.save_pretrained(str(tmp_path / "saved"))
    again = load_teacher(tmp_path / "saved", settings=TeacherTable(), max_tokens=64, work=tmp_path)
    assert (again.task, again.label_names) == ("reranking", ("number",))
    np.testing.assert_allclose(again.logits(*map(list, zip(*pairs, strict=True)))[:, 0], wanted, atol=1e-4)


def test_a_model_of_one_number_is_a_reranker_where_it_or_the_recipe_says_so(tmp_path: Path) -> None:
    """A failure would guess: nothing in transformers' own files tells a reranker from a regression model."""
    from limbeck.recipe.knobs import TeacherTable
    from limbeck.teacher.load import load_teacher

    def task_of(folder: Path, task: str = "auto") -> str:
        return load_teacher(folder, settings=TeacherTable(), max_tokens=64, work=tmp_path, task=task).task

    folder = write_teacher(tmp_path / "one", labels=("LABEL_0",))
    assert task_of(folder) == "regression"
    assert task_of(folder, "reranking") == "reranking"
    config = json.loads((folder / "config.json").read_text())
    for mark in (
        {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.0.1"}},
        {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
    ):
        (folder / "config.json").write_text(json.dumps(config | mark))
        assert task_of(folder) == "reranking"
        assert task_of(folder, "regression") == "regression"
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"model_type": "CrossEncoder"}))
    assert task_of(folder) == "reranking"
    two = write_teacher(tmp_path / "two", labels=("no", "yes"))
    assert task_of(two, "reranking") == "reranking"
    three = write_teacher(tmp_path / "three", labels=("a", "b", "c"))
    with pytest.raises(TeacherError, match="was made for the task 'classification'"):
        task_of(three, "reranking")
