"""Every family, against transformers' own model: float32 to rounding, 8-bit to its steps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from asking import ask_onnx, ask_torch, model_of, pairs, row_of
from torch import nn
from transformers import PreTrainedModel

from limbeck.artifact.packing import PackedTensor
from limbeck.export import write_onnx
from limbeck.quantization import quantize_student
from tiny import FAMILIES

LENGTHS = [13, 2, 9, 1, 24]

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((family, {}) for family in sorted(FAMILIES)),
    ("bert", {"num_hidden_layers": 1}),
    ("bert", {"hidden_act": "gelu_new"}),
    ("bert", {"hidden_act": "relu"}),
    ("bert", {"hidden_size": 30, "num_attention_heads": 3, "intermediate_size": 31}),  # odd sums of inputs
    ("xlm-roberta", {**FAMILIES["roberta"], "pad_token_id": 1}),
    ("camembert", {**FAMILIES["roberta"], "pad_token_id": 1}),
    ("electra", {"embedding_size": 32}),
    ("albert", {"num_hidden_groups": 2, "inner_group_num": 2}),
    ("modernbert", {"classifier_pooling": "mean"}),
    ("modernbert", {"global_attn_every_n_layers": 1}),
    ("modernbert", {"num_hidden_layers": 2, "local_attention": 4}),  # the last layer looks through a window
    ("modernbert", {"attention_bias": True, "mlp_bias": True, "norm_bias": True, "classifier_bias": True}),
    ("deberta-v2", {"pos_att_type": ["c2p"]}),
    ("deberta-v2", {"pos_att_type": ["p2c"]}),
    ("deberta-v2", {"share_att_key": False}),
    ("deberta-v2", {"position_buckets": -1, "max_relative_positions": 6}),
    ("deberta-v2", {"norm_rel_ebd": "none"}),
    ("deberta-v2", {"relative_attention": False, "position_biased_input": True, "type_vocab_size": 2}),
]


def named(variant: tuple[str, dict[str, Any]]) -> str:
    """A variant as the test's name."""
    family, changes = variant
    return "-".join([family, *(f"{key}={value}" for key, value in changes.items() if key not in FAMILIES["roberta"])])


@pytest.mark.parametrize("variant", VARIANTS, ids=named)
def test_float_file_answers_as_torch(tmp_path: Path, variant: tuple[str, dict[str, Any]]) -> None:
    """A block written wrongly would ship another model than the one that was distilled."""
    family, changes = variant
    model = model_of(family, **changes)
    write_onnx(model, tmp_path / "model.onnx", packed=None)
    pad_id = model.config.pad_token_id
    for seed, lengths in enumerate((LENGTHS, [7], [1], [40, 3])):
        feed = pairs(lengths, pad_id=pad_id, seed=seed)
        wanted = ask_torch(model, feed)
        # Sums of some hundred float32 products in another order; logits are around 1.
        np.testing.assert_allclose(ask_onnx(tmp_path / "model.onnx", feed), wanted, atol=2e-5, rtol=1e-5)
    assert np.ptp(wanted, axis=0).max() > 1e-3  # the answers depend on the text


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_padding_changes_nothing(tmp_path: Path, family: str) -> None:
    """A text must be answered alike alone and among longer ones."""
    model = model_of(family)
    write_onnx(model, tmp_path / "model.onnx", packed=None)
    batch = pairs(LENGTHS)
    together = ask_onnx(tmp_path / "model.onnx", batch)
    alone = np.concatenate([ask_onnx(tmp_path / "model.onnx", row_of(batch, row)) for row in range(len(LENGTHS))])
    np.testing.assert_allclose(together, alone, atol=2e-5)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_8_bit_file_answers_as_its_weights(tmp_path: Path, family: str) -> None:
    """Codes beside the wrong scales would look like a poor student."""
    model = model_of(family)
    quantized = quantize_student(model, scheme="w8a8e8")
    write_onnx(model, tmp_path / "model.onnx", packed=quantized.weights)
    batch = pairs(LENGTHS)
    with_dequantized_weights(model, quantized.weights.tensors)
    wanted = ask_torch(model, batch)
    got = ask_onnx(tmp_path / "model.onnx", batch)
    # What is left are the activations' 8 bits: steps of 1/255 of a tensor's range, through four layers.
    assert np.abs(got - wanted).max() < 0.06 * np.abs(wanted).max()
    alone = np.concatenate([ask_onnx(tmp_path / "model.onnx", row_of(batch, row)) for row in range(len(LENGTHS))])
    assert np.abs(got - alone).max() < 0.06 * np.abs(wanted).max()


def test_8_bit_file_answers_as_the_arithmetic_in_torch(tmp_path: Path) -> None:
    """The whole scheme again, in torch: what DynamicQuantizeLinear does before each of BERT's linear layers."""
    model = model_of("bert")
    quantized = quantize_student(model, scheme="w8a8e8")
    write_onnx(model, tmp_path / "model.onnx", packed=quantized.weights)
    with_dequantized_weights(model, quantized.weights.tensors)
    for name, module in model.named_modules():
        is_whole = name.endswith(("layer.3.attention.self.key", "layer.3.attention.self.value"))
        if isinstance(module, nn.Linear) and name != "classifier" and not is_whole:
            only_first = "layer.3" in name
            module.register_forward_pre_hook(
                lambda _module, inputs, first=only_first: (dynamically_quantized(inputs[0], only_first=first),)
            )
    batch = pairs([24, 24, 24])
    wanted = ask_torch(model, batch)
    # Far below what one wrong scale does; above one code that rounds the other way.
    np.testing.assert_allclose(ask_onnx(tmp_path / "model.onnx", batch), wanted, atol=0.01 * np.abs(wanted).max())


def dynamically_quantized(hidden: torch.Tensor, *, only_first: bool) -> torch.Tensor:
    """Activations in 8 bits and back; in the last block the range is that of the first tokens.

    Source: ONNX, DynamicQuantizeLinear: scale = (max(x, 0) - min(x, 0)) / 255, zero point = round(-min / scale).
    """
    asking = hidden[:, :1] if only_first and hidden.ndim == 3 else hidden
    low, high = asking.min().clamp(max=0), asking.max().clamp(min=0)
    scale = (high - low) / 255
    zero_point = torch.round(-low / scale)
    codes = torch.clamp(torch.round(hidden / scale) + zero_point, 0, 255)
    return (codes - zero_point) * scale


def with_dequantized_weights(model: PreTrainedModel, packed: dict[str, PackedTensor]) -> None:
    """Put the 8-bit weights back into the model, as float32."""
    for name, tensor in packed.items():
        model.get_parameter(name).data = torch.from_numpy(tensor.dequantize())
