"""A tiny sentence-transformers model, written by sentence-transformers itself: the other side of our reading."""

from pathlib import Path
from typing import Any

from tiny import write_teacher


def write_embedder(
    folder: Path, *, family: str = "bert", mode: str = "mean", normalize: bool = True, **changes: Any
) -> Path:
    """Write a random encoder with pooling, as `SentenceTransformer.save` does."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules as models

    plain = write_teacher(folder / "plain", family=family, **changes)
    encoder = models.Transformer(str(plain), max_seq_length=48)
    modules = [encoder, models.Pooling(encoder.get_embedding_dimension(), pooling_mode=mode)]
    if normalize:
        modules.append(models.Normalize())
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "model"))
    return folder / "model"
