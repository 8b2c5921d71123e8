"""Sealed artifacts with random weights, of any task, family and scheme: for tests of other runtimes."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tiny import FAMILIES, write_tokenizer
from trained_tokenizers import FAMILY, write_trained_tokenizer

LABELS = {
    "classification": ("alarm", "music", "weather"),
    "multi-label": ("loud", "late", "kind", "rude"),
    "regression": ("score",),
    "reranking": ("score",),
    "token-classification": ("O", "B-person", "I-person", "B-time", "I-time"),
    "question-answering": ("start", "end"),
}
_IDS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}
_MAX_TOKENS = 48


def write_random_artifact(
    folder: Path,
    *,
    task: str = "classification",
    family: str = "bert",
    scheme: str = "w8a8e8",
    tokenizer: str | None = None,
    labels: Sequence[str] | None = None,
    data: Mapping[str, Any] | None = None,
    seed: int = 0,
    **changes: Any,
) -> Path:
    """Write and seal an artifact that answers at random, but always the same.

    Args:
        folder: Where to.
        task: What it answers.
        family: Of the student; "static" for one without layers.
        scheme: Bits.
        tokenizer: "WordPiece", "BPE" or "Unigram", trained on the demo's texts; None for a WordPiece of few words.
        labels: Names of the classes; else some that fit the task.
        data: The recipe's table of that name.
        seed: Of the weights.
        **changes: Of the student's config.
    """
    import torch
    from transformers import AutoConfig

    from limbeck.artifact.manifest import quantized_model_file
    from limbeck.artifact.sealed import Manifest, seal
    from limbeck.encoder import heads
    from limbeck.encoder.pooling import Pooling
    from limbeck.export import write_artifact
    from limbeck.quantization import quantize_student
    from limbeck.recipe.scheme import Scheme
    from limbeck.student import static
    from limbeck.tasks import TASKS

    folder.mkdir(parents=True, exist_ok=True)
    source = Path(tempfile.mkdtemp())
    n_tokens = write_tokenizer(source) if tokenizer is None else write_trained_tokenizer(source, tokenizer)
    ids = _IDS if tokenizer is not None and FAMILY[tokenizer] != "bert" else {"pad_token_id": 0}
    names = tuple(labels or LABELS.get(task, ("score",)))
    named = {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}
    is_static = family == "static"
    if is_static:
        config = static.StaticConfig(vocab_size=n_tokens, hidden_size=32, table_size=32, ngram_rows=256, **named)
    else:
        shape = {"vocab_size": n_tokens, "max_position_embeddings": 80, **FAMILIES[family], **ids, **changes}
        config = AutoConfig.for_model(family, **shape, **named)
    if task == "embeddings":
        config = heads.with_pooling(config, Pooling("mean"))
    torch.manual_seed(seed)
    student = static.untrained(config) if is_static else heads.untrained(config, TASKS[task].head)
    student = student.eval()
    with torch.no_grad():  # larger than at the usual start, so that answers differ between texts
        for parameter in student.parameters():
            parameter.mul_(5) if parameter.ndim == 2 else parameter.add_(0.1 * torch.randn_like(parameter))
    model_file = quantized_model_file(Scheme.parse(scheme))
    inputs = write_artifact(
        student,
        folder,
        tokenizer_folder=source,
        packed=quantize_student(student, scheme=scheme).weights,
        max_tokens=_MAX_TOKENS,
        model_file=model_file,
    )
    n_outputs = heads.n_outputs(student)
    manifest = Manifest(
        limbeck_version="0.1.0",
        task=task,
        label_names=names if len(names) == n_outputs else tuple(str(index) for index in range(n_outputs)),
        max_tokens=_MAX_TOKENS,
        scheme=scheme,
        inputs=inputs,
        shape={"layers": 0 if is_static else 4, "hidden_size": 32, "vocabulary": n_tokens},
        n_parameters=sum(parameter.numel() for parameter in student.parameters()),
        fingerprints={"teacher": "0" * 32},
        recipe={"data": dict(data or {})},
        versions={},
        instruction_set="avx2",
        model_file=model_file,
    )
    seal(folder, manifest)
    return folder
