"""The weights of a file, computed once more in PyTorch: as the file answers, with every kind of scheme."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from limbeck.export import write_onnx
from limbeck.quantization import fake_quantized, is_fake_quantized, quantize_student, settled
from limbeck.records.verdict import ARTIFACT_EXPORTED, ELSEWHERE, STUDENT_EXPORTED
from limbeck.runtime.engine import Engine
from limbeck.text.tokens import TokenBatch
from small_run import RECIPE, SmallRun
from tiny import write_teacher

TOKENS = np.array([[2, 41, 52, 63, 74, 3], [2, 45, 56, 3, 0, 0]])
MASK = (TOKENS != 0).astype(np.int64)


@pytest.mark.parametrize(
    ("scheme", "family"),
    [("w8a8e8", "bert"), ("w4a8e4", "distilbert"), ("w4a8g16e4", "bert"), ("w8a8e8", "deberta-v2")],
)
def test_codes_in_floats_answer_as_the_graph(scheme: str, family: str, tmp_path: Path) -> None:
    """A twin that computes something else would blame exporting for what it does itself. By twin."""
    plain = AutoModelForSequenceClassification.from_pretrained(write_teacher(tmp_path, family=family)).eval()
    quantized = quantize_student(plain, scheme=scheme)
    write_onnx(plain, tmp_path / "model.onnx", packed=quantized.weights)
    shipped = Engine(tmp_path / "model.onnx", threads=1).run(TokenBatch(TOKENS, MASK, np.zeros_like(TOKENS)))
    model = settled(copy.deepcopy(plain), quantized.weights, scheme=scheme)
    assert is_fake_quantized(model)
    assert not is_fake_quantized(plain)
    with torch.inference_mode():
        ids, mask = torch.from_numpy(TOKENS), torch.from_numpy(MASK)
        found = model(input_ids=ids, attention_mask=mask).logits.numpy()
        unrounded = plain(input_ids=ids, attention_mask=mask).logits.numpy()
        asked = fake_quantized(copy.deepcopy(plain), scheme=scheme)(input_ids=ids, attention_mask=mask).logits.numpy()
    rounding = np.abs(shipped - unrounded).max()
    assert rounding > 0
    np.testing.assert_allclose(found, asked, atol=1e-6)  # steps pass through a logarithm and back in training
    # Sums in another order may move a code of an input by one, which with 8 bits is about half of all rounding.
    assert np.abs(found - shipped).max() < 0.6 * rounding


def test_a_run_tells_what_exporting_changed(walked: SmallRun) -> None:
    """A failure would leave "trained" and "exported" one word in the report."""
    record = walked.run.record
    assert record.verdict.stages is not None
    told = {cost.name: cost for cost in record.verdict.stages.stages}
    n = RECIPE.verify.pytorch_texts
    assert n < record.verdict.n_held_out
    assert (told[STUDENT_EXPORTED].n, told[STUDENT_EXPORTED].n_changed) == (n, 0)
    assert told[ARTIFACT_EXPORTED].n == n
    assert (told[ARTIFACT_EXPORTED].n_changed or 0) <= 1
    assert "same there to the bit" in told[ELSEWHERE].note


def test_a_run_tells_where_the_bytes_are(walked: SmallRun) -> None:
    """A failure would show sizes that nobody finds on disk. By twin: the sizes that the verdict tells."""
    record = walked.run.record
    found = {model.name: model for model in record.bytes_by_part}
    assert list(found) == ["teacher", "student (float32)", "artifact (int8)"]
    sizes = {model.name: model.size_bytes for model in record.verdict.models}
    for name in ("student (float32)", "artifact (int8)"):
        assert found[name].size_bytes == sizes[name]
