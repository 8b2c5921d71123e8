"""Whether CPUs without VNNI multiply an artifact's integers as those with it do: looked up in the file that ships."""

import re
from pathlib import Path

import numpy as np

from limbeck.artifact.packing import pair_sums
from limbeck.errors import ArtifactError
from limbeck.records.verdict import Saturation
from limbeck.runtime.graph_file import GraphFile, Node, read_graph

_INTEGERS, _BLOCKS = "MatMulInteger", "MatMulNBits"
_PLANE = re.compile(r".*\.codes_(\d)_bits")
"""What the exporter calls the bytes of codes with fewer than 8 bits; the number: how many bits of a code they hold."""


def saturation(path: Path) -> Saturation:
    """Look at every integer product of a graph.

    The weights of a product are an int8 constant, or codes of few bits that operators with constant inputs widen; of
    these the widest pair that so many bits can hold counts, whatever they hold.

    Args:
        path: The quantized graph.

    Raises:
        ArtifactError: It is no ONNX file, or multiplies by weights that are neither.
    """
    graph = read_graph(path)
    makers = {output: node for node in graph.nodes for output in node.outputs}
    weights = sorted({node.inputs[1] for node in graph.nodes if node.operator == _INTEGERS})
    return Saturation(
        n_products=sum(node.operator == _INTEGERS for node in graph.nodes),
        largest_pair=max((_largest_pair(graph, makers, name, path=path) for name in weights), default=0),
        n_blocks=sum(node.operator == _BLOCKS for node in graph.nodes),
    )


def _largest_pair(graph: GraphFile, makers: dict[str, Node], name: str, *, path: Path) -> int:
    """The largest one-signed sum of two neighbouring weights of an (inputs, outputs) matrix."""
    if name in graph.constants:
        return int(pair_sums(graph.constants[name].T.astype(np.int32)).max(initial=0))
    planes: set[str] = set()
    operators: set[str] = set()
    waiting = [name]
    while waiting:
        value = waiting.pop()
        if value in makers:
            operators.add(makers[value].operator)
            waiting += makers[value].inputs
        else:
            planes.add(value)
    widths = [int(found[1]) for plane in planes if (found := _PLANE.fullmatch(plane))]
    if not widths:
        raise ArtifactError(
            f"{path} multiplies integers by '{name}', which limbeck did not write.",
            hint="Make the artifact anew with `limbeck compress`.",
        )
    n_codes = 1 << sum(widths)
    return 2 * (n_codes - 1 if "Sub" in operators else n_codes // 2)  # "Sub" takes zero points away
