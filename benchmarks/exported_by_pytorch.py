"""A classifier as ONNX the way one gets it without limbeck: by PyTorch's own exporter."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from limbeck.teacher.load import model_inputs
from limbeck.text.tokens import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Logits(torch.nn.Module):
    """A classifier whose inputs come by position and whose output is a tensor, as the exporter wants them."""

    def __init__(self, model: torch.nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        """The logits."""
        found: torch.Tensor = self.model(**dict(zip(self.names, given, strict=True))).logits
        return found


def write_by_pytorch(model: "PreTrainedModel", encoder: TextEncoder, path: Path) -> None:
    """Write a float32 graph with free batch and length; the model must have been loaded with eager attention."""
    encoded = encoder.encode(["a short text", "and one that is a little longer"])
    inputs = model_inputs(model, encoder.pad(encoded, [0, 1]))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Logits(model, list(inputs)),
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=["logits"],
            dynamic_axes={name: {0: "texts", 1: "tokens"} for name in inputs} | {"logits": {0: "texts"}},
            opset_version=17,
            dynamo=False,
        )
