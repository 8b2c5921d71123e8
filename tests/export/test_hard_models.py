"""Models that break other tools: shared layers, a vocabulary of 250,000 rows, activation outliers. Labels are kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from asking import model_of, pairs, start
from transformers import PreTrainedModel

from limbeck.export import write_onnx
from limbeck.quantization import Preparation, Wants, prepare, quantize_student
from limbeck.recipe.scheme import Scheme
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder
from tiny import WORDS, write_teacher

N_TEXTS = 200
LENGTHS = [7, 12, 20, 9]


def answers(path: Path) -> np.ndarray:
    """The labels of many batches of random texts."""
    session = start(path)
    names = [argument.name for argument in session.get_inputs()]
    feeds = [pairs(LENGTHS, seed=seed) for seed in range(N_TEXTS // len(LENGTHS))]
    return np.concatenate([session.run(None, {name: feed[name] for name in names})[0].argmax(axis=1) for feed in feeds])


def share_kept(model: PreTrainedModel, folder: Path, scheme: str, *, ready: Preparation | None = None) -> float:
    """Share of texts whose label the quantized file keeps."""
    write_onnx(model, folder / "float.onnx", packed=None)
    packed = quantize_student(model, scheme=scheme, ready=ready or Preparation()).weights
    write_onnx(model, folder / "small.onnx", packed=packed)
    wanted = answers(folder / "float.onnx")
    assert len(set(wanted.tolist())) > 1  # a model that always says the same would keep its label for nothing
    return float((answers(folder / "small.onnx") == wanted).mean())


@pytest.mark.parametrize("scheme", ["w8a8e8", "w4a8e8"])
def test_shared_layers_go_through_once(tmp_path: Path, scheme: str) -> None:
    """ALBERT's one block serves every layer: rounded once, stored once; its errors do not pile up to other labels."""
    model = model_of("albert", hidden_size=64, intermediate_size=128)
    least = 0.97 if scheme == "w8a8e8" else 0.8
    assert share_kept(model, tmp_path, scheme) >= least
    small, whole = (tmp_path / name for name in ("small.onnx", "float.onnx"))
    assert small.stat().st_size < 0.5 * whole.stat().st_size


@pytest.mark.parametrize(("scheme", "most"), [("w8a8e8", 0.33), ("w4a8e4", 0.2)])
def test_a_vocabulary_of_250_thousand_rows_goes_through(tmp_path: Path, scheme: str, most: float) -> None:
    """Tools that leave the table float leave nearly the whole file as it was."""
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    model = model_of("xlm-roberta", **sizes, vocab_size=250_002, type_vocab_size=1, pad_token_id=1)
    assert share_kept(model, tmp_path, scheme) >= (0.98 if scheme == "w8a8e8" else 0.85)
    small, whole = (tmp_path / name for name in ("small.onnx", "float.onnx"))
    assert whole.stat().st_size > 16e6
    assert small.stat().st_size < most * whole.stat().st_size


def test_large_outliers_are_divided_away(tmp_path: Path) -> None:
    """One channel a hundred times the others leaves those others no codes: plain 8 bits lose labels."""
    folder = write_teacher(tmp_path / "teacher", labels=("a", "b", "c"), intermediate_size=256)
    from limbeck.teacher.load import load_model

    model = load_model(folder).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4) if parameter.ndim == 2 else None
        for layer in model.bert.encoder.layer:  # a neuron that always fires at 300, and that hardly anything reads
            layer.intermediate.dense.bias[3] = 300.0
            layer.output.dense.weight[:, 3] *= 0.001
    generator = np.random.default_rng(0)
    texts = tuple(" ".join(generator.choice(WORDS, size=generator.integers(4, 16))) for _ in range(N_TEXTS))
    encoder = TextEncoder(folder, max_tokens=32)
    ready = prepare(
        model,
        Examples(texts=texts, text_pairs=None, labels=None, label_names=("a", "b", "c")),
        wants=Wants.of(Scheme.parse("w8a8e8"), range_method="min_max"),
        encoder=encoder,
        held_out=(),
    )
    from limbeck.runtime.engine import Engine

    def labels(name: str, packed: object) -> np.ndarray:
        write_onnx(model, tmp_path / name, packed=packed)  # type: ignore[arg-type]
        engine = Engine(tmp_path / name, threads=1)
        encoded = encoder.encode(texts)
        return np.concatenate([engine.run(encoder.pad(encoded, np.array([n]))).argmax(axis=1) for n in range(N_TEXTS)])

    wanted = labels("float.onnx", None)
    plain = (labels("plain.onnx", quantize_student(model, scheme="w8a8e8").weights) == wanted).mean()
    divided = (labels("divided.onnx", quantize_student(model, scheme="w8a8e8", ready=ready).weights) == wanted).mean()
    assert ready.factors
    assert divided >= 0.95
    assert plain < divided - 0.03
