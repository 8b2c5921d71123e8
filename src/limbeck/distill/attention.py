"""Which attention a training computes with: PyTorch's fused one (`sdpa`), or the plain one (`eager`)."""

from typing import TYPE_CHECKING

from limbeck.teacher.load import quiet

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

FUSED, PLAIN = "sdpa", "eager"
_FUSED_FROM = 320
"""Tokens of a batch's texts from which fused attention is the faster in bfloat16 on a CPU, where its backward pass is
slow (docs/lab-log.md). Elsewhere it always is; and it takes half the memory with long texts."""


class AttentionChoice:
    """The faster attention for each batch of a training; gradients are the same but for rounding.

    Args:
        model: That learns; it is told before each batch.
        device: Where it computes.
        half: Whether in bfloat16.
        dropout: Whether attention drops out, for which a CPU has no fused kernel.
        needs_maps: Whether attention maps are asked for, which only the plain one gives.
    """

    def __init__(
        self, model: "PreTrainedModel", *, device: "torch.device", half: bool, dropout: bool, needs_maps: bool
    ) -> None:
        self._model, self._before = model, _attention_of(model)
        self._can_switch = self._takes_both()
        self._fused_from: int | None = _FUSED_FROM if half and device.type == "cpu" else 0
        if needs_maps or (dropout and device.type == "cpu"):
            self._fused_from = None

    def take(self, n_tokens: int) -> None:
        """Choose for a batch.

        Args:
            n_tokens: Of its longest text.
        """
        is_fused = self._fused_from is not None and n_tokens >= self._fused_from
        wanted = FUSED if is_fused else PLAIN
        if self._can_switch and _attention_of(self._model) != wanted:
            self._model.set_attn_implementation(wanted)

    def put_back(self) -> None:
        """Let the model compute as it did before, whatever the last batch was."""
        if self._can_switch:
            self._model.set_attn_implementation(self._before)

    def _takes_both(self) -> bool:
        """Whether the model's family has both, and takes them one after the other; it is left as it was."""
        try:
            with quiet():
                self._model.set_attn_implementation(FUSED)
        except (ValueError, ImportError):
            return False
        is_fused = _attention_of(self._model) == FUSED
        if is_fused:
            self._model.set_attn_implementation(self._before)
        return is_fused


def _attention_of(model: "PreTrainedModel") -> str:
    return str(model.config._attn_implementation)  # noqa: SLF001  (transformers has no other name for it)
