"""Heads that answer for every token, of every family, against transformers' own models."""

from pathlib import Path

import numpy as np
import pytest
from asking import ask_onnx, ask_torch, model_of, pairs, row_of, start

from limbeck.export import write_onnx
from limbeck.quantization import baked, fake_quantized, quantize_student
from tiny import FAMILIES

LENGTHS = [13, 2, 9, 1, 24]
KINDS = [(family, head) for family in sorted(FAMILIES) for head in ("tags", "answers")]


def tokens_of(logits: np.ndarray, feed: dict[str, np.ndarray]) -> np.ndarray:
    """The rows that are no padding."""
    return logits[feed["attention_mask"] == 1]


@pytest.mark.parametrize(("family", "head"), KINDS)
def test_every_token_is_answered_as_torch_answers_it(tmp_path: Path, family: str, head: str) -> None:
    """The last block reads the first token alone where classes are wanted; here all others would be missing."""
    model = model_of(family, head=head)
    write_onnx(model, tmp_path / "model.onnx", packed=None)
    for seed, lengths in enumerate((LENGTHS, [7], [1], [40, 3])):
        feed = pairs(lengths, pad_id=model.config.pad_token_id, seed=seed)
        wanted = tokens_of(ask_torch(model, feed), feed)
        # Sums of some hundred float32 products in another order; logits are around 1.
        np.testing.assert_allclose(
            tokens_of(ask_onnx(tmp_path / "model.onnx", feed), feed), wanted, atol=3e-5, rtol=1e-5
        )
    assert np.ptp(wanted, axis=0).max() > 1e-3


@pytest.mark.parametrize(("family", "head"), KINDS)
def test_8_bits_answer_every_token_nearly_alike(tmp_path: Path, family: str, head: str) -> None:
    """A layer of the last block that is taken for one that reads the first token only would be scaled wrongly."""
    model = model_of(family, head=head)
    quantized = quantize_student(model, scheme="w8a8e8")
    write_onnx(model, tmp_path / "model.onnx", packed=quantized.weights)
    feed = pairs(LENGTHS)
    wanted = tokens_of(ask_torch(model, feed), feed)
    got = tokens_of(ask_onnx(tmp_path / "model.onnx", feed), feed)
    # Steps of 1/127 of each row of weights and 1/255 of a tensor's range, through four layers of random weights.
    assert np.abs(got - wanted).max() < 0.12 * np.abs(wanted).max()


def test_ends_of_answers_stand_by_themselves_too(tmp_path: Path) -> None:
    """Transformers.js and optimum look for these names; the runtime here reads `logits`."""
    model = model_of("bert", head="answers")
    write_onnx(model, tmp_path / "model.onnx", packed=None)
    feed = row_of(pairs(LENGTHS), 0)
    session = start(tmp_path / "model.onnx")
    assert [(out.name, out.shape) for out in session.get_outputs()] == [
        ("logits", ["batch", "sequence", 2]), ("start_logits", ["batch", "sequence"]),
        ("end_logits", ["batch", "sequence"]),
    ]  # fmt: skip
    logits, begins, ends = session.run(None, {name: feed[name] for name in (one.name for one in session.get_inputs())})
    np.testing.assert_array_equal(np.stack((begins, ends), axis=-1), logits)


@pytest.mark.parametrize("family", ["bert", "distilbert", "mpnet"])
def test_training_with_roundings_sees_what_the_file_computes(tmp_path: Path, family: str) -> None:
    """For classes the last block's keys stay floats; for tags they are integers, and must be so in training."""
    model = fake_quantized(model_of(family, head="tags"), scheme="w8a8e8").eval()
    write_onnx(model, tmp_path / "model.onnx", packed=baked(model, scheme="w8a8e8").weights)
    feed = pairs([24])
    wanted = ask_torch(model, feed)
    # A code that falls between two integers may be rounded the other way; one wrong scale does a hundred times that.
    np.testing.assert_allclose(ask_onnx(tmp_path / "model.onnx", feed), wanted, atol=0.02 * np.abs(wanted).max())
