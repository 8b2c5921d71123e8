"""What was cut from the teacher to make the student, and what each cut was measured to cost."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerCost:
    """What the teacher's answers lose without one more of its layers.

    Args:
        layer: Counted from 0.
        nats: Mean divergence of the whole teacher's distribution from what is left of it, KL(whole || left).
    """

    layer: int
    nats: float


@dataclass(frozen=True)
class Removal:
    """One round of choosing layers by loss: what each of those still there would cost, and which one went."""

    removed: int
    costs: tuple[LayerCost, ...]


@dataclass(frozen=True)
class Cut:
    """How the student was cut from its teacher.

    Args:
        chosen: "spaced", "first", "last", "by_loss", or "given".
        layers: The teacher's layers that became the student's, counted from 0.
        removals: The rounds, where layers were chosen by loss.
        n_texts: Training texts that costs were measured on.
    """

    chosen: str
    layers: tuple[int, ...]
    removals: tuple[Removal, ...] = ()
    n_texts: int = 0
