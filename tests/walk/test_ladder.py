"""The ladder: remedies in order, the first that holds is taken, what brings nothing is taken back."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from limbeck.artifact.packing import PackedWeights
from limbeck.distill import Lessons, Targets
from limbeck.quantization import Preparation, QuantizedStudent, Wants
from limbeck.recipe.knobs import Recipe
from limbeck.records.bits import QuantizationRecord, Rung
from limbeck.records.run_folder import RunFolder
from limbeck.tasks import TASKS
from limbeck.text.examples import Examples
from limbeck.text.tokens import EncodedTexts
from limbeck.walk import ladder, quantizing
from limbeck.walk.quantizing import Ground, Quantizing
from small_run import SETTINGS, SmallRun

FLOAT = 0.95


def climbed(
    monkeypatch: pytest.MonkeyPatch,
    agreements: Mapping[str, float],
    *,
    n: int = 1000,
    calibrated: list[tuple[int, Wants]] | None = None,
    **table: Any,
) -> tuple[Quantizing, list[dict[str, Any]]]:
    """Climb with attempts whose agreement is given by what sets them apart from the recipe; tells the attempts too.

    `calibrated` is told how many texts are answered for what.
    """
    asked = Recipe.from_dict({"task": "classification", "quantize": table})
    attempts: list[dict[str, Any]] = []

    def attempt(model: object, ground: object, *, recipe: Recipe, **_: object) -> Quantizing:
        settings, first = recipe.quantize.model_dump(), asked.quantize.model_dump()
        attempts.append({key: value for key, value in settings.items() if value != first[key]})
        record = QuantizationRecord(recipe.quantize.scheme, ())
        return Quantizing(QuantizedStudent(PackedWeights({}), record), attempts[-1], None)  # type: ignore[arg-type]

    def agreement(model: object, packed: object, lessons: object, **_: object) -> float:
        return FLOAT if packed is None else agreements.get(" ".join(attempts[-1]), 0.5)

    def prepare(model: object, texts: Examples, *, wants: Wants, **_: object) -> Preparation:
        if calibrated is not None:
            calibrated.append((len(texts), wants))
        return Preparation()

    monkeypatch.setattr(quantizing, "prepare", prepare)
    monkeypatch.setattr(quantizing, "quantized", attempt)
    monkeypatch.setattr(ladder, "agreement_of", agreement)
    texts = EncodedTexts(ids=[[0]] * n, type_ids=[[0]] * n, truncated=())
    lessons = Lessons(None, texts, Targets(None, None, None), texts, Targets(torch.zeros(n, 2), None, None))  # type: ignore[arg-type]
    ground = Ground(
        lessons,
        objective=None,  # type: ignore[arg-type]
        plan=None,  # type: ignore[arg-type]
        calibration=Examples(("a text",) * 40, None, None, ("no", "yes")),
        held_out=(),
        tokenizer_folder=None,  # type: ignore[arg-type]
        work=None,  # type: ignore[arg-type]
    )
    done = ladder.climb(None, ground, recipe=asked)  # type: ignore[arg-type]
    return done, attempts


def test_what_holds_at_once_is_not_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would train for an hour what was good from the start."""
    done, attempts = climbed(monkeypatch, {"": FLOAT - 0.005}, scheme="w4a8e4")
    assert attempts == [{}]
    assert done.quantized.record.rungs == (Rung("as asked", "w4a8e4", FLOAT - 0.005, FLOAT - (FLOAT - 0.005), True),)


def test_remedies_come_cheapest_first_and_the_first_that_holds_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would train before it looked at a scale for each output, or go on after enough was enough."""
    better = {"": 0.6, "scheme": 0.7, "scheme divide_outliers": 0.8, "scheme train_share": 0.949}
    better["scheme divide_outliers train_share"] = 0.949
    done, attempts = climbed(monkeypatch, better, scheme="w4a8te4", divide_outliers=False)
    rungs = done.quantized.record.rungs
    assert [rung.name for rung in rungs] == [
        "as asked",
        "a scale for each output",
        "the most sensitive layers spared",
        "the most sensitive layers spared",
        "ranges fixed by more calibration texts",
        "outlying inputs divided",
        "trained on with its roundings",
    ]
    assert [rung.held for rung in rungs] == [False, False, False, False, False, False, True]
    assert attempts[1]["scheme"] == "w4a8e4"
    assert [attempt["spare"] for attempt in attempts[2:4]] == [0.1, 0.25]
    assert attempts[4]["scheme"] == "w4a8e4-static"
    # Fixed ranges brought nothing (0.5 after 0.7), so what follows is tried without them.
    assert attempts[5] == {"scheme": "w4a8e4", "divide_outliers": True}
    assert attempts[6] == {"scheme": "w4a8e4", "divide_outliers": True, "train_share": 0.3}
    assert done.model == attempts[6]


def test_attempts_that_want_the_same_calibrate_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would let the student answer all calibration texts again for each of seven attempts."""
    calibrated: list[tuple[int, Wants]] = []
    better = {"": 0.6, "scheme": 0.7, "scheme divide_outliers": 0.8}
    settings = {"scheme": "w4a8te4", "divide_outliers": False, "calibration_texts": 8}
    _, attempts = climbed(monkeypatch, better, calibrated=calibrated, **settings)
    assert len(attempts) == 7
    assert calibrated == [
        (8, Wants(factors=False, ranges=None, hessians=True)),  # as asked, a scale for each output, two shares spared
        (32, Wants(factors=False, ranges="mean_squared_error", hessians=True)),
        (8, Wants(factors=True, ranges=None, hessians=True)),  # outlying inputs divided, and trained on with that
    ]


@pytest.mark.parametrize("tries_fewer", [False, True])
def test_layers_of_eight_bits_want_costs_of_errors_where_they_may_have_fewer(
    tries_fewer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would measure what a layer bears in 4 bits by plain rounding, or calibrate anew to spare some."""
    calibrated: list[tuple[int, Wants]] = []
    climbed(monkeypatch, {}, calibrated=calibrated, scheme="w8a8e8", max_lost=0.4, sensitivity=tries_fewer)
    assert {wants.hessians for _, wants in calibrated} == {tries_fewer}


def test_where_nothing_holds_the_best_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would ship the last attempt, however bad."""
    done, attempts = climbed(monkeypatch, {"": 0.9, "train_share": 0.7}, scheme="w2a32e4")
    assert [rung.held for rung in done.quantized.record.rungs] == [False] * 4
    assert done.model == attempts[0] == {}


def test_every_other_way_to_find_ranges_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would leave a static scheme with the range that happened to be asked for first."""
    done, attempts = climbed(monkeypatch, {"": 0.6, "range_method": 0.7}, scheme="w8a8e8-static", train_share=0)
    methods = [attempt.get("range_method") for attempt in attempts]
    assert methods[:4] == [None, "min_max", "percentile", "entropy"]
    assert not done.quantized.record.rungs[-1].held


def test_one_text_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40 texts one is 2.5 %: a failure would climb for chance."""
    _, attempts = climbed(monkeypatch, {"": FLOAT - 1 / 40}, n=40, scheme="w8a8e8")
    assert attempts == [{}]
    _, attempts = climbed(monkeypatch, {"": FLOAT - 2 / 40}, n=40, scheme="w8a8e8")
    assert len(attempts) > 1
    # Half a per cent of 1,000 texts are 5, which scatter by 2.2.
    _, attempts = climbed(monkeypatch, {"": FLOAT - 7 / 1000}, scheme="w8a8e8")
    assert attempts == [{}]
    _, attempts = climbed(monkeypatch, {"": FLOAT - 8 / 1000}, scheme="w8a8e8")
    assert len(attempts) > 1


def test_a_walk_that_climbs_trains_its_roundings_and_says_so(walked: SmallRun, tmp_path: Any) -> None:
    """The whole way: a scheme that costs too much is trained on, told in record and report, and ends the same twice."""
    from limbeck.pipeline import compress
    from watching import Events, Interrupted

    quantize = {"scheme": "w2a8te2", "train_share": 0.5, "max_lost": 1.0}
    recipe = Recipe.from_dict({**SETTINGS, "quantize": quantize})

    def run(out: Any, **given: Any) -> Any:
        return compress(walked.teacher, walked.data, out=out, recipe=recipe, signals=walked.signals, **given)

    whole = run(tmp_path / "whole")
    told = whole.record.quantization
    assert "trained with roundings" in told.methods
    assert [rung.name for rung in told.rungs] == ["as asked"]
    assert "rounded" in [training.name for training in whole.record.trainings]
    assert (whole.artifact / "onnx/model_q2.onnx").is_file()
    assert whole.record.verdict.models[-1].name == "artifact (w2a8te2)"

    with pytest.raises(Interrupted):
        run(tmp_path / "killed", progress=Events(interrupt_in="rounded", after=7))
    again = run(tmp_path / "killed")
    for name in whole.record.files:
        assert (again.artifact / name).read_bytes() == (whole.artifact / name).read_bytes(), name


def test_the_agreement_is_that_of_the_graph(walked: SmallRun, tmp_path: Any) -> None:
    """A failure would choose between rungs by something that users do not get."""
    from limbeck import runtime
    from limbeck.teacher.load import load_model
    from limbeck.text.tokens import TextEncoder

    folder = RunFolder(walked.run.folder)
    model = load_model(folder.work / "student").eval()
    float32 = runtime.load(walked.run.artifact, variant="float", threads=1)
    texts = ["good film great film", "awful bad film", "the rain today", "love my song"] * 10
    encoder = TextEncoder(walked.run.artifact, max_tokens=float32.manifest.max_tokens)
    encoded = encoder.encode(texts)
    wanted = float32.logits(texts).values
    wanted[::4] = -wanted[::4]  # a teacher who says otherwise on every fourth text
    targets = Targets(torch.from_numpy(wanted), None, None)
    lessons = Lessons(encoder, encoded, targets, encoded, targets)
    assert ladder.agreement_of(model, None, lessons, task=TASKS["classification"]) == pytest.approx(0.75)
