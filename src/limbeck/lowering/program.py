"""The steps of a graph as one torch module, and its way through torch.export and XNNPACK's partitioner to a file."""

import importlib
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from limbeck.lowering.layers import IntegerProduct, Widened
from limbeck.lowering.reading import GraphReader

SHORTEST = 2
"""Tokens: torch takes a size of 0 or 1 for one that never changes."""
_USUAL = 7


class GraphProgram(nn.Module):
    """A graph that answers one text: tokens in, logits out.

    Args:
        path: An artifact's quantized graph.

    Raises:
        SchemeError: It holds an operator that has no counterpart here.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        # These bring the signatures of ExecuTorch's kernels, by being imported.
        importlib.import_module("executorch.exir.passes._quant_patterns_and_replacements")
        importlib.import_module("executorch.kernels.quantized")
        reader = GraphReader(path)
        self.inputs, self._output, self._steps = reader.inputs, reader.output, reader.steps
        self.layers = nn.ModuleList(step.apply for step in reader.steps if isinstance(step.apply, nn.Module))

    def forward(self, *given: Tensor) -> Tensor:
        """The graph's inputs in their order, each (1, tokens) int64 -> its logits."""
        values: dict[str, Any] = dict(zip(self.inputs, given, strict=True))
        for step in self._steps:
            found = step.apply(*(values[one] if isinstance(one, str) else one for one in step.inputs))
            values.update(zip(step.outputs, [found] if len(step.outputs) == 1 else found, strict=True))
        answer: Tensor = values[self._output]
        return answer


@dataclass(frozen=True)
class Lowered:
    """A program for ExecuTorch.

    Args:
        content: Bytes of the .pte file.
        inputs: Names of its inputs, in their order.
        n_products: Linear layers that XNNPACK multiplies as integers.
        n_short: How many of them have weights of 4 bits.
        n_grouped: How many have a scale for each group of inputs.
        n_fixed: How many have activations of a fixed range.
        n_widened: Weights that are turned to floats each time.
    """

    content: bytes
    inputs: tuple[str, ...]
    n_products: int
    n_short: int
    n_grouped: int
    n_fixed: int
    n_widened: int


def lower(path: Path, *, max_tokens: int) -> Lowered:
    """Write an artifact's graph as an ExecuTorch program with XNNPACK's kernels.

    Args:
        path: The quantized graph.
        max_tokens: The longest text; the program takes 2 tokens to so many.

    Raises:
        SchemeError: The graph holds an operator that has no counterpart here.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    program = GraphProgram(path).eval()
    length = torch.export.Dim("tokens", min=SHORTEST, max=max_tokens)
    example = tuple(torch.ones((1, min(_USUAL, max_tokens)), dtype=torch.int64) for _ in program.inputs)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            exported = torch.export.export(program, example, dynamic_shapes=(tuple({1: length} for _ in example),))
            edge = to_edge_transform_and_lower(
                exported,
                partitioner=[XnnpackPartitioner()],
                compile_config=EdgeCompileConfig(_check_ir_validity=False),
            )
            content = bytes(edge.to_executorch().buffer)
        finally:
            logging.disable(logging.NOTSET)
    products = [layer for layer in program.layers if isinstance(layer, IntegerProduct)]
    widened = [layer for layer in program.modules() if isinstance(layer, Widened)]
    return Lowered(
        content,
        program.inputs,
        n_products=len(products),
        n_short=sum(layer.is_short for layer in products),
        n_grouped=sum(layer.group_size is not None for layer in products),
        n_fixed=sum(layer.limits is not None for layer in products),
        n_widened=len(widened),
    )
