"""A student that computes as its quantized self will, and can be trained: quantization-aware distillation.

Every linear layer and table is replaced by one that rounds weights and inputs on their way into the product, exactly as
the exported graph does, and hands gradients through the rounding (straight through: Bengio et al. 2013,
arXiv:1308.3432). The steps between codes are learned with the weights:

    d value / d step = (code - w / step) inside the codes' range, the outermost code outside of it

Source: Esser et al. 2019, "Learned Step Size Quantization", arXiv:1902.08153, equations 3 and 5. Here the logarithm of
a step is the parameter, so that it stays above zero and one learning rate fits steps of any size.

After training, `baked` reads the codes off the very tensors that the last forward pass computed with.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from limbeck.artifact.packing import (
    LARGEST_CODE,
    STORED_SCALE_BITS,
    Floats,
    PackedTensor,
    PackedWeights,
    Span,
    code_range,
    pack,
)
from limbeck.encoder import heads
from limbeck.encoder.families import FAMILIES, layer_count
from limbeck.quantization.activation_codes import as_codes_tell, own_scale_and_zero_point
from limbeck.quantization.apply import QuantizedStudent, quantize_student, record_of
from limbeck.quantization.preparation import NOTHING_KNOWN, Preparation
from limbeck.recipe.scheme import Scheme

if TYPE_CHECKING:
    from transformers import PreTrainedModel

STEP = "log_step"
"""What a learned step is called among a layer's parameters."""
_BLOCK_LEVELS = 127
_EIGHT_BITS = {code_range(8, symmetric=symmetric) for symmetric in (False, True)}


class _Rounded(torch.autograd.Function):
    """(codes held in range - zero point) * step, with the gradients of learned steps; all float32."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  (torch's own)
        weight: Tensor,
        log_step: Tensor,
        zero_point: Tensor,
        bounds: tuple[int, int],
    ) -> Tensor:
        step = _short(log_step.exp()) if bounds not in _EIGHT_BITS else log_step.exp()
        places = weight.div(step).add_(zero_point)
        codes = places.round().clamp_(*bounds)
        is_inside = places.ge(bounds[0]).logical_and_(places.le(bounds[1]))
        ctx.save_for_backward(is_inside, torch.where(is_inside, codes - places, codes - zero_point), step)
        return codes.sub_(zero_point).mul_(step)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:  # noqa: ANN401
        is_inside, slope, step = ctx.saved_tensors
        by_step = (gradient * slope).sum_to_size(step.shape) * step
        largest = max(1, slope.numel() // step.numel())
        return gradient * is_inside, by_step / largest**0.5, None, None


class _Seen(torch.autograd.Function):
    """Other values in the place of inputs, with the gradients of the inputs."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, seen: Tensor) -> Tensor:  # noqa: ANN401, ARG004
        return seen.to(inputs.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401, ARG004
        return gradient, None


def _short(step: Tensor) -> Tensor:
    """As `packing.short`: the steps that the file has room for."""
    bits = step.view(torch.int32).add(1 << (STORED_SCALE_BITS - 1))
    return bits.bitwise_right_shift(STORED_SCALE_BITS).bitwise_left_shift(STORED_SCALE_BITS).view(torch.float32)


def _rounded(rows: Tensor, log_step: Tensor, zero_point: Tensor, bounds: tuple[int, int]) -> Tensor:
    values: Tensor = _Rounded.apply(rows, log_step, zero_point, bounds)  # type: ignore[no-untyped-call]
    return values.flatten(-2)


class FakeLayer(nn.Module):
    """What layers with rounded weights share: the step's logarithm, the zero point, the range of codes."""

    weight: Tensor
    zero_point: Tensor
    log_step: Tensor

    def start_from(self, packed: PackedTensor) -> None:
        """Take bits, granularity and the first steps of the codes of a (rows, columns) weight."""
        n_rows, n_columns = packed.codes.shape
        self.bits, self.axis = packed.bits, packed.axis
        self.groups = packed.scale.shape[1] if packed.scale.ndim == 2 else 1
        self.bounds = code_range(packed.bits, symmetric=packed.zero_point is None)
        shape = (n_rows if packed.axis == 0 else 1, self.groups, 1)
        self.register_parameter(STEP, nn.Parameter(torch.from_numpy(np.log(packed.scale)).reshape(shape)))
        zero_point = np.zeros(shape, np.float32) if packed.zero_point is None else packed.zero_point.astype(np.float32)
        self.register_buffer("zero_point", torch.from_numpy(zero_point).reshape(shape), persistent=False)
        self.is_asymmetric = packed.zero_point is not None
        self.n_columns = n_columns

    def _grouped(self, rows: Tensor) -> Tensor:
        grouped: Tensor = rows.float().unflatten(-1, (self.groups, self.n_columns // self.groups))
        return grouped

    def packed(self) -> PackedTensor:
        """The codes as they stand."""
        with torch.no_grad():
            step = self._safe_step().exp()
        scale = step.reshape(step.shape[0], self.groups) if self.groups > 1 else step.reshape(-1)
        zero_point = None
        if self.is_asymmetric:
            zero_point = self.zero_point.reshape(scale.shape).cpu().numpy().astype(np.uint8)
        weight = self.weight.detach().float().cpu().numpy()
        return pack(weight, scale.cpu().numpy(), axis=self.axis, bits=self.bits, zero_point=zero_point)

    def _safe_step(self) -> Tensor:
        return self.log_step


class FakeEmbedding(nn.Embedding, FakeLayer):
    """A table whose rows are rounded as they are looked up.

    Args:
        table: What it takes the place of; its weight is shared, not copied.
        packed: Its codes to start from.
    """

    def __init__(self, table: nn.Embedding, packed: PackedTensor) -> None:
        super().__init__(table.num_embeddings, table.embedding_dim, table.padding_idx, device="meta")
        self.weight = table.weight
        self.start_from(packed)

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., columns)."""
        rows = self._grouped(functional.embedding(ids, self.weight, self.padding_idx))
        step = self.log_step[ids]
        return _rounded(rows, step, torch.zeros_like(step), self.bounds)

    def rounded(self) -> Tensor:
        """The whole table, (rows, columns)."""
        return _rounded(self._grouped(self.weight), self.log_step, self.zero_point, self.bounds)


class FakeLinear(nn.Linear, FakeLayer):
    """A linear layer that rounds its weight and its inputs.

    Args:
        layer: What it takes the place of; its parameters are shared, not copied.
        packed: The codes to start from.
        scheme: Of the model.
        span: Scale and zero point of its inputs, where they are fixed.
        factors: (inputs,) what its inputs are divided by; its weight is multiplied by them here.

    Attributes:
        reads: Which inputs decide the range of their codes: "all" tokens, "first" ones, or "none", as they stay float.
    """

    inverse_factors: Tensor | None

    def __init__(
        self, layer: nn.Linear, packed: PackedTensor, *, scheme: Scheme, span: Span | None, factors: Floats | None
    ) -> None:
        super().__init__(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.start_from(packed)
        self.reads = "all" if scheme.quantizes_activations else "none"
        self.is_block = scheme.group_size is not None
        self.is_safe = packed.bits == 8 and scheme.is_integer_product
        self.span = span
        inverse = None if factors is None else torch.from_numpy(1 / factors)
        self.register_buffer("inverse_factors", inverse, persistent=False)
        if factors is not None:
            with torch.no_grad():
                self.weight.mul_(torch.from_numpy(factors))

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        if self.inverse_factors is not None:
            inputs = inputs * self.inverse_factors
        return functional.linear(self._seen(inputs), self._multiplied(), self.bias)

    def _multiplied(self) -> Tensor:
        """The weight as the product sees it."""
        return _rounded(self._grouped(self.weight), self._safe_step(), self.zero_point, self.bounds)

    def _safe_step(self) -> Tensor:
        """Where 8-bit codes are multiplied by 8-bit codes, no smaller than no CPU saturates at (`affine`)."""
        if not self.is_safe:
            return self.log_step
        with torch.no_grad():
            padded = functional.pad(self.weight.float(), (0, self.n_columns % 2)).unflatten(-1, (-1, 2))
            one_signed = torch.maximum(padded.clamp(min=0).sum(-1), (-padded).clamp(min=0).sum(-1))
            largest = one_signed.amax(dim=1) if self.axis == 0 else one_signed.amax().reshape(1)
            least = (largest / LARGEST_CODE).clamp(min=torch.finfo(torch.float32).tiny).log()
        return torch.maximum(self.log_step, least.reshape(self.log_step.shape))

    def _seen(self, inputs: Tensor) -> Tensor:
        """Inputs as the product sees them, with gradients straight through."""
        if self.reads == "none":
            return inputs
        with torch.no_grad():
            given = inputs.float()
            seen = self._in_blocks(given) if self.is_block else self._in_codes(given)
        straight: Tensor = _Seen.apply(inputs, seen)  # type: ignore[no-untyped-call]
        return straight

    def _in_codes(self, inputs: Tensor) -> Tensor:
        """ONNX's DynamicQuantizeLinear, or QuantizeLinear where the range is fixed: codes 0 .. 255, one range."""
        if self.span is None:
            asking = inputs[:, :1] if self.reads == "first" and inputs.dim() == 3 else inputs
            scale, zero_point = own_scale_and_zero_point(asking)
        else:
            scale, zero_point = torch.tensor(self.span[0]), torch.tensor(float(self.span[1]))
        return as_codes_tell(inputs, scale, zero_point)

    def _in_blocks(self, inputs: Tensor) -> Tensor:
        """MatMulNBits: codes -127 .. 127, a scale for each group of inputs in each row."""
        grouped = self._grouped(inputs)
        scale = (grouped.abs().amax(dim=-1, keepdim=True) / _BLOCK_LEVELS).clamp(min=torch.finfo(torch.float32).tiny)
        return grouped.div(scale).round_().mul_(scale).flatten(-2)


class SettledLinear(FakeLinear):
    """One whose weight is what its codes stand for already, so that inputs alone are rounded. Not for training."""

    def _multiplied(self) -> Tensor:
        return self.weight


class FakeDecoder(nn.Linear):
    """A layer that multiplies with a table of rounded rows, as rounded as they are looked up.

    Args:
        layer: What it takes the place of; its bias is shared.
        table: Its weight, and the steps between codes, which are trained there.
    """

    def __init__(self, layer: nn.Linear, table: FakeEmbedding) -> None:
        super().__init__(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
        self.weight, self.bias = table.weight, layer.bias
        self._table = (table,)  # held so that its parameters are named once

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        (table,) = self._table
        return functional.linear(inputs, table.rounded(), self.bias)


def fake_quantized(
    model: "PreTrainedModel",
    *,
    scheme: str,
    bits: Mapping[str, int] | None = None,
    ready: Preparation = NOTHING_KNOWN,
) -> "PreTrainedModel":
    """Replace a classifier's linear layers and tables by ones that round, in place; gives the model back.

    Its arguments and errors are those of `quantize_student`, whose codes are where training starts: also what made up
    for errors there (`ready.hessians`) is where the weights start.
    """
    start = quantize_student(model, scheme=scheme, bits=bits, ready=ready)
    wanted = Scheme.parse(scheme)
    for name, module in dict(model.named_modules()).items():
        packed = start.weights.tensors.get(f"{name}.weight")
        if packed is None:
            continue
        if isinstance(module, nn.Embedding):
            model.set_submodule(name, FakeEmbedding(module, packed))
        elif isinstance(module, nn.Linear):
            fake = FakeLinear(
                module, packed, scheme=wanted, span=ready.spans.get(name), factors=ready.factors.get(name)
            )
            if name in ready.hessians:
                fake.weight.data = torch.from_numpy(packed.dequantize()).to(fake.weight)
            model.set_submodule(name, fake)
    _share_table(model, start.weights)
    _read_as_exported(model)
    return model


def settled(model: "PreTrainedModel", weights: PackedWeights, *, scheme: str) -> "PreTrainedModel":
    """Let a plain model compute with codes as they were packed, in place; gives the model back.

    Weights become what their codes stand for, once and for all; inputs are rounded as the exported graph rounds them.

    Args:
        model: What `weights` were packed from.
        weights: Its codes.
        scheme: They were packed by.
    """
    wanted = Scheme.parse(scheme)
    for name, packed in weights.tensors.items():
        layer = name.removesuffix(".weight")
        module = model.get_submodule(layer)
        if isinstance(module, nn.Linear):
            module = SettledLinear(
                module, packed, scheme=wanted, span=weights.spans.get(layer), factors=weights.factors.get(layer)
            )
            model.set_submodule(layer, module)
        assert isinstance(module, nn.Linear | nn.Embedding)
        module.weight.data = torch.from_numpy(packed.dequantize()).to(module.weight)
    _read_as_exported(model)
    return model


def is_fake_quantized(model: "PreTrainedModel") -> bool:
    """Whether a model rounds its weights as it computes."""
    return any(isinstance(module, FakeLayer) for module in model.modules())


def _read_as_exported(model: "PreTrainedModel") -> None:
    for name, reads in _last_layer(model).items():
        module = model.get_submodule(name)
        if isinstance(module, FakeLinear) and module.reads != "none":
            module.reads = reads


def _share_table(model: "PreTrainedModel", weights: PackedWeights) -> None:
    """Where a head multiplies with the rounded table of embeddings, let it see the rounded rows."""
    last, table = heads.gives_logits(model), heads.shared_table_of(model)
    if last is None or table is None or table not in weights.tensors:
        return
    layer, fake = model.get_submodule(last), model.get_submodule(table.removesuffix(".weight"))
    assert isinstance(layer, nn.Linear)
    assert isinstance(fake, FakeEmbedding)
    model.set_submodule(last, FakeDecoder(layer, fake))


def baked(model: "PreTrainedModel", *, scheme: str) -> QuantizedStudent:
    """The codes of a fake-quantized model as it stands; what stayed float in it stays float."""
    tensors, spans, factors = {}, {}, {}
    for name, module in model.named_modules():
        if isinstance(module, FakeLinear | FakeEmbedding):
            tensors[f"{name}.weight"] = module.packed()
        if isinstance(module, FakeLinear):
            if module.span is not None:
                spans[name] = module.span
            if module.inverse_factors is not None:
                factors[name] = (1 / module.inverse_factors).float().cpu().numpy()
    weights = PackedWeights(tensors, Scheme.parse(scheme).activation_bits, spans, factors)
    return QuantizedStudent(weights, record_of(model, weights, scheme=scheme))


def _last_layer(model: "PreTrainedModel") -> dict[str, str]:
    """Layers of the last block whose inputs the graph sees otherwise: name -> `FakeLinear.reads`."""
    if not heads.reads_first_token(model):
        return {}
    family = FAMILIES[model.config.model_type]
    prefix = f"{family.layers_prefix}{layer_count(model.config) - 1}."
    reads = {f"{prefix}{name}": "none" for name in family.last_keys}
    return reads if family.last_query is None else reads | {f"{prefix}{family.last_query}": "first"}
