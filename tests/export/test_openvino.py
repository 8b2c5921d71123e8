"""OpenVINO answers every scheme's file as the fake-quantized model in torch does, through limbeck's engine."""

from pathlib import Path

import numpy as np
import pytest
from asking import ask_torch, layers_of, model_of, pairs

from limbeck.export import write_onnx
from limbeck.quantization import Preparation, baked, fake_quantized
from limbeck.runtime.engine import Engine
from limbeck.runtime.openvino_engine import OpenVinoEngine
from limbeck.teacher.quick import first_token_at_last
from limbeck.text.tokens import TokenBatch

SCHEMES = ["w8a8e8", "w3a8e4", "w4a8e4-asymmetric", "w4a8g32e4", "w4a32e4"]
SIZES = {"hidden_size": 64, "intermediate_size": 128}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_is_answered_alike(tmp_path: Path, scheme: str) -> None:
    """A failure would give other answers than those that were judged, because of an engine."""
    model = fake_quantized(model_of("bert", **SIZES), scheme=scheme).eval()
    write_onnx(model, tmp_path / "model.onnx", packed=baked(model, scheme=scheme).weights)
    feed = pairs([24, 24, 24])
    with first_token_at_last(model):
        wanted = ask_torch(model, feed)
    engine = OpenVinoEngine(tmp_path / "model.onnx", threads=1)
    found = engine.run(TokenBatch(**feed))
    # Activations get a scale for each 32 inputs of a token, torch's model one for the whole batch: both have 8 bits.
    # Which class is largest is not asked: with random weights two may lie closer than that, on some processors.
    tolerance = 0.05 if "a8" in scheme else 1e-4
    np.testing.assert_allclose(found, wanted, atol=tolerance * np.abs(wanted).max())
    other = Engine(tmp_path / "model.onnx", threads=1)
    assert (engine.input_names, engine.n_classes) == (other.input_names, other.n_classes)


def test_fixed_ranges_are_kept(tmp_path: Path) -> None:
    """A failure would find the ranges anew, or with a scale that is wrong by the codes' own."""
    model = model_of("bert", **SIZES)
    ready = Preparation(spans=dict.fromkeys(layers_of(model), (0.05, 128)))
    fake = fake_quantized(model, scheme="w8a8e8-static", ready=ready).eval()
    write_onnx(fake, tmp_path / "model.onnx", packed=baked(fake, scheme="w8a8e8-static").weights)
    feed = pairs([24, 24, 24])
    with first_token_at_last(fake):
        wanted = ask_torch(fake, feed)
    found = OpenVinoEngine(tmp_path / "model.onnx", threads=1).run(TokenBatch(**feed))
    np.testing.assert_allclose(found, wanted, atol=0.02 * np.abs(wanted).max())
