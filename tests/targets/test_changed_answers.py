"""What explains a changed label: rounding left out of a graph, and each change beside what rounding does anyway."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from benchmark_files import benchmark
from export.asking import ask_onnx, layers_of, model_of, pairs
from limbeck.export import write_onnx
from limbeck.quantization import Preparation
from limbeck.quantization.apply import quantize_student
from limbeck.targets.agreement import CheckTexts

LABELS = ("alarm", "music", "rain")
MANIFEST = SimpleNamespace(task="classification", label_names=LABELS)


@pytest.mark.parametrize("scheme", ["w8a8e8", "w4a8e4-asymmetric", "w8a8e8-static", "w8a32e8"])
def test_a_graph_without_rounding_computes_what_float_activations_do(scheme: str, tmp_path: Path) -> None:
    """A failure would explain differences by something that is no model of the same weights.

    The twin is the same codes, exported for float activations.
    """
    model = model_of("bert")
    ready = Preparation(spans=dict.fromkeys(layers_of(model), (0.05, 128)) if "static" in scheme else {})
    packed = quantize_student(model, scheme=scheme, ready=ready).weights
    write_onnx(model, tmp_path / "rounds.onnx", packed=packed)
    write_onnx(model, tmp_path / "floats.onnx", packed=replace(packed, activation_bits=32, spans={}))
    found = benchmark("unrounded_graph").write_unrounded(tmp_path / "rounds.onnx", tmp_path / "found.onnx")
    wanted = ask_onnx(tmp_path / "floats.onnx", pairs([9, 5]))
    np.testing.assert_allclose(ask_onnx(found, pairs([9, 5])), wanted, atol=1e-4 * np.abs(wanted).max())
    operators = {node.op_type for node in onnx.load(found).graph.node}
    assert not operators & {"DynamicQuantizeLinear", "QuantizeLinear", "MatMulInteger"}


def test_a_change_is_explained_where_rounding_might_have_made_it() -> None:
    """A broken engine would pass for one that rounds otherwise.

    Both texts change by 0.3, where "alarm" led by 0.2. Without rounding the reference moves by 0.15 on the first, which
    twice is more than the lead, and by 0.05 on the second, which twice is less.
    """
    reference = np.array([[1.2, 1.0, 0.0], [1.2, 1.0, 0.0]], np.float32)
    logits = reference + np.array([[0.0, 0.3, 0.0]], np.float32)
    unrounded = reference + np.array([[0.0, 0.15, 0.0], [0.0, 0.05, 0.0]], np.float32)
    told = benchmark("changed_answers")
    found = told.compared(logits, reference, CheckTexts("two lines", ("a", "b"), None), MANIFEST)
    first, second = told.told_changes(found, logits, reference, unrounded, LABELS)
    assert first == (
        "text 0: `alarm` 0.472 became `music` 0.459. It led by 0.200; the engines differ here by up to 0.300, the "
        "reference from itself unrounded by up to 0.150, which says `alarm`: explained."
    )
    assert second.startswith("text 1: ")
    assert second.endswith("unrounded by up to 0.050, which says `alarm`: NOT explained.")


def test_texts_are_spread_over_the_whole_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are often sorted by label: their first texts would ask about a few labels alone."""
    told = benchmark("changed_answers")
    given = CheckTexts("ten lines", tuple("abcdefghij"), tuple("ABCDEFGHIJ"))
    monkeypatch.setattr(told, "check_texts", lambda *_, **__: given)
    found = told.spread_texts(MANIFEST, "texts.jsonl", 4)
    assert (found.texts, found.text_pairs) == (("a", "d", "g", "j"), ("A", "D", "G", "J"))
    assert told.spread_texts(MANIFEST, "texts.jsonl", 50) == given
