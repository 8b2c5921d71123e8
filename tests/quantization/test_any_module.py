"""Any module with packed weights: shapes and lookups as promised, answers within what rounding costs, refusals."""

import copy
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

import limbeck
from limbeck.artifact.packing import is_saturation_safe
from limbeck.errors import SchemeError
from limbeck.quantization.hessian import HessianObserver
from limbeck.quantization.modules import ComputingLayer, PackedConv1d, PackedEmbedding, PackedLinear
from limbeck.quantization.ranges import ActivationRange
from limbeck.recipe.scheme import Scheme

SCHEMES = [
    "w8a8e8",
    "w8a8te8",
    "w8a32g16e8-asymmetric",
    "w4a8g32e4",
    "w4a32-asymmetric",
    "w3a16e2",
    "w2a32g16",
    "w32a32e4",
]


class Reader(nn.Module):
    """A table, a convolution, and two kinds of linear layers, one of them called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 64, padding_idx=0)
        self.conv = nn.Conv1d(64, 32, 3, padding=1, groups=2)
        self.up = nn.Linear(32, 64)
        self.down = Conv1D(32, 64)
        self.again = self.up
        self.head = nn.Linear(32, 5, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """(batch, tokens) -> (batch, 5)."""
        seen = self.conv(self.embedding(ids).transpose(1, 2)).transpose(1, 2)
        for _ in range(2):
            seen = seen + torch.tanh(self.down(torch.relu(self.again(seen))))
        logits: Tensor = self.head(seen.mean(dim=1))
        return logits


@pytest.fixture
def reader() -> Reader:
    """A small model with a layer of every kind."""
    torch.manual_seed(0)
    return Reader().eval()


IDS = torch.arange(1, 97).reshape(4, 24)


def test_the_table_keeps_its_shape_and_a_quarter_of_its_bytes(reader: Reader) -> None:
    """A failure would break code that asks a table for its shape, or ship a table as large as before."""
    before = copy.deepcopy(reader.state_dict())
    table = limbeck.quantize(reader, "w8a8e8").embedding
    assert isinstance(table, PackedEmbedding)
    assert table.weight.shape == (1000, 64)
    assert table.weight.dtype == torch.int8
    assert table.codes.nbytes + table.scale.nbytes == 1000 * (64 + 4)
    float_rows = reader.embedding(IDS)
    assert ((table(IDS) - float_rows).abs() <= table.scale[IDS][..., None] * 0.5001).all()
    assert torch.equal(table(torch.tensor(5)), table.dequantized()[5])
    assert all(torch.equal(before[name], tensor) for name, tensor in reader.state_dict().items())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_packed_weights_compute_what_they_stand_for(reader: Reader, scheme: str) -> None:
    """A failure would multiply by other weights than the codes say: by transposed ones, or by another group's scale."""
    quantized = limbeck.quantize(reader, scheme)
    twin = copy.deepcopy(reader)
    for name, layer in quantized.named_modules():
        if isinstance(layer, PackedLinear | PackedConv1d | PackedEmbedding):
            float_layer = twin.get_submodule(name)
            assert layer.weight.shape == float_layer.weight.shape
            float_layer.weight.data.copy_(layer.dequantized())
            if isinstance(layer, ComputingLayer):
                float_layer.register_forward_pre_hook(lambda _, inputs, layer=layer: (layer.rounded(inputs[0]),))
    torch.testing.assert_close(quantized(IDS), twin(IDS), rtol=1e-4, atol=1e-5)


def test_fewer_bits_err_more_and_weigh_less(reader: Reader) -> None:
    """A failure would charge for bits that bring nothing, or the reverse."""
    wanted = reader(IDS).detach()
    errors, sizes = [], []
    for scheme in ("w8a32e8", "w4a32e4", "w2a32e2"):
        quantized = limbeck.quantize(reader, scheme)
        errors.append(float((quantized(IDS).detach() - wanted).norm() / wanted.norm()))
        sizes.append(sum(tensor.nbytes for name, tensor in quantized.state_dict().items() if name.endswith("codes")))
    assert errors == sorted(errors)
    assert errors[0] < 0.02
    assert sizes[0] == 2 * sizes[1] == 4 * sizes[2]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_state_goes_through_a_file_and_back(reader: Reader, scheme: str, tmp_path: Path) -> None:
    """A failure would lose a quantized model with the process that made it."""
    quantized = limbeck.quantize(reader, scheme)
    state = {name: tensor for name, tensor in quantized.state_dict().items() if not name.startswith("again.")}
    save_file(state, tmp_path / "model.safetensors")
    torch.manual_seed(1)
    other = limbeck.quantize(Reader().eval(), scheme)
    assert not torch.equal(other(IDS), quantized(IDS))
    loaded = load_file(tmp_path / "model.safetensors")
    missing, unexpected = other.load_state_dict(loaded, strict=False)
    assert [name for name in missing if not name.startswith("again.")] == unexpected == []
    assert torch.equal(other(IDS), quantized(IDS))


def test_layers_that_are_one_stay_one_and_tied_weights_stay_tied() -> None:
    """A failure would pack ALBERT's one layer twelve times, or part a table from the head that is tied to it."""
    tied = nn.ModuleDict({"table": nn.Embedding(50, 16), "head": nn.Linear(16, 50, bias=False)})
    tied["head"].weight = tied["table"].weight
    quantized = limbeck.quantize(tied, "w8a32g8e4-asymmetric")
    assert quantized["table"](torch.tensor([3])).shape == quantized["head"].weight[3:4].shape == (1, 16)
    assert quantized["head"].codes is quantized["table"].codes
    assert torch.equal(quantized["head"].dequantized(), quantized["table"].dequantized())
    reader = limbeck.quantize(Reader(), "w8a8e8")
    assert reader.again is reader.up
    reader = limbeck.quantize(Reader(), "w8a8e8", only=("again",))
    assert isinstance(reader.up, PackedLinear)
    assert reader.again is reader.up


def test_weights_that_meet_integer_activations_are_safe_from_saturation(reader: Reader) -> None:
    """A failure would give other answers on CPUs without VNNI."""
    quantized = limbeck.quantize(reader, "w8a8")
    for name in ("up", "head"):
        assert is_saturation_safe(quantized.get_submodule(name).weight.numpy())


def test_dynamic_activations_by_hand() -> None:
    """A failure would round activations otherwise than the graph that ships.

    -1 .. 4 in 255 steps: scale 5 / 255 = 1/51, zero point 51. 0.5 is 25.5 steps: to even, 26 -> 26 / 51.
    """
    layer = limbeck.quantize(nn.Linear(4, 2), "w8a8")
    assert isinstance(layer, PackedLinear)
    seen = layer.rounded(torch.tensor([[-1.0, 4.0, 0.0, 0.5]]))
    torch.testing.assert_close(seen, torch.tensor([[-1.0, 4.0, 0.0, 26 / 51]]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scheme", ["w2a32", "w3a32g16", "w4a32-asymmetric"])
def test_rounding_that_knows_the_inputs_keeps_outputs_closer(scheme: str) -> None:
    """A failure would round by the inputs of another layer, or not at all, and nobody would see it."""
    torch.manual_seed(0)
    layer = nn.Linear(32, 24)
    inputs = torch.randn(500, 6) @ torch.randn(6, 32) + 0.1 * torch.randn(500, 32)  # strongly correlated
    model = nn.Sequential(OrderedDict(up=layer))
    observer = HessianObserver("up")
    observer.add(inputs)
    errors = [
        float((limbeck.quantize(model, scheme, hessians=given)(inputs) - model(inputs)).detach().norm())
        for given in (None, {"up": observer.hessian})
    ]
    assert errors[1] < 0.5 * errors[0]


def test_a_table_tied_to_a_layer_is_as_safe_as_the_layer() -> None:
    """A failure would saturate in a language model's head, which multiplies by the words' table."""
    torch.manual_seed(0)
    tied = nn.ModuleDict({"table": nn.Embedding(50, 16), "head": nn.Linear(16, 50, bias=False)})
    tied["head"].weight = tied["table"].weight
    assert is_saturation_safe(limbeck.quantize(tied, "w8a8e8")["head"].weight.numpy())


def test_ids_without_a_row_are_refused(reader: Reader) -> None:
    """A failure would read the last row for an id of -1, which float tables refuse."""
    table = limbeck.quantize(reader, "w8a8e8").embedding
    for wrong in (-1, 1000):
        with pytest.raises(IndexError):
            table(torch.tensor([3, wrong]))


def test_models_of_halved_precision_stay_so() -> None:
    """A failure would stop with a mismatch of dtypes where the float model answered."""
    torch.manual_seed(0)
    model = Reader().eval().bfloat16()
    answers = limbeck.quantize(model, "w8a8e8")(IDS)
    assert answers.dtype == torch.bfloat16
    torch.testing.assert_close(answers, model(IDS), rtol=0.1, atol=0.1)


def test_very_large_and_very_small_numbers_pass() -> None:
    """A failure would answer with infinities: of weights too large to square, of activations too large for float16."""
    layer = nn.Linear(8, 4, bias=False)
    with torch.no_grad():
        layer.weight.mul_(1e30)
        layer.weight[1].mul_(1e-60)
    packed = limbeck.quantize(layer, "w4a16")
    assert isinstance(packed, PackedLinear)
    assert torch.isfinite(packed.dequantized()).all()
    assert torch.isfinite(packed.rounded(torch.tensor([1e6, -1e6]))).all()


def test_fixed_ranges_hold_for_every_batch() -> None:
    """A failure would let one text's outlier change another text's answer."""
    layer = limbeck.quantize(nn.Linear(3, 2), "w8a8-static", ranges={"": ActivationRange(-1.0, 1.0)})
    assert isinstance(layer, PackedLinear)
    few, many = torch.tensor([[0.3, -0.2, 0.9]]), torch.tensor([[0.3, -0.2, 0.9], [50.0, -50.0, 0.0]])
    assert torch.equal(layer(few)[0], layer(many)[0])
    assert float(layer.rounded(many).abs().max()) <= 1.01


def test_gradients_reach_the_inputs_and_no_codes(reader: Reader) -> None:
    """A failure would stop what is trained below a quantized part, or train codes into nonsense."""
    layer = limbeck.quantize(reader.up, "w4a8")
    inputs = torch.randn(3, 32, requires_grad=True)
    layer(inputs).sum().backward()
    assert inputs.grad is not None
    torch.testing.assert_close(inputs.grad, layer.dequantized().sum(0).expand(3, 32))
    assert [name for name, _ in layer.named_parameters()] == ["bias"]


def test_torch_encoder_layers_answer_without_gradients() -> None:
    """A failure would crash in torch's fused layer, which reads float weights past the modules that hold them."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval()
    inputs = torch.randn(2, 7, 32)
    with torch.inference_mode():
        torch.testing.assert_close(limbeck.quantize(model, "w8a32")(inputs), model(inputs), rtol=0.05, atol=0.05)


def test_only_and_skip_choose_by_name_and_type(reader: Reader) -> None:
    """A failure would quantize the layer that was to be spared."""

    def packed(**which: tuple[str | type[nn.Module], ...]) -> list[str]:
        found = limbeck.quantize(reader, "w4a32e4", **which)  # type: ignore[arg-type]
        return sorted(name for name, layer in found.named_modules() if hasattr(layer, "codes"))

    assert packed() == ["conv", "down", "embedding", "head", "up"]
    assert packed(only=("*e*",), skip=(nn.Embedding,)) == ["head"]
    assert packed(only=(nn.Conv1d, "d*")) == ["conv", "down"]
    assert packed(only="head") == ["head"]  # type: ignore[arg-type]


def test_moves_and_copies_keep_the_answers(reader: Reader) -> None:
    """A failure would tie a quantized model to the place where it was made."""
    quantized = limbeck.quantize(reader, "w4a32g32e4")
    assert torch.equal(copy.deepcopy(quantized)(IDS), quantized(IDS))
    halved = copy.deepcopy(quantized).bfloat16()
    assert halved.up.codes.dtype == torch.uint8
    torch.testing.assert_close(halved(IDS).float(), quantized(IDS), rtol=0.1, atol=0.05)


def _broken(reader: Reader) -> Reader:
    reader.up.weight.data[0, 3] = float("nan")
    return reader


def _short(reader: Reader) -> Reader:
    reader.embedding.max_norm = 1.0
    return reader


def _mirrored(reader: Reader) -> Reader:
    reader.conv.padding_mode = "reflect"
    return reader


@pytest.mark.parametrize(
    ("change", "scheme", "which", "message"),
    [
        (
            None,
            "w4a8g50",
            {"only": ("up",)},
            "group_size 50 does not divide the 32 inputs of 'up'.\n"
            'Hint: Take groups of 16, 32, or "w4a8" for one scale an output.',
        ),
        (
            None,
            "w8a8",
            {"only": ("nothing",)},
            "No layer is called 'nothing'.\nHint: There are 'embedding', 'conv', 'up', 'down', 'again' and 1 more.",
        ),
        (
            None,
            "w8a8",
            {"only": (nn.LSTM,)},
            "LSTM is named, which cannot be quantized.\nHint: Linear, Conv1d, Embedding and transformers' Conv1D can.",
        ),
        (
            None,
            "w8a8",
            {"only": ("embedding",)},
            "Nothing to quantize: no layer of Reader is chosen that 'w8a8' applies to.\n"
            "Hint: Linear, Conv1d and Embedding layers are quantized; look at `only`, `skip` and the scheme's bits.",
        ),
        (
            None,
            "w8a8-static",
            {"only": ("up",)},
            "'w8a8-static' fixes the range of activations, and none is given for 'up'.\n"
            "Hint: Calibrate first and give `ranges`, or leave -static out for dynamic activations.",
        ),
        (
            None,
            "w8a8",
            {"ranges": {"up": ActivationRange(-1.0, 1.0)}},
            "Ranges are given, but with 'w8a8' each batch has its own.\nHint: Take \"w8a8-static\" to use them.",
        ),
        (
            None,
            "w8a8-static",
            {"only": ("up",), "ranges": {"up": ActivationRange(-1.0, 1.0), "top": ActivationRange(-1.0, 1.0)}},
            "Ranges or Hessians are given for 'top', which are no layers to quantize.\nHint: These are: 'up'.",
        ),
        (
            None,
            "w8a8",
            {"hessians": {"up": torch.eye(32)}},
            "Hessians are given, but 'w8a8' rounds to nearest.\n"
            "Hint: They help with 2, 3, 4 bits; leave `hessians` out.",
        ),
        (
            _broken,
            "w8a8",
            {},
            "'up' holds 1 weights that are NaN or infinite; only finite weights can be quantized.\n"
            "Hint: Look where training diverged, or leave the layer out with `skip`.",
        ),
        (
            _short,
            "w8a8e8",
            {},
            "'embedding' shortens its rows as they are looked up (max_norm = 1.0), which packed rows cannot.\n"
            "Hint: Shorten the rows once and set max_norm = None, or leave the table out with `skip`.",
        ),
        (
            _mirrored,
            "w8a8",
            {},
            "'conv' pads with padding_mode = 'reflect'; packed convolutions pad with zeros.\n"
            "Hint: Leave the layer out with `skip`.",
        ),
        (
            lambda reader: limbeck.quantize(reader, "w8a8", only=("up",)),
            "w8a8",
            {},
            "The module is quantized already: 'up', 'again'.\nHint: Quantize the float module that it was made of.",
        ),
    ],
)
def test_what_cannot_be_quantized_is_refused(reader, change, scheme, which, message) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """A failure would end in a traceback from deep inside, or in a model that is silently wrong."""
    module = change(reader) if change else reader
    with pytest.raises(SchemeError) as caught:
        limbeck.quantize(module, scheme, **which)
    assert str(caught.value) == message


def test_a_named_layer_of_another_kind_is_refused() -> None:
    """A failure would leave float, in silence, what somebody asked for by name."""
    model = nn.Sequential(OrderedDict(norm=nn.LayerNorm(8), up=nn.Linear(8, 8)))
    with pytest.raises(SchemeError) as caught:
        limbeck.quantize(model, "w8a8", only=("norm",))
    assert str(caught.value) == (
        "'norm' is a LayerNorm, which cannot be quantized.\n"
        "Hint: Linear, Conv1d, Embedding and transformers' Conv1D can."
    )


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_clipping_pays_with_few_bits(bits: int) -> None:
    """A failure would let one large weight coarsen all others of its row."""
    from limbeck.quantization.affine import quantize_linear

    weight = np.random.default_rng(0).standard_t(3, size=(32, 64)).astype(np.float32)
    packed = quantize_linear(weight, scheme=Scheme(bits, 32))
    plain = np.abs(weight).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    codes = np.clip(np.rint(weight / plain), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    error = np.square(weight - packed.dequantize()).sum(axis=1)
    assert (error <= np.square(weight - codes * plain).sum(axis=1) * 1.0001).all()
    assert error.sum() < 0.9 * np.square(weight - codes * plain).sum()
