"""Bits by layer on the whole walk: the file that ships is within its target, and the records say what it holds."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto

from limbeck import student
from limbeck.artifact.sealed import open_artifact
from limbeck.errors import RecipeError
from limbeck.export import running_size
from limbeck.pipeline import Run, compress
from limbeck.quantization import Preparation, blank_weights, measure_sensitivity, quantize_student
from limbeck.recipe.knobs import QuantizeTable, Recipe
from limbeck.recipe.scheme import Scheme
from limbeck.records.bits import LayerBits, LayerSensitivity, QuantizationRecord
from limbeck.teacher.load import load_model
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder
from limbeck.walk import mixing
from small_run import SETTINGS, SmallRun
from watching import Events, Interrupted

TARGET_MB = 0.048


def run_of(walked: SmallRun, out: Path, quantize: dict[str, Any], **given: Any) -> Run:
    """The small walk with another table of quantization; its teacher has answered already."""
    recipe = Recipe.from_dict(SETTINGS | {"quantize": quantize, "distill": SETTINGS["distill"] | {"baseline": False}})
    return compress(walked.teacher, walked.data, out=out, recipe=recipe, signals=walked.signals, **given)


@pytest.fixture(scope="module")
def mixed(walked: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a target between the smallest size and that of 8 bits everywhere."""
    quantize = {"target_size_mb": TARGET_MB, "sensitivity_texts": 24, "train_share": 0.1}
    return run_of(walked, tmp_path_factory.mktemp("mixed") / "run", quantize)


def test_the_file_that_ships_is_within_its_target(mixed: Run) -> None:
    """A failure would break the one promise of a target."""
    told = mixed.record.quantization.assignment
    assert told is not None
    there = open_artifact(mixed.artifact).running_bytes
    assert there <= TARGET_MB * 1e6 == told.target_bytes
    assert there == told.size_bytes
    assert there > told.smallest_bytes
    check = next(check for check in mixed.verdict.checks if check.tolerance == "max_size_mb")
    assert (check.bound, check.measured, check.passed) == (TARGET_MB, there / 1e6, True)


def test_the_records_say_what_the_file_holds(mixed: Run) -> None:
    """A failure would call a model of 4 bits an int8 one."""
    told = mixed.record.quantization
    bits = {layer.name: layer.weight_bits for layer in told.layers if layer.kind != "kept"}
    assert len(set(bits.values())) > 1
    assert told.scheme == json.loads((mixed.artifact / "limbeck.json").read_text())["scheme"] == "w8a8e8-mixed"
    assert "bits by sensitivity" in told.methods
    assert "trained with roundings" in told.methods
    assert mixed.verdict.models[-1].name == "artifact (w8a8e8-mixed)"
    graph = onnx.load(mixed.artifact / "onnx/model_quantized.onnx").graph
    stored = {constant.name: constant.data_type for constant in graph.initializer if ".codes" in constant.name}
    for name, n_bits in bits.items():
        block, _, layer = name.removesuffix(".weight").rpartition(".")
        planes = [constant for constant in stored if constant.startswith(block) and layer in _layers(constant, block)]
        assert planes, name
        assert any(stored[plane] == TensorProto.INT8 for plane in planes) == (n_bits == 8)
    card = (mixed.artifact / "README.md").read_text(encoding="utf-8")
    assert "8-bit embedding tables at most, each layer with bits of its own" in card
    assert "HAWQ-V3" in card
    page = mixed.report.read_text(encoding="utf-8")
    assert "What each layer can bear" in page


def _layers(constant: str, block: str) -> list[str]:
    """The layers whose codes lie in a constant such as "block.query+key+value.codes"."""
    return constant.removeprefix(f"{block}.").partition(".codes")[0].removesuffix(".weight").split("+")


def test_all_weights_together_err_about_as_the_sum_says(mixed: Run) -> None:
    """The assumption behind the assignment; where it fails, the record must not hide it."""
    told = mixed.record.quantization.assignment
    assert told is not None
    assert told.n_texts == 24
    assert 0.2 < told.measured_error / told.predicted_error < 5


def test_layers_that_read_the_same_stay_one_product(mixed: Run) -> None:
    """Three products in the place of one would cost the speed that few bits are sold with."""
    bits = {layer.name: layer.weight_bits for layer in mixed.record.quantization.layers}
    for number in (0, 1):
        start = f"bert.encoder.layer.{number}.attention.self"
        assert len({bits[f"{start}.{name}.weight"] for name in ("query", "key", "value")}) == 1


def test_a_killed_run_decides_as_it_did(mixed: Run, walked: SmallRun, tmp_path: Path) -> None:
    """A failure would go on training codes of other bits than it began with."""
    quantize = {"target_size_mb": TARGET_MB, "sensitivity_texts": 24, "train_share": 0.1}
    with pytest.raises(Interrupted):
        run_of(walked, tmp_path / "run", quantize, progress=Events(interrupt_in="rounded", after=2))
    again = Events()
    run = run_of(walked, tmp_path / "run", quantize, progress=again)
    assert not [event for event in again.bars if event[0] == "sensitivity"]
    for name in mixed.record.files:
        assert (run.artifact / name).read_bytes() == (mixed.artifact / name).read_bytes(), name


def test_more_than_enough_room_changes_nothing(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would round what need not be rounded, and call w8a8e8 by another name."""
    run = run_of(walked, tmp_path / "run", {"target_size_mb": 50.0, "sensitivity_texts": 8})
    told = run.record.quantization
    assert told.scheme == "w8a8e8"
    assert {layer.weight_bits for layer in told.layers if layer.kind != "kept"} == {8}
    assert "errors compensated" not in told.methods
    theirs, ours = (one.artifact / "onnx/model_quantized.onnx" for one in (walked.run, run))
    assert theirs.read_bytes() == ours.read_bytes()


def test_sensitivity_alone_changes_no_byte(walked: SmallRun, tmp_path: Path) -> None:
    """Looking must not touch: only the records tell that it was measured."""
    run = run_of(walked, tmp_path / "run", {"sensitivity": True, "sensitivity_texts": 8})
    told = run.record.quantization
    assert {one.bits for one in told.sensitivities} == {2, 3, 4, 8}
    assert told.assignment is None
    assert "What each layer can bear" in run.report.read_text(encoding="utf-8")
    theirs, ours = (one.artifact / "onnx/model_quantized.onnx" for one in (walked.run, run))
    assert theirs.read_bytes() == ours.read_bytes()


def test_a_target_that_nothing_reaches_is_refused_before_anything_is_spent(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would distil for an hour and then say no; the size that is told must be one that can be had."""
    events = Events()
    with pytest.raises(RecipeError) as raised:
        run_of(walked, tmp_path / "run", {"target_size_mb": 0.01}, progress=events)
    assert str(raised.value) == (
        "A target of 10.0 kB cannot be reached: model and tokenizer are 0.04 MB with the fewest bits for every layer "
        "that 'w8a8e8' rounds.\nHint: Give a target of at least 0.04MB, or take fewer layers: student.layers below 2."
    )
    assert not events.bars
    with pytest.raises(RecipeError) as raised:
        run_of(walked, tmp_path / "other", {"target_size_mb": 0.01, "scheme": "w8a8"})
    assert raised.value.hint == (
        "Give a target of at least 0.07MB, or a scheme that does not leave tables float, or take fewer layers: "
        "student.layers below 2."
    )


def test_one_layer_cannot_become_fewer(walked: SmallRun) -> None:
    """A failure would advise what cannot be done."""
    model = student.initialise(load_model(walked.teacher), Recipe.from_dict({"student": {"layers": 1}}).student)
    table = QuantizeTable(target_size_mb=0.001)
    with pytest.raises(RecipeError) as raised:
        mixing.refuse_unreachable(model, table, tokenizer_folder=walked.teacher)
    assert raised.value.hint == "Give a target of at least 0.03MB."
    mixing.refuse_unreachable(model, QuantizeTable(target_size_mb=0.04), tokenizer_folder=walked.teacher)


@pytest.mark.parametrize("scheme", ["w8a8e8", "w4a8g32e4-asymmetric", "w3a8te2-static", "w2a32e8"])
def test_blank_codes_weigh_what_real_ones_do(walked: SmallRun, scheme: str) -> None:
    """A failure would promise a size that the file does not have."""
    model = load_model(walked.run.folder / "work" / "student")
    spans = {"bert.pooler.dense": (0.1, 128)} if scheme.endswith("-static") else {}
    ready = Preparation(spans=spans)
    real = quantize_student(model, scheme=scheme, ready=ready)
    bits = {name: packed.bits for name, packed in real.weights.tensors.items()}
    blank = blank_weights(model, scheme=Scheme.parse(scheme), bits=bits, ready=ready)
    for name, packed in real.weights.tensors.items():
        assert blank.tensors[name].nbytes == packed.nbytes
    sizes = [running_size(model, weights, tokenizer_folder=walked.teacher) for weights in (real.weights, blank)]
    assert sizes[0] == sizes[1]


def test_the_scheme_that_is_told(walked: SmallRun) -> None:
    """The most of each kind, and "-mixed" where there are several."""

    def told(*bits: tuple[str, int]) -> str:
        layers = tuple(LayerBits(f"w{n}", kind, (1, 1), b, 4, 1, 0.0) for n, (kind, b) in enumerate(bits))
        return mixing.Mix().told(QuantizationRecord("w8a8e8", layers)).scheme

    assert told(("linear", 4), ("embedding", 4), ("kept", 32)) == "w4a8e4"
    assert told(("linear", 4), ("linear", 2), ("embedding", 8)) == "w4a8e8-mixed"
    assert told(("linear", 8), ("embedding", 4), ("embedding", 2)) == "w8a8e4-mixed"
    assert told(("kept", 32)) == "w8a8e8"


def test_a_target_is_a_tolerance_where_none_is_given() -> None:
    """A failure would pass an artifact above its target, or overrule what a user set."""
    aimed = Recipe.from_dict({"quantize": {"target_size_mb": 5}})
    assert aimed.tolerances == aimed.verify.tolerances.model_copy(update={"max_size_mb": 5.0})
    both = Recipe.from_dict({"quantize": {"target_size_mb": 5}, "verify": {"tolerances": {"max_size_mb": 4}}})
    assert both.tolerances.max_size_mb == 4
    assert Recipe().tolerances == Recipe().verify.tolerances
    assert tomllib.loads(aimed.to_toml())["quantize"]["target_size_mb"] == 5.0


def test_findings_come_back_from_disk(tmp_path: Path) -> None:
    """A failure would lose a minute's work, or decide anew by other figures."""
    one = LayerSensitivity("w", "linear", "w", 4, 10, 0.1, 1 / 3, 1e-17)
    found = mixing.Mix((one, replace(one, bits=8)), {"w": 4}, None)
    assert mixing._remembered(tmp_path, {"spare": 0.1}, lambda: found) == found
    assert mixing._remembered(tmp_path, {"spare": 0.1}, mixing.Mix) == found
    assert mixing._remembered(tmp_path, {"spare": 0.2}, mixing.Mix) == mixing.Mix()


def test_to_spare_layers_their_own_bits_are_measured_once(
    walked: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every share that is tried would measure all layers anew, and at numbers of bits that nobody asked for."""
    measured: list[tuple[LayerSensitivity, ...]] = []

    def counted(*given: Any, **named: Any) -> tuple[LayerSensitivity, ...]:
        measured.append(measure_sensitivity(*given, **named))
        return measured[-1]

    monkeypatch.setattr(mixing, "measure_sensitivity", counted)
    texts = Examples(("play the song", "wake me up", "what a rain"), None, None, ("a", "b"))
    for share in (0.1, 0.5):
        found = mixing.mix(
            load_model(walked.teacher),
            texts,
            QuantizeTable(spare=share),
            ready=Preparation(),
            encoder=TextEncoder(walked.teacher, max_tokens=16),
            held_out=(),
            tokenizer_folder=walked.teacher,
            work=tmp_path,
        )
        assert found.sensitivities == measured[0]
        assert found.bits
    assert len(measured) == 1
    assert {(one.kind, one.bits) for one in measured[0]} == {("linear", 8)}


def test_the_most_sensitive_layers_are_spared_together() -> None:
    """A failure would spare one of the layers that read an input and multiply all of them apart, or spare the wrong."""
    errors = {"query": 0.1, "key": 0.3, "up": 0.35, "down": 0.05}
    groups = {"query": "query", "key": "query", "up": "up", "down": "down"}
    found = [
        LayerSensitivity(name, "linear", groups[name], bits, 10, 0.0, error * (1 if bits == 4 else 9), 0.0)
        for name, error in errors.items()
        for bits in (2, 4, 8)
    ] + [LayerSensitivity("words", "embedding", "words", 4, 10, 0.0, 99.0, 0.0)]
    scheme = Scheme.parse("w4a8e4")
    assert mixing.spared_bits(found, scheme=scheme, share=0.0) == {}
    assert mixing.spared_bits(found, scheme=scheme, share=0.3) == {"query": 8, "key": 8}
    assert mixing.spared_bits(found, scheme=scheme, share=0.5) == {"query": 8, "key": 8, "up": 8}
    assert mixing.spared_bits(found, scheme=Scheme.parse("w8a8e4"), share=0.1) == {"query": 32, "key": 32}
