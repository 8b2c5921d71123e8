"""The runtime against torch: the exported model through our tokens, batches and engine, and transformers' own way."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from limbeck.artifact.manifest import Manifest
from limbeck.artifact.sealed import read_manifest, seal
from limbeck.export.folder import write_artifact
from limbeck.quantization import quantize_student
from limbeck.runtime import load
from tiny import WORDS, write_teacher

LABELS = ("alarm", "music", "weather")
MAX_TOKENS = 24


def _export(folder: Path, *, family: str) -> Path:
    teacher = write_teacher(folder / "teacher", family=family, labels=LABELS)
    model = AutoModelForSequenceClassification.from_pretrained(teacher, dtype=torch.float32).eval()
    artifact = folder / "artifact"
    artifact.mkdir()
    quantized = quantize_student(model, scheme="w8a8e8")
    inputs = write_artifact(model, artifact, tokenizer_folder=teacher, packed=quantized.weights, max_tokens=MAX_TOKENS)
    manifest = Manifest(
        limbeck_version="0.1.0",
        task="classification",
        label_names=LABELS,
        max_tokens=MAX_TOKENS,
        scheme="w8a8e8",
        inputs=inputs,
        shape={"layers": 4},
        n_parameters=1,
        fingerprints={},
        recipe={},
        versions={},
        instruction_set="",
    )
    seal(artifact, manifest)
    return artifact


def _texts() -> tuple[list[str], list[str]]:
    generator = np.random.default_rng(0)
    sizes = [*range(1, 30), 60]
    first, second = ([" ".join(generator.choice(WORDS, size)) for size in sizes] for _ in range(2))
    return [*first, "Ünknown 🎵", ""], [*second[::-1], "a", "b"]


@torch.no_grad()
def _torch_logits(folder: Path, texts: list[str], pairs: list[str] | None) -> NDArray[np.float32]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    inputs = read_manifest(folder).inputs
    rows = []
    for index, text in enumerate(texts):  # one by one: no padding, no batches
        given = tokenizer(
            [text],
            None if pairs is None else [pairs[index]],
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
            return_token_type_ids="token_type_ids" in inputs,
        )
        rows.append(model(**given).logits[0].numpy())
    return np.array(rows)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_the_float_variant_is_the_student(tmp_path: Path, family: str) -> None:
    """A failure would ship a model that answers otherwise than the one that was trained and chosen."""
    folder = _export(tmp_path, family=family)
    model = load(folder, variant="float", threads=1)
    texts, pairs = _texts()
    for second in (None, pairs) if family == "bert" else (None,):
        expected = _torch_logits(folder, texts, second)
        found = model.logits(texts, second)
        np.testing.assert_allclose(found.values, expected, atol=1e-4)  # float32, other kernels, padded batches


def test_the_quantized_variant_stays_close_and_repeats_itself(tmp_path: Path) -> None:
    """A failure would answer with noise, or with other logits when asked again or on more threads."""
    folder = _export(tmp_path, family="bert")
    texts, _ = _texts()
    expected = _torch_logits(folder, texts, None)
    found = load(folder, threads=1).logits(texts).values
    # Eight bits on a random model whose logits spread by `expected.std()`: correlated, far from equal.
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.97
    np.testing.assert_array_equal(found, load(folder, threads=1).logits(texts).values)
    np.testing.assert_array_equal(found, load(folder, threads=2).logits(texts).values)
