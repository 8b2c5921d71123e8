"""What each layer can bear: one layer worked out in numpy, laws on every family, the model left as it was."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from limbeck.errors import CalibrationError
from limbeck.quantization import Preparation, Probe, measure_sensitivity, possible_bits, quantize_student
from limbeck.quantization.affine import quantize_linear, quantize_table
from limbeck.quantization.preparation import Wants, prepare
from limbeck.recipe.scheme import Scheme
from limbeck.records.bits import LayerSensitivity
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder
from tiny import FAMILIES, write_teacher

WORDS = (
    "play the music",
    "wake me at seven",
    "bad film",
    "what is the weather today and is it very cold off the road?",
)
TEXTS = Examples(texts=WORDS, text_pairs=None, labels=None, label_names=None)
SCHEME = Scheme.parse("w8a8e8")
POOLER = "bert.pooler.dense"


def student(folder: Path, family: str = "bert") -> tuple[PreTrainedModel, TextEncoder]:
    """A tiny model of the family, and its tokenizer."""
    write_teacher(folder, family=family)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    return model, TextEncoder(folder, max_tokens=32)


def found_of(model: PreTrainedModel, encoder: TextEncoder, **given: object) -> tuple[LayerSensitivity, ...]:
    """What is found with these texts."""
    return measure_sensitivity(
        model,
        TEXTS,
        **{"scheme": SCHEME, "encoder": encoder, "held_out": (), **given},  # type: ignore[arg-type]
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """(n, classes) answers."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_one_layer_in_numpy(tmp_path: Path) -> None:
    """A failure would measure another layer, other inputs or other roundings than those that ship."""
    model, encoder = student(tmp_path)
    seen: list[torch.Tensor] = []
    hook = model.get_submodule(POOLER).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.inference_mode():
        for text in WORDS:
            batch, _ = encoder.single(text)
            model(input_ids=torch.from_numpy(batch.input_ids), attention_mask=torch.from_numpy(batch.attention_mask))
    hook.remove()
    inputs = torch.cat(seen).numpy().astype(np.float64)
    weight, bias = (getattr(model.get_submodule(POOLER), name).detach().numpy() for name in ("weight", "bias"))
    found = {(one.name, one.bits): one for one in found_of(model, encoder)}
    head = model.classifier.weight.detach().numpy().T, model.classifier.bias.detach().numpy()
    for bits in (2, 3, 4, 8):
        rounded = quantize_linear(weight, scheme=Scheme(bits, 8)).dequantize()
        exact, moved = inputs @ weight.T + bias, inputs @ rounded.T + bias
        logits, changed = (np.tanh(output) @ head[0] + head[1] for output in (exact, moved))
        answers, others = softmax(logits), softmax(changed)
        divergence = (answers * np.log(answers / others)).sum(axis=1).mean()
        one = found[f"{POOLER}.weight", bits]
        assert one.kind == "linear"
        assert one.output_error == pytest.approx(np.linalg.norm(moved - exact) / np.linalg.norm(exact), rel=1e-3)
        assert one.logit_error == pytest.approx(np.square(changed - logits).mean(), rel=1e-2)
        assert one.divergence == pytest.approx(divergence, rel=0.05, abs=1e-8)  # what float32 leaves of it
        assert one.stored_bytes == 32 * 32 * bits // 8 + 32 * (4 if bits == 8 else 2)


def test_a_table_by_its_rows(tmp_path: Path) -> None:
    """A row counts as often as it is looked up; a failure would count words that no text holds, or padding."""
    model, encoder = student(tmp_path)
    table = model.bert.embeddings.word_embeddings.weight.detach().numpy()
    found = {(one.name, one.bits): one for one in found_of(model, encoder)}
    ids = [number for text in WORDS for number in encoder.encode([text]).ids[0]]
    for bits in (2, 4, 8):
        rounded = quantize_table(table, bits=bits)
        name = "bert.embeddings.word_embeddings.weight"
        one = found[name, bits]
        wanted = np.linalg.norm(rounded.dequantize()[ids] - table[ids]) / np.linalg.norm(table[ids])
        assert one.output_error == pytest.approx(wanted, rel=1e-4)
        assert one.stored_bytes == rounded.nbytes
        swapped = Probe(model, TEXTS, encoder=encoder, held_out=()).change({name: rounded.dequantize()})
        assert one.logit_error == pytest.approx(swapped.logit_error, rel=1e-4)


def test_factors_and_compensation_are_those_that_ship(tmp_path: Path) -> None:
    """A failure would judge plain rounding where another one ships. By twin: the codes of `quantize_student`."""
    model, encoder = student(tmp_path)
    wants = Wants.of(Scheme.parse("w4a8e8"), range_method="min_max")
    known = prepare(model, TEXTS, wants=wants, encoder=encoder, held_out=())
    name = "bert.encoder.layer.1.output.dense"
    inputs = model.get_submodule(name).in_features
    factors = np.linspace(0.5, 3, inputs, dtype=np.float32)
    ready = Preparation(factors={name: factors}, hessians={name: known.hessians[name]})
    weights = quantize_student(model, scheme="w4a8e8", ready=ready).weights.tensors
    values = weights[f"{name}.weight"].dequantize() / factors
    wanted = Probe(model, TEXTS, encoder=encoder, held_out=()).change({f"{name}.weight": values})
    found = {(one.name, one.bits): one for one in found_of(model, encoder, ready=ready)}
    assert found[f"{name}.weight", 4].logit_error == pytest.approx(wanted.logit_error, rel=1e-5)
    plain = {(one.name, one.bits): one for one in found_of(model, encoder)}
    assert found[f"{name}.weight", 4].output_error != pytest.approx(plain[f"{name}.weight", 4].output_error, rel=1e-3)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_laws_in_every_family(tmp_path: Path, family: str) -> None:
    """A family whose weights are not found, or read otherwise, would get its bits by chance.

    Every weight that is packed is measured at each of its bits; with fewer bits its output errs more, and so do the
    logits, but for what four texts and random weights leave to chance; the model is afterwards as it was.
    """
    model, encoder = student(tmp_path, family)
    before = {name: (tensor.data_ptr(), tensor.clone()) for name, tensor in model.state_dict().items()}
    found = found_of(model, encoder)
    for name, tensor in model.state_dict().items():
        assert tensor.data_ptr() == before[name][0]
        assert torch.equal(tensor, before[name][1])
    packed = quantize_student(model, scheme="w8a8e8").weights.tensors
    assert list(dict.fromkeys(one.name for one in found)) == list(packed)
    for name, eight in packed.items():
        of_weight = [one for one in found if one.name == name]
        kind = of_weight[0].kind
        assert tuple(one.bits for one in of_weight) == possible_bits(kind, SCHEME)
        assert of_weight[-1].stored_bytes == eight.nbytes
        assert all(one.divergence >= 0 for one in of_weight)
        for fewer, more in itertools.pairwise(of_weight):
            assert fewer.stored_bytes < more.stored_bytes
            assert more.output_error < fewer.output_error
        assert of_weight[0].logit_error >= 10 * of_weight[-1].logit_error
    for kind in ("linear", "embedding"):
        two, four, eight_bits = (
            sum(one.logit_error for one in found if (one.kind, one.bits) == (kind, bits)) for bits in (2, 4, 8)
        )
        assert 10 * eight_bits < four < two


@pytest.mark.parametrize(
    ("family", "together"),
    [
        ("bert", ("query", "key", "value")),
        ("distilbert", ("q_lin", "k_lin", "v_lin")),
        ("mpnet", ("attn.q", "attn.k", "attn.v")),
        ("deberta-v2", ("query_proj", "key_proj", "value_proj")),
        ("albert", ("query", "key", "value")),
        ("modernbert", ()),
    ],
)
def test_weights_that_read_the_same_are_one_group(tmp_path: Path, family: str, together: tuple[str, ...]) -> None:
    """Mixed bits among them would part one product of the graph into three."""
    model, encoder = student(tmp_path, family)
    groups: dict[str, set[str]] = {}
    for one in found_of(model, encoder):
        groups.setdefault(one.group, set()).add(one.name)
    several = [names for names in groups.values() if len(names) > 1]
    assert len(several) == (0 if not together else 1 if family == "albert" else 4)
    for names in several:
        assert {word for word in together for name in names if name.endswith(f"{word}.weight")} == set(together)
        assert len(names) == 3
        assert len({name.rsplit(".", 2)[0] for name in names}) == 1


def test_bits_that_an_engine_runs() -> None:
    """A failure would assign bits that cannot be shipped."""
    assert possible_bits("linear", Scheme.parse("w8a8e8")) == (2, 3, 4, 8)
    assert possible_bits("linear", Scheme.parse("w4a8g32e4")) == (2, 4, 8)
    assert possible_bits("linear", Scheme.parse("w4a8e4-asymmetric")) == (2, 3, 4)
    assert possible_bits("linear", Scheme.parse("w32a32e8")) == ()
    assert possible_bits("embedding", Scheme.parse("w8a8e8")) == (2, 4, 8)
    assert possible_bits("embedding", Scheme.parse("w8a8")) == ()


def test_a_model_in_training_goes_on_training(tmp_path: Path) -> None:
    """A failure would measure with dropout, or switch it off for whatever comes next."""
    model, encoder = student(tmp_path)
    at_rest = found_of(model, encoder)
    model.train()
    assert found_of(model, encoder) == at_rest
    assert model.training


def test_held_out_texts_are_refused(tmp_path: Path) -> None:
    """Bits that were chosen on the texts that judge them would be praised for nothing."""
    model, encoder = student(tmp_path)
    with pytest.raises(CalibrationError) as raised:
        found_of(model, encoder, held_out=TEXTS.content_fingerprints)
    assert str(raised.value) == (
        "4 of 4 calibration texts are held-out ones, such as 'play the music': a model that was tuned on them cannot "
        "be judged by them.\nHint: Calibrate on texts of the training part."
    )
