"""Whether the quantized graph holds the weights of the float graph beside it: looked up in the two files that ship.

Answers on a few hundred texts do not show a layer that is 2 % too large; the files do. Rounding to 8 bits leaves the
scale of a whole matrix within 0.1 % of what it was, and that of one output within some percent (figures in
docs/lab-log.md). Weights of fewer bits, of blocks, and of layers that the two graphs join differently are not compared.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck.ground import wording
from limbeck.records.reason import WeightFidelity
from limbeck.runtime.graph_file import GraphFile, Node, read_graph

LARGEST_DIFFERENCE = 0.005
"""Of the scale of a whole matrix."""
_LEAST_OF_AN_OUTPUT = 0.75
"""Share of its float self that is left of one output or one row of a table, at least."""
_CODES, _SCALE, _WEIGHT = ".codes", ".scale", ".weight"
_NAMED_ROWS = 5

Matrix = NDArray[np.float64]


def weight_fidelity(quantized: Path, plain: Path) -> WeightFidelity:
    """Compare every weight of 8 bits, and every constant that both graphs hold.

    Args:
        quantized: The graph that answers.
        plain: The float32 graph that it was made of.

    Raises:
        ArtifactError: One of them is no ONNX file.
    """
    ours, theirs = read_graph(quantized), read_graph(plain)
    makers = {output: node for node in ours.nodes for output in node.outputs}
    faults: list[str] = []
    differences = [0.0]
    n_compared = 0
    for name, stored, wanted, of in _pairs(ours, theirs, makers):
        n_compared += 1
        difference = _scale(stored, wanted) - 1
        differences.append(abs(difference))
        lost = np.flatnonzero(~(np.abs(_row_scales(stored, wanted) - 1) <= 1 - _LEAST_OF_AN_OUTPUT))
        if len(lost):
            differences.append(1.0)
            faults.append(_lost_words(name, lost, of))
        elif abs(difference) > LARGEST_DIFFERENCE:
            faults.append(
                f"the weights of {name} are {wording.percent(abs(difference))} "
                f"{'larger' if difference > 0 else 'smaller'} than in the float model"
            )
    for name in sorted(ours.constants.keys() & theirs.constants.keys()):
        one, other = ours.constants[name], theirs.constants[name]
        if one.dtype == np.float32 and one.shape == other.shape:
            n_compared += 1
            if not np.allclose(one, other, rtol=1e-5, atol=1e-7):
                differences.append(1.0)
                faults.append(_other_words(name, one, other))
    return WeightFidelity(n_compared, max(differences), tuple(faults))


def _pairs(ours: GraphFile, theirs: GraphFile, makers: dict[str, Node]) -> Iterator[tuple[str, Matrix, Matrix, str]]:
    """(name, weights as they are multiplied, float weights, what a row is), both (outputs or rows, inputs)."""
    products = {node.inputs[1]: node for node in ours.nodes if node.operator == "MatMulInteger"}
    for constant, codes in ours.constants.items():
        name = constant.removesuffix(_CODES)
        scale = ours.constants.get(name + _SCALE)
        if not constant.endswith(_CODES) or codes.dtype != np.int8 or scale is None:
            continue
        flat = scale.astype(np.float64).reshape(-1)
        if constant in products:
            wanted = theirs.constants.get(name + _WEIGHT)
            stored = (codes.astype(np.float64) * flat).T * _divided_by(ours, makers, products[constant])
            what = "output"
        else:
            wanted, stored, what = theirs.constants.get(name), codes.astype(np.float64) * flat[:, None], "row"
        if wanted is not None and wanted.shape == stored.shape:
            yield name.removesuffix(_WEIGHT), stored, wanted.astype(np.float64), what


def _divided_by(graph: GraphFile, makers: dict[str, Node], product: Node) -> Matrix:
    """(inputs,) what the product's inputs are multiplied by before they are rounded; ones where nothing is."""
    rounding = makers.get(product.inputs[0])
    before = None if rounding is None else makers.get(rounding.inputs[0])
    if before is not None and before.operator == "Mul":
        for name in before.inputs:
            if name in graph.constants:
                return graph.constants[name].astype(np.float64).reshape(-1)
    return np.ones(1)


def _scale(stored: Matrix, wanted: Matrix) -> float:
    """What the float weights would have to be multiplied by to come nearest to the stored ones (least squares)."""
    power = float((wanted * wanted).sum())
    return float((stored * wanted).sum()) / power if power else 1.0


def _row_scales(stored: Matrix, wanted: Matrix) -> Matrix:
    power = (wanted * wanted).sum(axis=1)
    found: Matrix = np.where(power > 0, (stored * wanted).sum(axis=1) / np.where(power > 0, power, 1), 1.0)
    return found


def _other_words(name: str, one: NDArray[np.generic], other: NDArray[np.generic]) -> str:
    """Which rows of a constant differ, where some do not."""
    rows = np.flatnonzero((one != other).reshape(len(one), -1).any(axis=1)) if one.ndim else np.zeros(1, np.int64)
    if len(rows) in {0, len(one) if one.ndim else 1}:
        return f"{name} holds other numbers than in the float model"
    return _lost_words(name, rows, "number" if one.ndim == 1 else "row")


def _lost_words(name: str, rows: NDArray[np.int64], of: str) -> str:
    named = ", ".join(map(str, rows[:_NAMED_ROWS])) + (", …" if len(rows) > _NAMED_ROWS else "")
    holds = "holds" if len(rows) == 1 else "hold"
    return f"{wording.counted(len(rows), of)} of {name} ({named}) {holds} other numbers than in the float model"
