"""What stands on every token's last state: one vector a text, as `heads.pooled` makes it, or logits for each token."""

from collections.abc import Sequence

from onnx import TensorProto

from limbeck.encoder.pooling import Pooling
from limbeck.export.attention import NEVER
from limbeck.export.graph import Graph, Outputs, Value
from limbeck.export.linear import Part, linear
from limbeck.export.weights import Weights

_SHORTEST = 1e-12


def vector_outputs(graph: Graph, hidden: Value, pooling: Pooling, *, size: int) -> Outputs:
    """The outputs of a model that gives vectors, by the names that sentence-transformers and transformers.js read.

    Args:
        graph: The graph written to.
        hidden: (B * S, size) last states.
        pooling: How they become one.
        size: Numbers of a state.
    """
    texts = by_text(graph, hidden, size)
    if pooling.mode == "cls":
        found = graph.node("Gather", texts, graph.integers(0), axis=1)
    elif pooling.mode == "max":
        padding = graph.node("Gather", graph.floats([NEVER, 0.0]), "attention_mask", axis=0)
        shown = graph.node("Add", texts, graph.node("Unsqueeze", padding, graph.integers([2])))
        found = graph.node("ReduceMax", shown, graph.integers([1]), keepdims=0)
    else:
        found = mean_of_tokens(graph, texts)
    return {
        **sentence_output(graph, found, pooling, size=size),
        "last_hidden_state": (texts, ("batch", "sequence", size)),
    }


def sentence_output(graph: Graph, found: Value, pooling: Pooling, *, size: int) -> Outputs:
    """The output of a model that gives vectors: of length 1, where the pooling says so.

    Args:
        graph: The graph written to.
        found: (B, size) vectors.
        pooling: Whether they are divided by their length.
        size: Numbers of a vector.
    """
    if pooling.normalize:
        length = graph.node("ReduceL2", found, graph.integers([1]), keepdims=1)
        found = graph.node("Div", found, graph.node("Max", length, graph.floats(_SHORTEST)))
    return {"sentence_embedding": (found, ("batch", size))}


def token_outputs(graph: Graph, hidden: Value, weights: Weights, *, ends: bool) -> Outputs:
    """The outputs of a model whose head is one linear layer over every token.

    Args:
        graph: The graph written to.
        hidden: (B * S, size) last states.
        weights: Its parameters.
        ends: Whether the two columns are given by themselves too, each (batch, sequence), under the names that other
            tools look for in models that answer questions: `start_logits`, `end_logits`.
    """
    assert weights.token_head is not None
    logits = by_text(graph, linear(graph, hidden, weights, [Part(weights.token_head)]), weights.n_outputs)
    found: dict[str, tuple[Value, Sequence[str | int]]] = {"logits": (logits, ("batch", "sequence", weights.n_outputs))}
    for column, name in enumerate(("start_logits", "end_logits") if ends else ()):
        found[name] = (graph.node("Gather", logits, graph.integers(column), axis=2), ("batch", "sequence"))
    return found


def mean_of_tokens(graph: Graph, texts: Value) -> Value:
    """(B, S, hidden) -> (B, hidden): the mean over tokens that are not padding."""
    mask = graph.node("Unsqueeze", graph.node("Cast", "attention_mask", to=TensorProto.FLOAT), graph.integers([2]))
    total = graph.node("ReduceSum", graph.node("Mul", texts, mask), graph.integers([1]), keepdims=0)
    return graph.node("Div", total, graph.node("ReduceSum", mask, graph.integers([1]), keepdims=0))


def by_text(graph: Graph, tokens: Value, size: int) -> Value:
    """(B * S, size) -> (B, S, size)."""
    shape = graph.node("Concat", graph.node("Shape", "input_ids"), graph.integers([size]), axis=0)
    return graph.node("Reshape", tokens, shape)
