"""Calibration texts through a model: all of them, in pieces, and none that will judge it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from limbeck.errors import CalibrationError
from limbeck.quantization import calibration
from limbeck.quantization.calibration import check_calibration_texts, observe_texts
from limbeck.quantization.observing import ActivationObserver, layers_to_watch
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder
from tiny import WORDS, write_teacher


def examples_of(*texts: str, pairs: tuple[str, ...] | None = None) -> Examples:
    """Texts without labels."""
    return Examples(texts=texts, text_pairs=pairs, labels=None, label_names=("a", "b"))


def some_texts(n: int) -> Examples:
    """Texts of one to twelve words."""
    generator = np.random.default_rng(0)
    return examples_of(*(" ".join(generator.choice(WORDS, generator.integers(1, 13))) for _ in range(n)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny teacher."""
    return write_teacher(tmp_path_factory.mktemp("teacher"))


@pytest.fixture
def model(folder: Path) -> PreTrainedModel:
    """Its model, as training leaves it."""
    return AutoModelForSequenceClassification.from_pretrained(folder).train()


@pytest.fixture
def encoder(folder: Path) -> TextEncoder:
    """Its tokenizer."""
    return TextEncoder(folder, max_tokens=32)


def observed(
    model: PreTrainedModel, encoder: TextEncoder, texts: Examples, **choices: int
) -> dict[str, ActivationObserver]:
    """Observers of all layers after these texts."""
    observers = {name: ActivationObserver(name) for name in layers_to_watch(model)}
    observe_texts(model, texts, encoder=encoder, held_out=set(), observers=observers, **choices)
    return observers


def test_every_token_counts_once(model: PreTrainedModel, encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that fall between two pieces, or are seen twice, would bend the distribution."""
    monkeypatch.setattr(calibration, "_PIECE_TEXTS", 7)
    texts = some_texts(40)
    seen = observed(model, encoder, texts, batch_tokens=50)
    n_tokens = sum(encoder.encode(texts.texts).lengths)
    for name, observer in seen.items():
        n_rows = len(texts) if name in {"bert.pooler.dense", "classifier"} else n_tokens
        assert observer.histogram.n_values == n_rows * len(observer.channel_maxima), name


def test_batches_do_not_change_what_is_seen(model: PreTrainedModel, encoder: TextEncoder) -> None:
    """Ranges that hang on the batch size could not be had again on another machine."""
    one, other = (observed(model, encoder, some_texts(40), batch_tokens=size) for size in (30, 600))
    for name, observer in one.items():
        np.testing.assert_allclose(observer.channel_maxima, other[name].channel_maxima, rtol=1e-4, atol=1e-5)


def test_the_model_is_left_as_it_was(model: PreTrainedModel, encoder: TextEncoder) -> None:
    """A model that is left in evaluation mode trains without dropout from then on."""
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    observed(model, encoder, some_texts(5))
    assert model.training
    assert not any(module._forward_pre_hooks for module in model.modules())
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_dropout_is_off(model: PreTrainedModel, encoder: TextEncoder) -> None:
    """Dropout scales what it keeps: ranges would be a ninth too wide, and differ each time."""
    one, other = (observed(model, encoder, some_texts(20)) for _ in range(2))
    assert {name: seen.to_plain() for name, seen in one.items()} == {
        name: seen.to_plain() for name, seen in other.items()
    }


def test_broken_weights_are_told_with_the_layer(model: PreTrainedModel, encoder: TextEncoder) -> None:
    """NaN spreads to every later layer; only the first one tells where it came from."""
    with torch.no_grad():
        model.get_submodule("bert.encoder.layer.1.intermediate.dense").weight[3, 3] = float("nan")
    with pytest.raises(CalibrationError, match=r"inputs of 'bert.encoder.layer.1.output.dense' are NaN or infinite"):
        observed(model, encoder, some_texts(3))
    assert model.training
    assert not any(module._forward_pre_hooks for module in model.modules())


HELD_OUT = set(examples_of("Great film ", "bad film").content_fingerprints)
LONG = "a great film " * 9


@pytest.mark.parametrize(
    ("texts", "held_out", "message"),
    [
        (
            examples_of(),
            HELD_OUT,
            "There are no texts to calibrate on.\n"
            "Hint: Give some hundred texts of the kind that the model will answer.",
        ),
        (
            examples_of("film", " \t", ""),
            HELD_OUT,
            "2 of 3 calibration texts are blank.\nHint: Leave out rows without a text.",
        ),
        (
            examples_of("film", "great  FILM", "bad film"),
            HELD_OUT,
            "2 of 3 calibration texts are held-out ones, such as 'great  FILM': a model that was tuned on them cannot "
            "be judged by them.\nHint: Calibrate on texts of the training part.",
        ),
        (
            examples_of(LONG),
            set(examples_of(LONG).content_fingerprints),
            "1 of 1 calibration texts are held-out ones, such as 'a great film a great film a great film a great film "
            "a gre...': a model that was tuned on them cannot be judged by them.\n"
            "Hint: Calibrate on texts of the training part.",
        ),
    ],
)
def test_unfit_texts_are_refused(texts: Examples, held_out: set[str], message: str) -> None:
    """A verdict on texts that set the ranges is no verdict."""
    with pytest.raises(CalibrationError) as caught:
        check_calibration_texts(texts, held_out=held_out)
    assert str(caught.value) == message


def test_pairs_are_compared_as_pairs() -> None:
    """The same question with another answer is another example."""
    held_out = set(examples_of("film", pairs=("bad",)).content_fingerprints)
    check_calibration_texts(examples_of("film", "film", "", pairs=("good", "", "bad")), held_out=held_out)
    with pytest.raises(CalibrationError, match=r"1 of 1 calibration texts are held-out ones, such as 'film'"):
        check_calibration_texts(examples_of("film", pairs=("bad",)), held_out=held_out)
