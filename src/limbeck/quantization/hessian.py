"""How much an error in each weight of a layer costs, learnt from the layer's inputs as they stream by."""

from typing import Self

import torch

from limbeck.errors import CalibrationError
from limbeck.quantization.observing import refuse_other_channels, refuse_unfit


class HessianObserver:
    """The Hessian of a linear layer's squared output error in one row of its weights: 2 X X^T, averaged over tokens.

    With e the errors of a row of weights, e H e^T / 2 is the mean squared error of that output. It takes 8 bytes for
    each pair of channels, however many tokens go by: 1.2 MB for 384 channels, 75 MB for 3072.

    Args:
        layer: Name of the layer, for messages.

    Source: Frantar et al. 2022, "GPTQ", arXiv:2210.17323, section 3 (H = 2 X X^T).
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.n_tokens = 0
        self._sum = torch.zeros(0, 0, dtype=torch.float64)

    def add(self, rows: torch.Tensor) -> None:
        """Take one batch of inputs.

        Products of a batch are summed in the inputs' own precision, batches in float64.

        Args:
            rows: (tokens, channels), padding left out.

        Raises:
            CalibrationError: A value is NaN or infinite, or the channels are not as many as before.
        """
        refuse_unfit(rows, layer=self.layer, n_channels=self.n_channels)
        if rows.numel():
            flat = rows.detach().float()
            self._take(flat.T @ flat, len(rows))

    def merge(self, other: Self) -> None:
        """Take in what another observer of the same layer has seen.

        Raises:
            CalibrationError: It watched a layer of another number of channels.
        """
        refuse_other_channels(self, other, what="a Hessian")
        if other.n_channels:
            self._take(other._sum, other.n_tokens)

    @property
    def n_channels(self) -> int:
        """Channels of the inputs that it has seen; 0 before the first."""
        return len(self._sum)

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""
        return self._sum.numel() * self._sum.element_size()

    @property
    def hessian(self) -> torch.Tensor:
        """(channels, channels) float64: 2 X X^T / tokens.

        Raises:
            CalibrationError: No inputs were seen.
        """
        if not self.n_tokens:
            raise CalibrationError(
                f"'{self.layer}' has seen no inputs.", hint="Let the model answer some texts while it is watched."
            )
        return self._sum * (2 / self.n_tokens)

    def _take(self, products: torch.Tensor, n_tokens: int) -> None:
        if not len(self._sum):
            self._sum = torch.zeros_like(products, dtype=torch.float64)
        self._sum += products.to(self._sum.device)  # in place: a copy for each batch would double what is held
        self.n_tokens += n_tokens
