"""The small operators of a layer: norm and activation.

A habit of onnxruntime shapes what is written here and in `linear`, measured (docs/lab-log.md): its optimizer turns
"Add, then LayerNormalization" of three-dimensional tensors into SkipLayerNormalization, and "Add, then Gelu" into
BiasGelu, both slower on a CPU than what they replace. Hidden states therefore flow as (tokens, hidden), which the
first fusion leaves alone, and biases join the matrix product.
"""

from limbeck.export.graph import Graph, Value
from limbeck.export.weights import Weights

ACTIVATIONS = {
    "gelu": ("Gelu", {}),
    "gelu_python": ("Gelu", {}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "gelu_fast": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
}
"""Names in config.json -> the same function in ONNX. `gelu_new` and its kin are the tanh formula, by definition."""


def layer_norm(graph: Graph, hidden: Value, weights: Weights, name: str, *, epsilon: float) -> Value:
    """Normalise each row of (rows, hidden); a missing bias is none."""
    inputs = [hidden, graph.constant(f"{name}.weight", weights.array(f"{name}.weight"))]
    if weights.has(f"{name}.bias"):
        inputs.append(graph.constant(f"{name}.bias", weights.array(f"{name}.bias")))
    return graph.node("LayerNormalization", *inputs, axis=-1, epsilon=epsilon)


def activation(graph: Graph, hidden: Value, name: str) -> Value:
    """Apply the function that config.json calls `name`; exactly that function, never an approximation of it."""
    operator, attributes = ACTIVATIONS[name]
    return graph.node(operator, hidden, **attributes)
