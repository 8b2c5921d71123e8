"""Records: what is written to run.json is what is read back, and its schema is published."""

import dataclasses
import json
import math
from typing import Any

import pytest
from pydantic import ValidationError

from limbeck.encoder.parts import ModelBytes, PartBytes
from limbeck.records.bits import LayerBits, QuantizationRecord
from limbeck.records.run import CurvePoint, LabellingRecord, RunRecord, TrainingRecord, from_json, run_schema, to_json
from limbeck.records.score import Interval, Score
from limbeck.records.speed import Latency
from limbeck.records.verdict import (
    ChangedAnswer,
    Check,
    Confusion,
    DistillationGain,
    ModelScores,
    StageCost,
    StageCosts,
    Timing,
    Verdict,
)


def whole_run() -> RunRecord:
    """A run with something in every field, None and empty tuples among it."""
    score = Score(0.961, Interval(0.946, 0.972, 0.95, "wilson"), 872)
    changed = ChangedAnswer("not bad ‘at all’ \u202eabc 🙂", None, "positive", "positive", 0.71, "negative", 0.66)
    return RunRecord(
        limbeck_version="0.1.0",
        teacher={"name": "teachers/minilm", "fingerprint": "ab" * 16},
        shapes={"student": {"layers": 3, "hidden size": 384}},
        data={"train": 67_349, "train fingerprint": "cd" * 16},
        leaks=("2 texts of held_out stood in train and were dropped",),
        recipe={"seed": 0, "verify": {"tolerances": {"min_score": None}}, "student": {"take_layers": [1, 3, 5]}},
        labelling=LabellingRecord(1000, 900, 100, 3, "signals/ab"),
        trainings=(
            TrainingRecord(
                "student",
                1000,
                2,
                32,
                16,
                (CurvePoint(16, {"total": 0.5, "soft_labels": 0.25}, 0.9, None), CurvePoint(32, {"total": 1 / 3})),
            ),
        ),
        quantization=QuantizationRecord(
            "w8a8e8", (LayerBits("embeddings.word", "embedding", (30_522, 384), 8, 46_881_792, 11_842_536, 0.0041),)
        ),
        verdict=Verdict(
            passed=True,
            sentence="The artifact passed: ...",
            checks=(Check("min_agreement", 0.9, 0.961, passed=True, sentence="agreement 96.1 % is at least ..."),),
            models=(
                ModelScores("teacher", 91_000_000, 22_713_728, score, None, None),
                ModelScores("artifact (int8)", 16_000_000, 17_390_000, None, None, score),
            ),
            confusions=(Confusion("positive", "negative", 1, (changed,)),),
            n_changed=1,
            n_held_out=872,
            n_truncated=0,
            timings=(Timing("artifact (int8)", Latency(3.1, 4.2, 600), 700.5, 0.04, 2),),
            changed_answers=(changed,),
            gain=DistillationGain("student (float32)", "no-teacher baseline", score, None, "Distillation brought ..."),
            not_checked=("min_retention was not checked: it needs labels.",),
        ),
        files={"onnx/model_quantized.onnx": "ef" * 32},
        machine={"processor": "some processor"},
        seconds={"distill": 12.5},
    )


def test_a_run_written_and_read_back_is_the_same_run() -> None:
    """A report made later from run.json must say exactly what the report of the run said."""
    run = whole_run()
    assert RunRecord.from_json(json.loads(json.dumps(run.to_json()))) == run


def test_to_json_gives_what_json_gives_back() -> None:
    """Tuples that turn into lists on the way through a file would make equal records look changed."""
    written = whole_run().to_json()
    assert json.loads(json.dumps(written, ensure_ascii=False)) == written


def test_a_single_record_goes_the_same_way() -> None:
    """The manifest of an artifact keeps the verdict alone."""
    verdict = whole_run().verdict
    assert from_json(Verdict, json.loads(json.dumps(to_json(verdict)))) == verdict


def test_a_verdict_of_before_optional_fields_is_still_read() -> None:
    """An artifact shipped earlier must stay readable when the verdict learns to say more."""
    older = to_json(whole_run().verdict)
    for later in ("changed_answers", "gain", "not_checked", "non_inferiority"):
        del older[later]
    found = from_json(Verdict, older)
    assert (found.changed_answers, found.gain, found.not_checked, found.non_inferiority) == ((), None, (), None)


def test_a_run_of_before_stages_and_bytes_is_still_read() -> None:
    """A run.json of last year must not be lost when limbeck learns to tell more."""
    older = whole_run().to_json()
    del older["bytes_by_part"]
    del older["verdict"]["stages"]
    found = RunRecord.from_json(older)
    assert (found.bytes_by_part, found.verdict.stages) == ((), None)


def test_stages_and_bytes_go_the_same_way() -> None:
    """What the report shows of them, programs must find in run.json."""
    cost = StageCost("distilled", "teacher", "student (float32)", 4, 1)
    unknown = StageCost("on another instruction set", "artifact (int8)", "artifact without VNNI", 0, None, note="No.")
    parts = (PartBytes("embedding", 2, 300, (8, 32), 400), PartBytes("graph", 0, 0, (), 90))
    run = dataclasses.replace(
        whole_run(),
        verdict=dataclasses.replace(
            whole_run().verdict, stages=StageCosts((cost, unknown), "Distilling cost nothing.")
        ),
        bytes_by_part=(ModelBytes("artifact (int8)", parts),),
    )
    assert RunRecord.from_json(json.loads(json.dumps(run.to_json()))) == run
    assert {"StageCosts", "StageCost", "ModelBytes", "PartBytes"} <= set(run_schema()["$defs"])


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("passed", "perhaps", "passed"),
        ("n_changed", 1.5, "n_changed"),
        ("models", [{"name": "x"}], "models.0.size_bytes"),
    ],
)
def test_a_damaged_record_is_refused_with_its_place(field: str, value: Any, where: str) -> None:
    """A damaged run.json must not become a report with wrong figures."""
    damaged = to_json(whole_run().verdict) | {field: value}
    with pytest.raises(ValidationError) as caught:
        from_json(Verdict, damaged)
    assert where in {".".join(map(str, fault["loc"])) for fault in caught.value.errors()}


def test_figures_keep_every_digit() -> None:
    """A rounded third would make two equal runs differ after one trip through a file."""
    curve = whole_run().trainings[0].curve[1]
    read = from_json(CurvePoint, json.loads(json.dumps(to_json(curve))))
    assert math.isclose(read.losses["total"], 1 / 3, rel_tol=0, abs_tol=0)


def test_schema_names_every_field() -> None:
    """Other people's tools read run.json by this schema; a field missing there does not exist for them."""
    schema = run_schema()
    assert set(schema["properties"]) == {field.name for field in dataclasses.fields(RunRecord)}
    verdict = schema["$defs"]["Verdict"]
    assert set(verdict["properties"]) == {field.name for field in dataclasses.fields(Verdict)}
    assert set(verdict["required"]) == {
        "passed",
        "sentence",
        "checks",
        "models",
        "confusions",
        "n_changed",
        "n_held_out",
        "n_truncated",
    }
    assert json.loads(json.dumps(schema)) == schema
