"""Where a model's bytes are: the part that a tensor belongs to, by its name, and what each part weighs. Plain data."""

from dataclasses import dataclass

EMBEDDING, ATTENTION, FEED_FORWARD, HEAD, OTHER = "embedding", "attention", "feed-forward", "head", "other weights"
WEIGHT_PARTS = (EMBEDDING, ATTENTION, FEED_FORWARD, HEAD, OTHER)
"""Parts that tensors belong to, in the order in which a text passes them."""
TOKENIZER, GRAPH = "tokenizer and config", "graph"
"""What ships besides weights: files beside the graph, and the graph's own operators and constants."""
MODEL_PARTS = (*WEIGHT_PARTS, TOKENIZER, GRAPH)

# Segments of a name between dots. Tables of relative positions that all layers share are embeddings; a bias that each
# head adds to its scores is attention. The static student's projection is what stands for a pooler there.
_OF_SEGMENT: dict[str, str] = {
    **dict.fromkeys(
        ("embeddings", "embeddings_project", "embedding_hidden_mapping_in", "rel_embeddings", "log_weights"), EMBEDDING
    ),
    "ngram_numbers": EMBEDDING,
    **dict.fromkeys(("attention", "attn", "attn_norm", "sa_layer_norm", "relative_attention_bias"), ATTENTION),
    **dict.fromkeys(
        ("intermediate", "output", "output_layer_norm", "ffn", "ffn_output", "mlp", "mlp_norm"), FEED_FORWARD
    ),
    "full_layer_layer_norm": FEED_FORWARD,
    **dict.fromkeys(("classifier", "pre_classifier", "pooler", "projection", "qa_outputs", "cls", "head"), HEAD),
    **dict.fromkeys(("lm_head", "lm_predictions", "predictions", "generator_predictions", "generator_lm_head"), HEAD),
    **dict.fromkeys(("vocab_transform", "vocab_layer_norm", "vocab_projector", "decoder"), HEAD),
}


@dataclass(frozen=True)
class PartBytes:
    """What one part of a model weighs.

    Args:
        part: One of `MODEL_PARTS`.
        n_tensors: How many tensors it has; 0 for what is no weight.
        n_parameters: Their numbers.
        bits: Bits of a stored number, from few to many; none for what is no weight.
        size_bytes: Bytes as stored.
    """

    part: str
    n_tensors: int
    n_parameters: int
    bits: tuple[int, ...]
    size_bytes: int


@dataclass(frozen=True)
class ModelBytes:
    """Where a model's bytes are.

    Args:
        name: "teacher", "student (float32)", "artifact (int8)"; "encoder" where a student starts from another model
            than the teacher.
        parts: Those that it has, in the order of `MODEL_PARTS`.
    """

    name: str
    parts: tuple[PartBytes, ...]

    @property
    def size_bytes(self) -> int:
        """All parts together."""
        return sum(part.size_bytes for part in self.parts)


def part_of(name: str) -> str:
    """The part of `WEIGHT_PARTS` that a tensor of a student or an encoder of a known family belongs to.

    The first segment of the name that tells decides: in "bert.encoder.layer.0.attention.output.dense.weight" it is
    "attention", and "output" behind it does not count.

    Args:
        name: Of a parameter or buffer, with dots between its segments, as PyTorch names it.
    """
    return next((_OF_SEGMENT[segment] for segment in name.split(".") if segment in _OF_SEGMENT), OTHER)
