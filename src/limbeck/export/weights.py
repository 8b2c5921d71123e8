"""Where the exporter reads a student's parameters: by name, as float32 or as codes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from limbeck.artifact.packing import Floats, PackedTensor, PackedWeights
from limbeck.encoder.heads import answers_by_token, fills_masks, shared_table_of
from limbeck.errors import SchemeError


@dataclass(frozen=True)
class Weights:
    """A student's parameters.

    Args:
        floats: Parameter name -> float32 values; of buffers that count something, their integers.
        quantized: Codes by parameter name, for those that are stored so; a float32 graph has none.
        token_head: The layer that gives each token its logits; None where the head reads the first token, or gives
            logits of the vocabulary.
        shared_table: The table of embeddings where such a head multiplies with it; else None.
    """

    floats: Mapping[str, Floats]
    quantized: PackedWeights
    token_head: str | None = None
    shared_table: str | None = None

    @classmethod
    def of(cls, model: PreTrainedModel, quantized: PackedWeights | None) -> "Weights":
        """The parameters of `model`, with what is quantized in the place of those that it names.

        Raises:
            SchemeError: `quantized` names a parameter that the model does not have, or has in another shape.
        """
        quantized = quantized or PackedWeights({})
        floats = {name: _values(tensor) for name, tensor in model.state_dict().items()}
        for name, tensor in quantized.tensors.items():
            if name not in floats or floats[name].shape != tensor.codes.shape:
                came = floats[name].shape if name in floats else "no such parameter"
                raise SchemeError(
                    f"The packed weight '{name}' of shape {tensor.codes.shape} does not fit the model: {came}.",
                    hint="Quantize the very model that is written.",
                )
        return cls(floats, quantized, _token_head(model, floats), shared_table_of(model))

    @property
    def n_outputs(self) -> int:
        """Columns of the logits of `token_head`."""
        return int(self.floats[f"{self.token_head}.weight"].shape[0])

    @property
    def packed(self) -> Mapping[str, PackedTensor]:
        """Parameter name -> codes."""
        return self.quantized.tensors

    def has(self, name: str) -> bool:
        """Whether the model has a parameter of that name."""
        return name in self.floats

    def array(self, name: str) -> Floats:
        """The values that the graph computes with: dequantized where they are packed."""
        if name not in self.packed:
            return np.ascontiguousarray(self.floats[name])
        values = self.packed[name].dequantize()
        factors = self.factors(name)
        return values if factors is None else values / factors

    def factors(self, name: str) -> Floats | None:
        """What the inputs of the layer with this weight are divided by, (inputs,); None for nothing."""
        return self.quantized.factors.get(name.removesuffix(".weight"))


def _token_head(model: PreTrainedModel, names: Collection[str]) -> str | None:
    if not answers_by_token(model) or fills_masks(model):
        return None
    return "qa_outputs" if "qa_outputs.weight" in names else "classifier"


def _values(tensor: Tensor) -> NDArray[Any]:
    """Floats in float32; a float32 has no room for every integer."""
    found: NDArray[Any] = (tensor.detach().float() if tensor.is_floating_point() else tensor).cpu().numpy()
    return found
