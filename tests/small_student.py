"""A tiny random BERT classifier in memory, for tests that need a student and no files."""

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from tiny import SHAPE


def bert() -> PreTrainedModel:
    """Three classes, 130 words, weights the same every time."""
    torch.manual_seed(0)
    config = AutoConfig.for_model("bert", **SHAPE, vocab_size=130, max_position_embeddings=80, num_labels=3)
    return AutoModelForSequenceClassification.from_config(config).eval()
