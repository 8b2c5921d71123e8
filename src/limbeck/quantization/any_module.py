"""Any torch module with packed integers for weights: which of its layers, by which scheme, what is refused."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar, cast

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from limbeck.errors import SchemeError
from limbeck.quantization.affine import quantize_linear, quantize_table, refuse_group_size
from limbeck.quantization.compensation import COMPENSATED_BITS, compensated
from limbeck.quantization.modules import PackedConv1d, PackedEmbedding, PackedLayer, PackedLinear, rows_of
from limbeck.quantization.ranges import ActivationRange
from limbeck.recipe.scheme import Scheme, wanted_scheme

Module = TypeVar("Module", bound=nn.Module)
Which = Sequence[str | type[nn.Module]]

_Layer = nn.Linear | nn.Embedding | nn.Conv1d | Conv1D
_SUPPORTED: tuple[type[nn.Module], ...] = (nn.Linear, nn.Embedding, nn.Conv1d, Conv1D)


def quantize(
    module: Module,
    scheme: str | Scheme,
    *,
    only: Which | str | type[nn.Module] = ("*",),
    skip: Which | str | type[nn.Module] = (),
    ranges: Mapping[str, ActivationRange] | None = None,
    hessians: Mapping[str, torch.Tensor] | None = None,
) -> Module:
    """Give back a copy of a module whose weights are stored as packed integers.

    Linear layers, convolutions over sequences (torch's Conv1d), embedding tables, and the Conv1D of transformers. The
    copy is called, saved, loaded and moved as before. A layer's `weight` keeps its shape and shows integers. Weights
    that several layers share are packed once and stay shared, by the table's bits where a table is among them.
    Subclasses of these layers stay as they are, since others read their weights (`nn.MultiheadAttention` does).

    Args:
        module: Any module; it is not changed. A single layer is welcome.
        scheme: Such as "w8a8e8"; `limbeck.recipe.scheme` has the notation.
        only: Layers to quantize: one or several patterns of names (`fnmatch`: "encoder.*.up"), or types.
        skip: Layers to leave float, of the same kind; they win over `only`.
        ranges: For static activations: layer name -> the range that its inputs span (`limbeck.quantization.ranges`).
        hessians: For better rounding to 2, 3 or 4 bits: layer name -> `HessianObserver.hessian` of its inputs. Linear
            layers named here are rounded column by column, so that their outputs stay close (GPTQ).

    Raises:
        SchemeError: The scheme does not exist or does not fit a layer, a layer that was named cannot be quantized or
            has weights that are not finite, the module is quantized already, nothing is left to do, or ranges are
            missing.
    """
    scheme = wanted_scheme(scheme) if isinstance(scheme, str) else scheme
    only, skip = ((which,) if isinstance(which, str | type) else which for which in (only, skip))
    quantized = copy.deepcopy(module)
    every = dict(quantized.named_modules(remove_duplicate=False))
    _refuse_quantized(every)
    layers = {name: layer for name, layer in _chosen(every, only=only, skip=skip) if _is_meant(layer, scheme)}
    if not layers:
        raise SchemeError(
            f"Nothing to quantize: no layer of {type(module).__name__} is chosen that '{scheme}' applies to.",
            hint="Linear, Conv1d and Embedding layers are quantized; look at `only`, `skip` and the scheme's bits.",
        )
    _refuse_unused(layers, scheme=scheme, ranges=ranges or {}, hessians=hessians or {})
    for name, layer in layers.items():
        _refuse_unfit(name, layer, scheme=scheme, ranges=ranges)
    multiplied = {id(layer.weight) for layer in layers.values() if not isinstance(layer, nn.Embedding)}
    made: dict[int, PackedLayer] = {}
    of_weight: dict[int, PackedLayer] = {}
    for name, layer in sorted(layers.items(), key=lambda item: not isinstance(item[1], nn.Embedding)):
        if id(layer) not in made:
            made[id(layer)] = packed = _packed(
                layer,
                scheme,
                span=(ranges or {}).get(name),
                hessian=(hessians or {}).get(name),
                is_multiplied=id(layer.weight) in multiplied,
            )
            first = of_weight.setdefault(id(layer.weight), packed)
            if first is not packed:
                packed.share_codes(first)
            packed.train(layer.training).to(layer.weight)  # its device, and its dtype for scales and bias
    for name, layer in every.items():  # under each of its names, also those that were not asked for
        if id(layer) not in made:
            continue
        if not name:
            return cast("Module", made[id(layer)])  # a single layer becomes another type
        parent, _, last = name.rpartition(".")
        setattr(every[parent], last, made[id(layer)])
    _leave_fast_paths(every.values())
    return quantized


def _packed(
    layer: _Layer,
    scheme: Scheme,
    *,
    span: ActivationRange | None,
    hessian: torch.Tensor | None,
    is_multiplied: bool,
) -> PackedLayer:
    rows = rows_of(layer).float().cpu().contiguous().numpy()
    if isinstance(layer, nn.Embedding):
        if is_multiplied and scheme.table_bits == 8:  # a tied layer multiplies by it: as safe as that layer's weight
            as_weight = Scheme(8, scheme.activation_bits)
            return PackedEmbedding(layer, quantize_linear(rows, scheme=as_weight))
        return PackedEmbedding(layer, quantize_table(rows, bits=scheme.table_bits))
    packed = quantize_linear(rows, scheme=scheme)
    if isinstance(layer, nn.Conv1d):
        return PackedConv1d(layer, packed, activation_bits=scheme.activation_bits, span=span)
    if hessian is not None and scheme.weight_bits in COMPENSATED_BITS:
        packed = compensated(packed, rows, hessian)
    return PackedLinear(layer, packed, activation_bits=scheme.activation_bits, span=span)


def _is_meant(layer: nn.Module, scheme: Scheme) -> bool:
    return scheme.quantizes_tables if isinstance(layer, nn.Embedding) else scheme.quantizes_weights


def _chosen(every: Mapping[str, nn.Module], *, only: Which, skip: Which) -> Iterator[tuple[str, _Layer]]:
    for wanted in (*only, *skip):
        if isinstance(wanted, str) and not any(fnmatchcase(name, wanted) for name in every):
            raise SchemeError(f"No layer is called '{wanted}'.", hint=f"There are {_some(every)}.")
    for wanted in only:
        kind = wanted if isinstance(wanted, type) else type(every[wanted]) if wanted in every else None
        if kind is not None and kind not in _SUPPORTED:
            what = f"'{wanted}' is a {kind.__name__}" if isinstance(wanted, str) else f"{kind.__name__} is named"
            raise SchemeError(
                f"{what}, which cannot be quantized.", hint="Linear, Conv1d, Embedding and transformers' Conv1D can."
            )
    for name, layer in every.items():
        if type(layer) in _SUPPORTED and _is_among(name, layer, only) and not _is_among(name, layer, skip):
            yield name, layer  # type: ignore[misc]


def _is_among(name: str, layer: nn.Module, which: Which) -> bool:
    return any(fnmatchcase(name, one) if isinstance(one, str) else type(layer) is one for one in which)


def _refuse_quantized(every: Mapping[str, nn.Module]) -> None:
    done = [name for name, layer in every.items() if isinstance(layer, PackedLayer)]
    if done:
        raise SchemeError(
            f"The module is quantized already: {_some(done)}.", hint="Quantize the float module that it was made of."
        )


def _refuse_unused(
    layers: Iterable[str],
    *,
    scheme: Scheme,
    ranges: Mapping[str, ActivationRange],
    hessians: Mapping[str, torch.Tensor],
) -> None:
    if ranges and not scheme.static:
        raise SchemeError(
            f"Ranges are given, but with '{scheme}' each batch has its own.",
            hint=f'Take "{scheme}-static" to use them.' if scheme.quantizes_activations else "Leave `ranges` out.",
        )
    if hessians and scheme.weight_bits not in COMPENSATED_BITS:
        raise SchemeError(
            f"Hessians are given, but '{scheme}' rounds to nearest.",
            hint=f"They help with {', '.join(map(str, COMPENSATED_BITS))} bits; leave `hessians` out.",
        )
    strangers = [name for name in (*ranges, *hessians) if name not in set(layers)]
    if strangers:
        raise SchemeError(
            f"Ranges or Hessians are given for {_some(strangers)}, which are no layers to quantize.",
            hint=f"These are: {_some(layers)}.",
        )


def _refuse_unfit(name: str, layer: _Layer, *, scheme: Scheme, ranges: Mapping[str, ActivationRange] | None) -> None:
    rows = rows_of(layer)
    if not rows.numel():
        raise SchemeError(f"'{name}' holds no weights.", hint="Leave the layer out with `skip`.")
    n_wild = int((~torch.isfinite(rows)).sum())
    if n_wild:
        raise SchemeError(
            f"'{name}' holds {n_wild} weights that are NaN or infinite; only finite weights can be quantized.",
            hint="Look where training diverged, or leave the layer out with `skip`.",
        )
    if isinstance(layer, nn.Embedding):
        if layer.max_norm is not None:
            raise SchemeError(
                f"'{name}' shortens its rows as they are looked up (max_norm = {layer.max_norm}), which packed rows "
                "cannot.",
                hint="Shorten the rows once and set max_norm = None, or leave the table out with `skip`.",
            )
        return
    if isinstance(layer, nn.Conv1d) and layer.padding_mode != "zeros":
        raise SchemeError(
            f"'{name}' pads with padding_mode = '{layer.padding_mode}'; packed convolutions pad with zeros.",
            hint="Leave the layer out with `skip`.",
        )
    refuse_group_size(name, rows.shape[1], scheme=scheme)
    if scheme.static and name not in (ranges or {}):
        raise SchemeError(
            f"'{scheme}' fixes the range of activations, and none is given for '{name}'.",
            hint="Calibrate first and give `ranges`, or leave -static out for dynamic activations.",
        )


def _leave_fast_paths(modules: Iterable[nn.Module]) -> None:
    """Torch's fused encoder layers read float weights past their modules: keep them to the plain way, same answers."""
    for module in modules:
        if isinstance(module, nn.TransformerEncoderLayer):
            module.activation_relu_or_gelu = 0
        elif isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False


def _some(names: Iterable[str], *, most: int = 5) -> str:
    told = [f"'{name}'" for name in names if name]
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
