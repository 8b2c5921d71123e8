"""Weights put in the place of others for a moment: how far a model's answers to a sample of texts move.

The texts are tokenized once and answered by the float model once; each question after that is one more pass.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from limbeck.artifact.packing import Floats
from limbeck.encoder import heads
from limbeck.encoder.heads import answers_in, answers_with_ends, asked_about, rows_of
from limbeck.quantization.calibration import check_calibration_texts
from limbeck.quantization.divergence import summed_divergence
from limbeck.quantization.observing import LayerObserver, leaving_out_padding, watching
from limbeck.tasks.regression import spread_of
from limbeck.teacher.load import model_inputs
from limbeck.teacher.quick import first_token_at_last
from limbeck.text import batching
from limbeck.text.examples import Examples
from limbeck.text.kept_tokens import KEPT
from limbeck.text.tokens import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_BATCH_TOKENS = 2048
_Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class Change:
    """How far the end logits moved.

    Args:
        logit_error: Mean squared change of a logit.
        divergence: KL(float answer || answer) at temperature 1 in nats, mean over the texts.
    """

    logit_error: float
    divergence: float


@dataclass(frozen=True)
class RowsRead:
    """Rows of a table that texts look up.

    Args:
        numbers: (rows,) which.
        counts: (rows,) how often each.
    """

    numbers: NDArray[np.int64]
    counts: NDArray[np.int64]

    def relative_error(self, floats: Floats, rounded: Floats) -> float:
        """||change|| / ||floats|| of everything that was looked up; both (rows, columns)."""
        moved = float(self.counts @ np.square((rounded - floats).astype(np.float64)).sum(axis=1))
        there = float(self.counts @ np.square(floats.astype(np.float64)).sum(axis=1))
        return (moved / there) ** 0.5 if there > 0 else 0.0


class Probe:
    """A sample of texts, and the float model's answers to it; weights are put in another's place and taken out again.

    Args:
        model: A student.
        texts: The sample.
        encoder: Texts -> tokens.
        held_out: Content fingerprints of the texts that will judge the model.

    Raises:
        CalibrationError: There are no texts, or some are blank or held out.
    """

    def __init__(
        self, model: "PreTrainedModel", texts: Examples, *, encoder: TextEncoder, held_out: Collection[str]
    ) -> None:
        check_calibration_texts(texts, held_out=held_out)
        self.model = model
        self.n_texts = len(texts)
        encoded = encoder.encode(texts.texts, texts.text_pairs)
        batches = batching.by_length(encoded.lengths, max_tokens=_BATCH_TOKENS, max_texts=_BATCH_TOKENS)
        self._padded = [encoder.pad(encoded, batch) for batch in batches]
        self._batches = [model_inputs(model, padded) for padded in self._padded]
        self._counts: dict[str, Tensor] = {}
        self._tokens: list[Tensor] = []  # the likeliest in the place of hidden ones, which answers are compared on
        with _counting_rows(model, self._counts):
            self._logits = self._answers()
        self._spread = spread_of(torch.cat(self._logits).numpy())
        self._groups = _read_together(model, self._batches[-1])

    def change(self, weights: Mapping[str, Floats], *, watched: Mapping[str, LayerObserver] | None = None) -> Change:
        """How far the logits move with these weights in the place of the model's.

        Args:
            weights: Parameter name -> values, (rows, columns).
            watched: Layer name -> what watches its inputs meanwhile.
        """
        squared = divergence = 0.0
        with _in_place_of(self.model, weights), watching(self.model, watched or {}):
            for logits, before, padded in zip(self._answers(), self._logits, self._padded, strict=True):
                squared += float((logits - before).square().sum(dtype=torch.float64))
                divergence += summed_divergence(
                    before,
                    logits,
                    task=heads.task_of(self.model),
                    spread=self._spread,
                    ends_in=rows_of(padded, device=logits.device) if answers_with_ends(self.model) else None,
                )
        n_logits = sum(logits.numel() for logits in self._logits)
        return Change(squared / n_logits, max(0.0, divergence / self.n_texts))

    def group(self, layer: str) -> str:
        """The weight of the first layer that reads the same input."""
        return f"{self._groups.get(layer, layer)}.weight"

    def bias(self, layer: str) -> Tensor | None:
        """A linear layer's bias."""
        bias = dict(self.model.get_submodule(layer).named_parameters()).get("bias")
        return None if bias is None else bias.detach().float()

    def rows_read(self, layer: str, table: Floats) -> RowsRead:
        """The rows of a table that the sample looks up; all of them where the model reads the table otherwise."""
        counts = self._counts.get(layer)
        if counts is None or not int(counts.sum()):
            return RowsRead(np.arange(len(table)), np.ones(len(table), np.int64))
        numbers = torch.nonzero(counts).flatten()
        return RowsRead(numbers.cpu().numpy(), counts[numbers].cpu().numpy())

    def _answers(self) -> list[Tensor]:
        """(answers, classes) float32 logits of each batch; of hidden tokens `heads.among`, which takes less room."""
        found: list[Tensor] = []
        with _answering(self.model), first_token_at_last(self.model):
            for number, (batch, padded) in enumerate(zip(self._batches, self._padded, strict=True)):
                with asked_about(self.model, padded):
                    logits = answers_in(self.model(**batch), padded).float()
                if padded.hidden is not None:
                    if number == len(self._tokens):
                        self._tokens.append(logits.topk(KEPT, dim=1).indices)
                    logits = heads.among(logits, self._tokens[number])
                found.append(logits)
        return found


@contextmanager
def _answering(model: nn.Module) -> Iterator[None]:
    """Within, in evaluation mode and without gradients; afterwards as it was."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


@contextmanager
def _in_place_of(model: nn.Module, weights: Mapping[str, Floats]) -> Iterator[None]:
    """Within, parameters have other values; afterwards the very tensors that they had."""
    before = {name: model.get_parameter(name).data for name in weights}
    try:
        for name, values in weights.items():
            model.get_parameter(name).data = torch.from_numpy(values).to(before[name])
        yield
    finally:
        for name, tensor in before.items():
            model.get_parameter(name).data = tensor


@contextmanager
def _counting_rows(model: nn.Module, counts: dict[str, Tensor]) -> Iterator[None]:
    """Within, look-ups in embedding tables are counted by row, padding left out: table name -> (rows,) counts."""

    def count(name: str, n_rows: int) -> Any:  # noqa: ANN401  (torch's own type of a hook)
        def add(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            ids = tokens_of(given[0].unsqueeze(-1)).flatten()
            found = torch.bincount(ids, minlength=n_rows)
            counts[name] = counts[name] + found if name in counts else found

        return add

    with leaving_out_padding(model) as tokens_of, ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, nn.Embedding):
                hooks.callback(module.register_forward_pre_hook(count(name, module.num_embeddings)).remove)
        yield


def _read_together(model: nn.Module, batch: _Inputs) -> dict[str, str]:
    """Linear layer -> the first one that reads the very same tensor; found by letting the model answer a batch."""
    seen: dict[tuple[int, torch.Size], tuple[str, Tensor]] = {}  # tensors are held, so that no address is used twice
    first: dict[str, str] = {}

    def note(name: str) -> Any:  # noqa: ANN401  (torch's own type of a hook)
        def add(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            reader, _tensor = seen.setdefault((given[0].data_ptr(), given[0].shape), (name, given[0]))
            first.setdefault(name, reader)

        return add

    one_text = {name: values[:1] for name, values in batch.items()}
    with ExitStack() as hooks, _answering(model):
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear):
                hooks.callback(module.register_forward_pre_hook(note(name)).remove)
        model(**one_text)
    return first
