"""Calibration texts through a model, in pieces: what its layers see is observed, and nothing of it is kept.

Texts are tokenized and answered a thousand at a time, so that memory does not grow with their number.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

import torch

from limbeck.encoder.heads import asked_about
from limbeck.errors import CalibrationError
from limbeck.ground import fingerprint
from limbeck.ground.progress import SILENT, Progress
from limbeck.quantization.observing import LayerObserver, watching
from limbeck.teacher.load import model_inputs
from limbeck.text import batching
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_PIECE_TEXTS = 1024
_SHOWN_CHARACTERS = 60


def observe_texts(
    model: "PreTrainedModel",
    texts: Examples,
    *,
    encoder: TextEncoder,
    held_out: Collection[str],
    observers: Mapping[str, LayerObserver],
    batch_tokens: int = 2048,
    progress: Progress = SILENT,
) -> None:
    """Let observers see what calibration texts bring to a model's layers.

    Args:
        model: Any known encoder; it answers in evaluation mode and is afterwards as it was.
        texts: To calibrate on; labels do not count.
        encoder: Texts -> tokens.
        held_out: `Examples.content_fingerprints` of the texts that will judge the model.
        observers: Name of a layer -> what watches it.
        batch_tokens: Bound on texts x longest text of a batch.
        progress: Told of each batch.

    Raises:
        CalibrationError: There are no texts, some are blank or held out, a layer is unknown, or what a layer sees is
            not finite.
    """
    check_calibration_texts(texts, held_out=held_out)
    was_training = model.training
    model.eval()
    try:
        with (
            watching(model, observers),
            torch.inference_mode(),
            progress.bar("calibrate", total=len(texts), unit="texts") as bar,
        ):
            for start in range(0, len(texts), _PIECE_TEXTS):
                piece = texts.take(range(start, min(start + _PIECE_TEXTS, len(texts))))
                encoded = encoder.encode(piece.texts, piece.text_pairs)
                for batch in batching.by_length(encoded.lengths, max_tokens=batch_tokens, max_texts=batch_tokens):
                    padded = encoder.pad(encoded, batch)
                    with asked_about(model, padded):
                        model(**model_inputs(model, padded))
                bar.advance(len(piece))
    finally:
        model.train(was_training)


def check_calibration_texts(texts: Examples, *, held_out: Collection[str]) -> None:
    """Refuse texts that nothing can be calibrated on, or that would make the verdict worthless.

    Args:
        texts: To calibrate on.
        held_out: Content fingerprints of the texts that will judge the model.

    Raises:
        CalibrationError: There are none, some are blank, or some are held out.
    """
    if not len(texts):
        raise CalibrationError(
            "There are no texts to calibrate on.",
            hint="Give some hundred texts of the kind that the model will answer.",
        )
    judging = frozenset(held_out)
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for text, text_pair in _pairs(texts):
        if not text.strip() and not (text_pair or "").strip():
            fault = "blank"
        elif fingerprint.of_content(text, text_pair) in judging:
            fault = "held out"
        else:
            continue
        counts[fault] += 1
        examples.setdefault(fault, text)
    if counts["blank"]:
        raise CalibrationError(
            f"{counts['blank']} of {len(texts)} calibration texts are blank.", hint="Leave out rows without a text."
        )
    if counts["held out"]:
        raise CalibrationError(
            f"{counts['held out']} of {len(texts)} calibration texts are held-out ones, such as "
            f"{_shortened(examples['held out'])!r}: a model that was tuned on them cannot be judged by them.",
            hint="Calibrate on texts of the training part.",
        )


def _pairs(texts: Examples) -> Iterator[tuple[str, str | None]]:
    return zip(texts.texts, texts.text_pairs or (None,) * len(texts), strict=True)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."
