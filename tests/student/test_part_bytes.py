"""What each part of a model weighs: nothing is lost, nothing counts twice."""

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForSequenceClassification

from limbeck.encoder.parts import EMBEDDING, FEED_FORWARD, GRAPH, HEAD, MODEL_PARTS, TOKENIZER
from limbeck.quantization import quantize_student
from limbeck.student import bytes_by_part
from limbeck.student.static import NGRAMS, NUMBERS, TOKENS, StaticConfig, untrained
from tiny import FAMILIES, write_teacher


@pytest.mark.parametrize("family", FAMILIES)
def test_floats_are_four_bytes_a_parameter(family: str, tmp_path: Path) -> None:
    """A tensor that is left out makes the rest look larger than it is. By law."""
    model = AutoModelForSequenceClassification.from_pretrained(write_teacher(tmp_path, family=family))
    found = bytes_by_part(model, name="teacher", beside_bytes=10)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    assert found.size_bytes == 4 * n_parameters + 10
    assert sum(part.n_parameters for part in found.parts) == n_parameters
    assert [part.part for part in found.parts] == [
        part for part in MODEL_PARTS if part in {p.part for p in found.parts}
    ]
    assert {part.bits for part in found.parts if part.part != TOKENIZER} == {(32,)}


def test_a_table_that_the_head_shares_counts_once() -> None:
    """A masked language model's largest tensor stands in two roles, and on disk once."""
    config = AutoConfig.for_model("bert", vocab_size=500, **FAMILIES["bert"])
    model = AutoModelForMaskedLM.from_config(config)
    found = {part.part: part for part in bytes_by_part(model, name="teacher", beside_bytes=0).parts}
    assert found[EMBEDDING].size_bytes >= 4 * 500 * 32
    assert found[HEAD].size_bytes < 4 * 500 * 32


def test_packed_weights_count_as_stored(tmp_path: Path) -> None:
    """A failure would show the artifact as large as its student. By twin: the bytes that the quantizer tells."""
    model = AutoModelForSequenceClassification.from_pretrained(write_teacher(tmp_path)).eval()
    quantized = quantize_student(model, scheme="w4a8e4")
    plain = bytes_by_part(model, name="student", beside_bytes=0)
    small = bytes_by_part(
        model, name="artifact", beside_bytes=7, packed=quantized.weights, graph_bytes=plain.size_bytes
    )
    saved = sum(layer.float_bytes - layer.stored_bytes for layer in quantized.record.layers)
    of_weights = [part for part in small.parts if part.part not in {TOKENIZER, GRAPH}]
    assert sum(part.size_bytes for part in of_weights) == plain.size_bytes - saved
    assert small.size_bytes == plain.size_bytes + 7  # the graph's file and what lies beside it
    assert next(part.bits for part in of_weights if part.part == FEED_FORWARD) == (4, 32)


def test_a_static_student_is_its_tables() -> None:
    """Its table of runs is most of it, the numbers of the runs among it."""
    model = untrained(StaticConfig(vocab_size=50, table_size=8, ngram_rows=64, hidden_size=16))
    found = {part.part: part for part in bytes_by_part(model, name="student", beside_bytes=0).parts}
    tables = sum(model.table(name).weight.numel() + len(model.log_weights[name]) for name in (TOKENS, NGRAMS))
    assert model.get_buffer(NUMBERS).dtype == torch.int32
    assert found[EMBEDDING].size_bytes == 4 * tables + 4 * 64
    assert set(found) == {EMBEDDING, HEAD, TOKENIZER}
