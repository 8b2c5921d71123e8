"""Where the exporter reads a student's parameters: by name, as float32 or as 8-bit codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from transformers import PreTrainedModel

from limbeck.errors import SchemeError
from limbeck.packing import Floats, PackedTensor


@dataclass(frozen=True)
class Weights:
    """A student's parameters.

    Args:
        floats: Parameter name -> float32 values.
        packed: Parameter name -> 8-bit codes, for those that are stored so; a float32 graph has none.
    """

    floats: Mapping[str, Floats]
    packed: Mapping[str, PackedTensor] = field(default_factory=dict)

    @classmethod
    def of(cls, model: PreTrainedModel, *, packed: Mapping[str, PackedTensor] | None) -> "Weights":
        """The parameters of `model`, with `packed` in the place of those that it names.

        Raises:
            SchemeError: `packed` names a parameter that the model does not have, or has in another shape.
        """
        floats = {name: tensor.detach().float().cpu().numpy() for name, tensor in model.state_dict().items()}
        for name, tensor in (packed or {}).items():
            if name not in floats or floats[name].shape != tensor.codes.shape:
                came = floats[name].shape if name in floats else "no such parameter"
                raise SchemeError(
                    f"The packed weight '{name}' of shape {tensor.codes.shape} does not fit the model: {came}.",
                    hint="Quantize the very model that is written.",
                )
        return cls(floats=floats, packed=packed or {})

    def has(self, name: str) -> bool:
        """Whether the model has a parameter of that name."""
        return name in self.floats

    def array(self, name: str) -> Floats:
        """The values that the graph computes with: dequantized where they are packed."""
        if name in self.packed:
            return self.packed[name].dequantize()
        return np.ascontiguousarray(self.floats[name])
