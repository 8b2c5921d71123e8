"""What flows into a model's layers, watched while it answers: observers, and the hooks that feed them.

An observer keeps a fixed number of bytes for a layer, however many texts go by. `watching` puts hooks on chosen layers
and takes them off again, whatever happens. Padding does not count: the mask is the one that the model itself is called
with.
"""

import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers.pytorch_utils import Conv1D

from limbeck.errors import CalibrationError
from limbeck.quantization.histogram import Histogram


class LayerObserver(Protocol):
    """Something that learns from a layer's inputs."""

    def add(self, rows: torch.Tensor) -> None:
        """Take one batch of inputs: (tokens, channels), without padding."""


class MergingObserver(Protocol):
    """What takes in what others of its kind have seen."""

    layer: str

    @property
    def n_channels(self) -> int:
        """Channels of the inputs that it has seen; 0 before the first."""


class ActivationObserver:
    """Histogram of a layer's inputs, and the largest magnitude in each of its channels.

    Args:
        layer: Name of the layer, for messages.
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.histogram = Histogram.empty()
        self.channel_maxima = np.zeros(0, np.float32)

    def add(self, rows: torch.Tensor) -> None:
        """Count one batch of inputs.

        Args:
            rows: (tokens, channels), padding left out; see `unpadded`.

        Raises:
            CalibrationError: A value is NaN or infinite, or the channels are not as many as before.
        """
        refuse_unfit(rows, layer=self.layer, n_channels=self.n_channels)
        if rows.numel():
            maxima = torch.linalg.vector_norm(rows.detach().float(), ord=float("inf"), dim=0)
            self._take(Histogram.of(rows), maxima.cpu().numpy())

    def merge(self, other: Self) -> None:
        """Take in what another observer of the same layer has seen, on another machine or in another run.

        Raises:
            CalibrationError: It watched a layer of another number of channels.
        """
        refuse_other_channels(self, other, what="an observer")
        if other.n_channels:
            self._take(other.histogram, other.channel_maxima)

    @property
    def n_channels(self) -> int:
        """Channels of the inputs that it has seen; 0 before the first."""
        return len(self.channel_maxima)

    @property
    def nbytes(self) -> int:
        """Bytes that it holds: histogram and channels."""
        return self.histogram.nbytes + self.channel_maxima.nbytes

    def to_plain(self) -> dict[str, Any]:
        """As numbers and lists that JSON can hold, exactly; `from_plain` reads them back."""
        return {
            "layer": self.layer,
            "histogram": self.histogram.to_plain(),
            "channel_maxima": self.channel_maxima.tolist(),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `to_plain` wrote.

        Raises:
            CalibrationError: It is something else, or was changed.
        """
        try:
            layer, maxima = str(plain["layer"]), np.array(plain["channel_maxima"], np.float32)
            histogram = Histogram.from_plain(plain["histogram"])
            is_whole = maxima.ndim == 1 and bool((maxima >= 0).all()) and bool(len(maxima)) == bool(histogram.n_values)
        except (KeyError, TypeError, ValueError):
            is_whole = False
        if not is_whole:
            raise CalibrationError(
                "Expected an observer with layer, histogram and channel_maxima, came something else.",
                hint="Calibrate again; an observer cannot be edited by hand.",
            )
        observer = cls(layer)
        if len(maxima):
            observer._take(histogram, maxima)
        return observer

    def _take(self, histogram: Histogram, maxima: NDArray[np.float32]) -> None:
        self.histogram = self.histogram.merged(histogram)
        self.channel_maxima = np.maximum(self.channel_maxima, maxima) if len(self.channel_maxima) else maxima.copy()


def refuse_unfit(rows: torch.Tensor, *, layer: str, n_channels: int) -> None:
    """Refuse inputs that no observer can learn from.

    Args:
        rows: (tokens, channels).
        layer: Whose they are.
        n_channels: As many channels as it had before; 0 when these are its first inputs.

    Raises:
        CalibrationError: They have another shape, or are not finite.
    """
    if rows.ndim != 2 or n_channels not in {0, rows.shape[-1]}:
        raise CalibrationError(
            f"Expected inputs of '{layer}' of shape (tokens, {n_channels or 'channels'}), came {tuple(rows.shape)}.",
            hint="Lay all tokens of a batch in rows, without padding.",
        )
    if rows.numel() and not all(torch.isfinite(bound) for bound in torch.aminmax(rows)):
        n_bad = int((~torch.isfinite(rows)).sum())
        raise CalibrationError(
            f"{n_bad} of {rows.numel()} inputs of '{layer}' are NaN or infinite; nothing can be calibrated on them.",
            hint="Check the weights before this layer, and run the model in float32: float16 overflows at 65504.",
        )


def refuse_other_channels(held: MergingObserver, came: MergingObserver, *, what: str) -> None:
    """Refuse to merge what was seen of layers of different widths.

    Args:
        held: What takes the other in.
        came: What is taken in.
        what: What they are, for the message.

    Raises:
        CalibrationError: Both have seen inputs, of different numbers of channels.
    """
    if held.n_channels and came.n_channels and held.n_channels != came.n_channels:
        raise CalibrationError(
            f"Expected {what} of the {held.n_channels} channels of '{held.layer}', came one of {came.n_channels} "
            f"channels of '{came.layer}'.",
            hint="Merge observers of the same layer.",
        )


def unpadded(values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """A layer's inputs as rows of tokens, without padding.

    Args:
        values: (..., channels). Where the leading dimensions are those of the mask, or all its places in one, padding
            is left out; otherwise (pooled texts, tables of positions) all rows count.
        mask: (texts, tokens), 0 for padding; None when nothing is padded.

    Returns: (tokens, channels)
    """
    rows = values.reshape(-1, values.shape[-1])
    is_by_token = mask is not None and (values.shape[:-1] == mask.shape or values.shape[:-1] == (mask.numel(),))
    if mask is None or not is_by_token or bool(mask.all()):
        return rows
    return rows[mask.flatten().bool()]


def layers_to_watch(model: nn.Module, *, names: Sequence[str] = ("*",), without: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of the linear layers (also those that transformers calls Conv1D) that a model multiplies with.

    A layer that stands in several places of the model (ALBERT) is named once.

    Args:
        model: Any module.
        names: Shell patterns; a layer is taken that fits any of them.
        without: Shell patterns of layers to leave out.

    Raises:
        CalibrationError: A pattern fits no layer, or none is left.
    """
    there = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]
    for pattern in (*names, *without):
        if not fnmatch.filter(there, pattern):
            known = f"{len(there)} there are, such as '{there[0]}'" if there else "the model has none"
            raise CalibrationError(
                f"The pattern '{pattern}' fits no linear layer ({known}).", hint='Take "*" for all of them.'
            )
    taken = {name for pattern in names for name in fnmatch.filter(there, pattern)}
    taken -= {name for pattern in without for name in fnmatch.filter(there, pattern)}
    if not taken:
        raise CalibrationError("No layer is left to calibrate.", hint="Leave out fewer layers.")
    return tuple(name for name in there if name in taken)


@contextmanager
def watching(model: nn.Module, observers: Mapping[str, LayerObserver]) -> Iterator[None]:
    """Feed observers with their layers' inputs for as long as the block lasts.

    Padding is left out by the `attention_mask` that the model is called with, a keyword of shape (texts, tokens); a
    model that is called without one has none. All hooks are gone after the block, also when it fails.

    Args:
        model: Any module.
        observers: Name of a layer -> what watches it.

    Raises:
        CalibrationError: A name is no layer of the model, or the mask is no mask of tokens.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    if absent := [name for name in observers if name not in modules]:
        raise CalibrationError(
            f"The model has no layer '{absent[0]}'.", hint="Take the names that `layers_to_watch` gives."
        )

    def feed(observer: LayerObserver) -> Any:  # noqa: ANN401  (torch's own type of a hook)
        return lambda _, inputs: observer.add(tokens_of(inputs[0]))

    with leaving_out_padding(model) as tokens_of, ExitStack() as hooks:
        for name, observer in observers.items():
            hooks.callback(modules[name].register_forward_pre_hook(feed(observer)).remove)
        yield


@contextmanager
def leaving_out_padding(model: nn.Module) -> Iterator[Callable[[torch.Tensor], torch.Tensor]]:
    """What takes the padding out of a layer's inputs (`unpadded`), by the mask that the model is called with.

    Args:
        model: Any module; its mask is the keyword `attention_mask`.

    Raises:
        CalibrationError: Within the block, when the model is called: the mask is no mask of tokens.
    """
    masks: list[torch.Tensor | None] = [None]

    def note_mask(_: nn.Module, __: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        mask = keywords.get("attention_mask")
        if mask is not None and mask.ndim != 2:
            raise CalibrationError(
                f"Expected an attention_mask of shape (texts, tokens), came {tuple(mask.shape)}.",
                hint="Give the model the tokenizer's own mask while it is calibrated.",
            )
        masks[0] = mask

    hook = model.register_forward_pre_hook(note_mask, with_kwargs=True)
    try:
        yield lambda values: unpadded(values, masks[0])
    finally:
        hook.remove()
