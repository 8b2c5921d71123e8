"""What the export tests share: batches of many kinds, and asking torch and onnxruntime the same."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from tiny import FAMILIES

Feed = dict[str, np.ndarray]
N_TOKENS = 130
HEADS = {
    "classes": AutoModelForSequenceClassification,
    "tags": AutoModelForTokenClassification,
    "answers": AutoModelForQuestionAnswering,
    "masks": AutoModelForMaskedLM,
}
READS_SEGMENTS = ("albert", "bert", "electra")


def model_of(family: str, *, head: str = "classes", **changes: object) -> PreTrainedModel:
    """A tiny random model with three classes or tags, two ends of answers or all tokens, kept in memory."""
    settings = {"vocab_size": N_TOKENS, "max_position_embeddings": 80, "pad_token_id": 0, **FAMILIES.get(family, {})}
    config = AutoConfig.for_model(family, **{**settings, **changes}, num_labels=2 if head == "answers" else 3)
    torch.manual_seed(0)
    model = HEADS[head].from_config(config).eval()
    with torch.no_grad():  # larger than at the usual start, so that answers differ between texts
        for parameter in model.parameters():
            parameter.mul_(5) if parameter.ndim == 2 else parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def layers_of(model: PreTrainedModel) -> dict[str, int]:
    """Name -> inputs of each linear layer but the last."""
    linears = {name: m.in_features for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    return dict(list(linears.items())[:-1])


def pairs(lengths: list[int], *, pad_id: int = 0, seed: int = 0) -> Feed:
    """A padded batch of text pairs of these lengths: ids, mask, and segments that change half-way."""
    generator = np.random.default_rng(seed)
    width = max(lengths)
    feed = {name: np.zeros((len(lengths), width), np.int64) for name in ("attention_mask", "token_type_ids")}
    feed["input_ids"] = np.full((len(lengths), width), pad_id, np.int64)
    for row, length in enumerate(lengths):
        feed["input_ids"][row, :length] = generator.integers(5, N_TOKENS, length)
        feed["attention_mask"][row, :length] = 1
        feed["token_type_ids"][row, length // 2 : length] = 1
    return feed


def row_of(feed: Feed, row: int) -> Feed:
    """One text of a batch, alone and without padding."""
    length = int(feed["attention_mask"][row].sum())
    return {name: values[row : row + 1, :length] for name, values in feed.items()}


def ask_torch(model: PreTrainedModel, feed: Feed) -> np.ndarray:
    """The model's own logits."""
    reads_segments = model.config.model_type in READS_SEGMENTS or getattr(model.config, "type_vocab_size", 0) > 1
    wanted = {name: torch.from_numpy(values) for name, values in feed.items()}
    if not reads_segments:
        del wanted["token_type_ids"]
    with torch.no_grad():
        output = model(**wanted)
    if "start_logits" in output:
        return torch.stack((output.start_logits, output.end_logits), dim=-1).numpy()
    return output.logits.numpy()


def ask_onnx(path: Path, feed: Feed) -> np.ndarray:
    """The file's logits, through plain onnxruntime."""
    session = start(path)
    return session.run(None, {argument.name: feed[argument.name] for argument in session.get_inputs()})[0]


def start(path: Path, *, optimized: Path | None = None) -> onnxruntime.InferenceSession:
    """A session on one thread; `optimized` gets the graph as the engine rewrites it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
