"""The model card: metadata that hubs accept, examples that run, the same bytes on every machine."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from sample_record import (
    bare_record,
    many_labels_record,
    passed_record,
    refused_record,
    unlabelled_record,
)

from limbeck.records.cuts import Cut, LayerCost, Removal, WidthShare
from limbeck.records.run import RunRecord
from limbeck.records.speed import Latency
from limbeck.records.verdict import ChangedAnswer, Timing
from limbeck.report import model_card
from tiny import write_teacher

RECORDS = (passed_record, refused_record, unlabelled_record, bare_record, many_labels_record)
NAME = "acme/minilm-sst2-int8"


def front_matter(card: str) -> dict[str, Any]:
    """The metadata at the head of a card."""
    head = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    assert head is not None
    parsed: dict[str, Any] = yaml.safe_load(head[1])
    return parsed


def blocks(card: str, language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", card, re.DOTALL)


@pytest.mark.parametrize("make", RECORDS)
def test_the_hub_reads_the_metadata(make: Callable[[], RunRecord]) -> None:
    """A card that the hub refuses keeps the whole model from being uploaded."""
    from huggingface_hub import ModelCard

    record = make()
    data = ModelCard(model_card(record, name=NAME)).data
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "text-classification"
    assert {"transformers.js", "onnx", "distillation", "int8"} <= set(data.tags)
    assert (data.license, data.base_model) == (None, None)
    artifact = record.verdict.models[-1]
    wanted = {"accuracy": artifact.score, "retention": artifact.retention, "agreement": artifact.agreement}
    told = {result.metric_type: result.metric_value for result in data.eval_results or []}
    assert told == {kind: pytest.approx(score.value, abs=1e-6) for kind, score in wanted.items() if score is not None}


def test_what_is_known_of_the_teacher_is_named() -> None:
    """The hub shows a model beneath its teacher; a license that was guessed could be a lie."""
    record = passed_record()
    teacher = dict(record.teacher) | {"hub_id": "microsoft/MiniLM-L12", "license": "mit"}
    metadata = front_matter(model_card(replace(record, teacher=teacher), name=NAME))
    assert (metadata["base_model"], metadata["license"]) == ("microsoft/MiniLM-L12", "mit")


@pytest.mark.parametrize("hub_id", ["../up", "/home/ana/model", "a/b/c", "", 'x": y', "a b"])
def test_a_path_is_no_base_model(hub_id: str) -> None:
    """The hub refuses a card whose base model is no repository, and a path tells of somebody's machine."""
    record = passed_record()
    card = model_card(replace(record, teacher=dict(record.teacher) | {"hub_id": hub_id}), name=NAME)
    assert "base_model" not in front_matter(card)


def test_machine_time_and_place_leave_no_trace() -> None:
    """The card is part of the artifact: a timing in it would give each repetition of a run other bytes."""
    record = passed_record()
    slow = Timing("artifact (int8)", Latency(777.7, 888.8, 9), 0.123, 0.9, 7)
    elsewhere = replace(
        record,
        seconds={"label": 4_444.4},
        machine={"processor": "another"},
        files={"README.md": "0" * 64},
        labelling=replace(record.labelling, n_found=5, n_asked=4, folder="/somewhere/else"),
        teacher=dict(record.teacher) | {"name": "/home/ana/deep/down/minilm-sst2"},
        verdict=replace(
            record.verdict,
            timings=(slow,),
            sentence="The artifact passed: it is 99 times faster.",
            checks=(*record.verdict.checks[:-1], replace(record.verdict.checks[-1], measured=777.7, passed=False)),
            passed=False,
        ),
    )
    assert model_card(elsewhere, name=NAME) == model_card(record, name=NAME)


def test_stages_and_bytes_stand_in_the_card() -> None:
    """Who chooses a model by its card sees what was lost where, and what was not measured."""
    card = model_card(passed_record(), name=NAME)
    assert "| quantized (student (float32) → artifact (int8)) | 872 |" in card
    assert "*On another instruction set*: Not computed" in card
    assert "| embedding | 47.7 MB | 47.7 MB | 12.0 MB | 8, 32 |" in card
    older = replace(passed_record(), bytes_by_part=())
    older = replace(older, verdict=replace(older.verdict, stages=None))
    assert "Where the bytes are" not in model_card(older, name=NAME)


def test_no_text_of_the_data_is_published() -> None:
    """Held-out texts may be customers' own words; a card is public."""
    record = passed_record()
    answers = (ChangedAnswer("a secret of somebody", "and her cousin", "x", "y", 0.9, "x", 0.8),)
    card = model_card(replace(record, verdict=replace(record.verdict, changed_answers=answers)), name=NAME)
    assert "secret" not in card
    assert "cousin" not in card


def test_the_figures_are_those_of_the_verdict() -> None:
    """Who picks a model by its card goes by this table."""
    card = model_card(passed_record(), name=NAME)
    fidelity = "89.4 % (87.2–91.3 %) | 99.4 % (98.2–100.4 %) | 93.7 % (91.9–95.1 %)"
    assert f"\n| artifact (int8) | {fidelity} | 18.3 MB | 17.4 million |\n" in card
    assert (
        "\nOn 872 held-out texts it answers 93.7 % of them as the teacher does (95 % interval 91.9–95.1 %), "
        "answers 89.4 % of them as labelled (95 % interval 87.2–91.3 %) and is 5.0 times smaller.\n"
    ) in card
    assert "| Agreement | at least 95 % | 93.7 % | **missed** |" in model_card(refused_record(), name=NAME).splitlines()


def test_the_proof_stands_in_the_card() -> None:
    """Whoever downloads the model learns there whether it is proven to be as good as its teacher."""
    card = model_card(passed_record(), name="x")
    proof = passed_record().verdict.non_inferiority
    assert proof is not None
    assert proof.mcnemar is not None
    assert f"\n{proof.sentence}\n{proof.mcnemar.sentence}\n" in card
    assert "Berger, Boos 1994" in card
    assert "Berger" not in model_card(unlabelled_record(), name="x")


def test_only_methods_that_were_used_are_cited() -> None:
    """A citation of what the run did not do would send the reader the wrong way."""
    record = passed_record()
    assert {"arXiv:1503.02531", "arXiv:1909.10351", "arXiv:1712.05877"} <= set(
        re.findall(r"arXiv:[\d.]+\d", model_card(record, name=NAME))
    )
    weights = {"soft_labels": 0.0, "true_labels": 1.0, "last_hidden": 0.0}
    plain = replace(record, recipe=dict(record.recipe) | {"distill": {"weights": weights}})
    assert not {"1503.02531", "1909.10351"} & set(re.findall(r"arXiv:([\d.]+\d)", model_card(plain, name=NAME)))


@pytest.mark.parametrize(
    "name", ['it\'s "quoted" \\ name', "a | pipe", "two\nlines: {x}", "naïve 模型", "--- # x: [y]"]
)
def test_odd_names_break_nothing(name: str) -> None:
    """A folder may be called anything; the card must still be read and its examples still compile."""
    card = model_card(passed_record(), name=name)
    shown = " ".join(name.split())
    assert front_matter(card)["model-index"][0]["name"] == shown
    for block in blocks(card, "python"):
        compile(block, "card", "exec")
    assert json.dumps(shown, ensure_ascii=False) in blocks(card, "js")[0]


def test_the_example_for_onnxruntime_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example is all that a user without limbeck has to go by."""
    from transformers import AutoModelForSequenceClassification

    from limbeck.artifact.sealed import QUANTIZED_MODEL_FILE
    from limbeck.export import write_artifact
    from limbeck.quantization import quantize_student
    from limbeck.runtime.engine import Engine
    from limbeck.text.tokens import TextEncoder

    labels = ("negative", "positive")
    teacher = write_teacher(tmp_path / "teacher", labels=labels)
    student = AutoModelForSequenceClassification.from_pretrained(teacher).eval()
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    packed = quantize_student(student, scheme="w8a8e8").weights
    write_artifact(student, artifact, tokenizer_folder=teacher, packed=packed, max_tokens=64)
    encoder = TextEncoder(teacher, max_tokens=64)
    logits = Engine(artifact / QUANTIZED_MODEL_FILE, threads=1).run(encoder.pad(encoder.encode(["a text"]), [0]))
    monkeypatch.chdir(artifact)
    [example] = [block for block in blocks(model_card(passed_record(), name=NAME), "python") if "onnxruntime" in block]
    exec(compile(example, "card", "exec"), {})
    assert capsys.readouterr().out.strip() == labels[int(logits[0].argmax())]


def test_methods_are_cited_where_they_were_used_and_nowhere_else() -> None:
    """A failure would leave a method without its source, or claim one that had no part."""
    record = passed_record()
    plain = model_card(record, name="x")
    for paper in ("2012.15828", "2002.10957", "1803.10837", "2402.02834", "1905.10650", "1909.11942"):
        assert paper not in plain
    weights = {"relations": 1.0, "attention_maps": 0.5, "similarities": 1.0, "layer_hidden": 0.0}
    recipe = dict(record.recipe) | {"distill": {"weights": weights}, "student": {"embedding_size": 64}}
    cut = Cut("by_loss", (0, 5), (Removal(1, (LayerCost(1, 0.1),)),), 512, (WidthShare("hidden channels", 1, 2, 0.7),))
    rich = model_card(replace(record, recipe=recipe, cut=cut), name="x")
    for paper in ("2012.15828", "2002.10957", "1803.10837", "2402.02834", "1905.10650", "1909.11942", "1910.01108"):
        assert paper in rich, paper
    assert "1412.6550" not in rich
    assert "layers, narrowed)" in rich
    scratch = model_card(replace(record, cut=Cut("from scratch", ())), name="x")
    assert "1910.01108" not in scratch
    assert "a student from scratch, of 3 layers" in scratch
