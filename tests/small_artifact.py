"""A small sealed artifact, written in a moment without the exporter: word vectors, their masked mean, a linear head."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HIDDEN = 8
LABELS = ("alarm", "music", "weather")


def write_artifact(
    folder: Path,
    *,
    labels: Sequence[str] = LABELS,
    max_tokens: int = 16,
    with_type_ids: bool = True,
    seed: int = 0,
    by_token: bool = False,
    n_outputs: int | None = None,
    **manifest_changes: Any,
) -> Path:
    """Write and seal an artifact whose logits `expected_logits` works out again in numpy.

    By token there is no mean; of as many outputs as there are tokens (-1) it fills masks.
    """
    from limbeck.artifact.sealed import Manifest, seal
    from tiny import write_tokenizer

    n_tokens = write_tokenizer(folder)
    n_classes = len(labels) if n_outputs is None else n_outputs
    tables = tables_of(n_tokens, n_tokens if n_classes == -1 else n_classes, seed)
    write_graph(folder / "onnx/model_quantized.onnx", tables, with_type_ids=with_type_ids, by_token=by_token)
    # The "float" graph gives twice the logits under a longer name, so that a test can tell which of the two answered.
    doubled = tables | {"head": 2 * tables["head"]}
    # Its head has another name, so that nobody takes it for the same weights gone wrong.
    write_graph(
        folder / "onnx/model.onnx",
        doubled,
        with_type_ids=with_type_ids,
        name="the float graph",
        head="doubled",
        by_token=by_token,
    )
    (folder / "config.json").write_text('{"model_type": "bert"}\n')
    (folder / "README.md").write_text("# A card\n")
    (folder / "model.safetensors").write_bytes(b"weights that nothing here reads")
    inputs = ("input_ids", "attention_mask", "token_type_ids") if with_type_ids else ("input_ids", "attention_mask")
    described: dict[str, Any] = {
        "limbeck_version": "0.1.0",
        "task": "classification",
        "label_names": tuple(labels),
        "max_tokens": max_tokens,
        "scheme": "w8a8e8",
        "inputs": inputs,
        "shape": {"layers": 1, "hidden_size": HIDDEN},
        "n_parameters": sum(table.size for table in tables.values()),
        "fingerprints": {"teacher": "0" * 32},
        "recipe": {"seed": seed},
        "versions": {"onnxruntime": "1.31"},
        "instruction_set": "avx2",
    }
    seal(folder, Manifest(**(described | manifest_changes)))
    return folder


def tables_of(n_tokens: int, n_classes: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """The weights: a vector a token, a vector for each of two segments, the head."""
    generator = np.random.default_rng(seed)
    sizes = {"words": (n_tokens, HIDDEN), "segments": (2, HIDDEN), "head": (HIDDEN, n_classes)}
    return {name: generator.normal(size=size).astype(np.float32) for name, size in sizes.items()}


def write_graph(
    path: Path,
    tables: dict[str, NDArray[np.float32]],
    *,
    with_type_ids: bool = True,
    output: str = "logits",
    name: str = "small",
    head: str = "head",
    by_token: bool = False,
) -> None:
    """The graph: mean over the tokens of word + segment vectors (or each token's), times the head."""
    from onnx import TensorProto, helper, numpy_helper, save

    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if with_type_ids else [])]
    inputs = [helper.make_tensor_value_info(given, TensorProto.INT64, ["batch", "sequence"]) for given in names]
    n_classes = tables["head"].shape[1]
    shape = ["batch", "sequence", n_classes] if by_token else ["batch", n_classes]
    result = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
    nodes = [helper.make_node("Gather", ["words", "input_ids"], ["word_vectors"])]
    if with_type_ids:
        nodes += [
            helper.make_node("Gather", ["segments", "token_type_ids"], ["segment_vectors"]),
            helper.make_node("Add", ["word_vectors", "segment_vectors"], ["vectors"]),
        ]
    else:
        nodes += [helper.make_node("Identity", ["word_vectors"], ["vectors"])]
    nodes += [
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask_3d"]),
        helper.make_node("Mul", ["vectors", "mask_3d"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "middle"], ["sums"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "middle"], ["counts"], keepdims=1),
        helper.make_node("Div", ["sums", "counts"], ["mean"]),
        helper.make_node("MatMul", ["kept" if by_token else "mean", head], [output]),
    ]
    named = {head if one == "head" else one: table for one, table in tables.items()}
    constants = [numpy_helper.from_array(table, one) for one, table in named.items()]
    constants += [
        numpy_helper.from_array(np.array([axis], np.int64), name) for name, axis in (("last", 2), ("middle", 1))
    ]
    graph = helper.make_graph(nodes, name, inputs, [result], initializer=constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


def expected_logits(
    folder: Path, texts: Sequence[str], text_pairs: Sequence[str] | None = None, *, max_tokens: int = 16, seed: int = 0
) -> NDArray[np.float32]:
    """(n, classes): the graph's arithmetic in numpy, one text at a time, tokenized by transformers."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tables = tables_of(len(tokenizer), len(LABELS), seed)
    rows = []
    for index, text in enumerate(texts):
        # In lists, because outside of them transformers takes a pair with an empty second text for a single text.
        pair = None if text_pairs is None else [text_pairs[index]]
        one = tokenizer([text], pair, truncation=True, max_length=max_tokens, return_token_type_ids=True)
        vectors = tables["words"][one["input_ids"][0]] + tables["segments"][one["token_type_ids"][0]]
        rows.append(vectors.mean(axis=0) @ tables["head"])
    return np.array(rows, dtype=np.float32)
