"""The attention of all families: one product for queries, keys and values, heads moved once, the rest by family.

Shapes: B texts, S tokens a text, Q queries a text (S, or 1 where only the first token is read), N heads of D numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

from limbeck.export.graph import Graph, Value
from limbeck.export.linear import Part, linear
from limbeck.export.tables import cut_table
from limbeck.export.weights import Weights

NEVER = -1.0e9
"""What a masked score gets: far enough below every score for its weight to be exactly 0 in float32."""


@dataclass(frozen=True)
class Tokens:
    """What the whole graph knows of its inputs.

    Args:
        shape: (2,) int64: B, S.
        length: (1,) int64: S.
        mask: (B, 1 or N, 1 or S, S) float32: 0 for tokens, `NEVER` for padding; added to scores. MPNet's distance
            bias is in it too.
        first_mask: (B, 1 or N, 1, S): the row of `mask` that belongs to the first token.
    """

    shape: Value
    length: Value
    mask: Value
    first_mask: Value


@dataclass(frozen=True)
class Heads:
    """The linear layers and sizes of one attention.

    Args:
        query: The queries' layer; its factor is what scores are multiplied by.
        key: The keys' layer.
        value: The values' layer.
        n_heads: N.
        head_size: D.
    """

    query: Part
    key: Part
    value: Part
    n_heads: int
    head_size: int

    @classmethod
    def named(cls, query: str, key: str, value: str, *, hidden_size: int, n_heads: int) -> "Heads":
        """Three layers of their own, scores multiplied by 1 / sqrt(D)."""
        head_size = hidden_size // n_heads
        return cls(Part(query, head_size**-0.5), Part(key), Part(value), n_heads=n_heads, head_size=head_size)


@dataclass(frozen=True)
class Moved:
    """Queries, keys and values with the heads in front.

    Args:
        query: (B, N, Q, D), scaled.
        key: (B, N, S, D).
        value: (B, N, S, D).
    """

    query: Value
    key: Value
    value: Value


Turn = Callable[[Graph, Value], Value]
"""How a family turns queries and keys by their place: (graph, stack) -> stack, (B, any, S, D)."""
Rescore = Callable[[Graph, Moved, Value, bool], Value]
"""How a family changes raw scores: (graph, moved, scores, first_only) -> scores, (B, N, Q, S)."""


def read_tokens(graph: Graph) -> Tokens:
    """The inputs `input_ids` and `attention_mask` in the form that the blocks want."""
    shape = graph.node("Shape", "input_ids")
    padding_or_not = graph.node("Gather", graph.floats([NEVER, 0.0]), "attention_mask", axis=0)
    mask = graph.node("Unsqueeze", padding_or_not, graph.integers([1, 2]))
    length = graph.node("Slice", shape, graph.integers([1]), graph.integers([2]))
    return Tokens(shape=shape, length=length, mask=mask, first_mask=mask)


def places(graph: Graph, tokens: Tokens) -> Value:
    """(S,) int64: 0 to S - 1."""
    return graph.node("Range", graph.integers(0), graph.node("Squeeze", tokens.length), graph.integers(1))


def distances(graph: Graph, tokens: Tokens) -> Value:
    """(S, S) int64: key's place minus query's place."""
    in_a_row = places(graph, tokens)
    return graph.node("Sub", in_a_row, graph.node("Unsqueeze", in_a_row, graph.integers([1])))


def by_token(graph: Graph, texts: Value, size: int) -> Value:
    """(B, S, size) -> (B * S, size)."""
    return graph.node("Reshape", texts, graph.integers([-1, size]))


def by_text(graph: Graph, hidden: Value, tokens: Tokens, size: int) -> Value:
    """(B * S, size) -> (B, S, size)."""
    return graph.node("Reshape", hidden, graph.node("Concat", tokens.shape, graph.integers([size]), axis=0))


def first_tokens(graph: Graph, texts: Value) -> Value:
    """(B, S, size) -> (B, size)."""
    return graph.node("Gather", texts, graph.integers(0), axis=1)


def attend(
    graph: Graph,
    hidden: Value,
    weights: Weights,
    heads: Heads,
    *,
    tokens: Tokens,
    asking: Value | None = None,
    turn: Turn | None = None,
    rescore: Rescore | None = None,
) -> Value:
    """softmax(queries keys^T * factor + mask) values, heads side by side again; the output layer is the caller's.

    Args:
        graph: The graph written to.
        hidden: (B * S, hidden): what keys and values are made of, and queries too unless `asking` is given.
        weights: The student's parameters.
        heads: Which layers, how many heads.
        tokens: The inputs with their masks.
        asking: (B, hidden): the first tokens, where only these ask; Q = 1.
        turn: Turns queries and keys before they meet; the first token, at place 0, stays as it is.
        rescore: Changes the scores before the mask.

    Returns: (B * Q, N * D).
    """
    moved = _moved(graph, hidden, weights, heads, tokens=tokens, asking=asking, turn=turn)
    scores = graph.node("MatMul", moved.query, graph.node("Transpose", moved.key, perm=[0, 1, 3, 2]))
    if rescore is not None:
        scores = rescore(graph, moved, scores, asking is not None)
    masked = graph.node("Add", scores, tokens.mask if asking is None else tokens.first_mask)
    context = graph.node("MatMul", graph.node("Softmax", masked, axis=-1), moved.value)
    if asking is None:
        context = graph.node("Transpose", context, perm=[0, 2, 1, 3])
    return graph.node("Reshape", context, graph.integers([-1, heads.n_heads * heads.head_size]))


def _moved(
    graph: Graph,
    hidden: Value,
    weights: Weights,
    heads: Heads,
    *,
    tokens: Tokens,
    asking: Value | None,
    turn: Turn | None,
) -> Moved:
    """Queries, keys and values, each set moved to the front by one transposition for all."""
    if asking is None:
        stack = _stack(graph, hidden, weights, heads, parts=[heads.query, heads.key, heads.value], tokens=tokens)
        if turn is None:
            return Moved(*graph.nodes("Split", stack, n_outputs=3, axis=1, num_outputs=3))
        sizes = graph.integers([2 * heads.n_heads, heads.n_heads])
        both, value = graph.nodes("Split", stack, sizes, n_outputs=2, axis=1)
        query, key = graph.nodes("Split", turn(graph, both), n_outputs=2, axis=1, num_outputs=2)
        return Moved(query, key, value)
    stack = _stack(graph, hidden, weights, heads, parts=[heads.key, heads.value], tokens=tokens)
    key, value = graph.nodes("Split", stack, n_outputs=2, axis=1, num_outputs=2)
    one_each = graph.integers([-1, heads.n_heads, 1, heads.head_size])
    query = graph.node("Reshape", linear(graph, asking, weights, [heads.query]), one_each)
    return Moved(query, key if turn is None else turn(graph, key), value)


def _stack(graph: Graph, hidden: Value, weights: Weights, heads: Heads, *, parts: list[Part], tokens: Tokens) -> Value:
    """(B * S, hidden) -> (B, parts * N, S, D)."""
    product = linear(graph, hidden, weights, parts)
    sizes = graph.integers([len(parts) * heads.n_heads, heads.head_size])
    apart = graph.node("Reshape", product, graph.node("Concat", tokens.shape, sizes, axis=0))
    return graph.node("Transpose", apart, perm=[0, 2, 1, 3])


def attend_from_first(
    graph: Graph, asking: Value, weights: Weights, heads: Heads, *, tokens: Tokens, texts: Value
) -> Value:
    """What `attend` gives for the first tokens alone, without making keys and values of the others.

    One query a text leaves room to multiply in another order. With x[s] the hidden state of token s,

        q K[s] = q (W_key x[s] + b_key) = (q W_key) x[s] + what is equal for all s and falls out of the softmax
        sum_s p[s] V[s] = W_value (sum_s p[s] x[s]) + b_value, since the p[s] sum to 1

    so that the two large products run over one row a text instead of one a token.

    Args:
        graph: The graph written to.
        asking: (B, hidden): the first tokens.
        weights: The student's parameters.
        heads: Which layers, how many heads; key and value must be whole layers.
        tokens: The inputs with their masks.
        texts: (B, S, hidden): the hidden states.

    Returns: (B, N * D).
    """
    n_heads, size = heads.n_heads, heads.head_size
    query = graph.node("Reshape", linear(graph, asking, weights, [heads.query]), graph.integers([-1, n_heads, size]))
    key = cut_table(graph, weights, f"{heads.key.name}.weight", cut=(n_heads, size))
    by_head = graph.node("MatMul", graph.node("Transpose", query, perm=[1, 0, 2]), key)
    looked_for = graph.node("Transpose", by_head, perm=[1, 0, 2])
    scores = graph.node("MatMul", looked_for, graph.node("Transpose", texts, perm=[0, 2, 1]))
    mask = graph.node("Squeeze", tokens.first_mask, graph.integers([2]))
    seen = graph.node("MatMul", graph.node("Softmax", graph.node("Add", scores, mask), axis=-1), texts)
    value = cut_table(graph, weights, f"{heads.value.name}.weight", cut=(n_heads, size))
    value = graph.node("Transpose", value, perm=[0, 2, 1])
    context = graph.node("MatMul", graph.node("Transpose", seen, perm=[1, 0, 2]), value)
    side_by_side = graph.node(
        "Reshape", graph.node("Transpose", context, perm=[1, 0, 2]), graph.integers([-1, n_heads * size])
    )
    bias = f"{heads.value.name}.bias"
    return (
        graph.node("Add", side_by_side, graph.constant(bias, weights.array(bias)))
        if weights.has(bias)
        else side_by_side
    )
