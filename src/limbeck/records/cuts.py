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
class WidthShare:
    """Parts of one kind that were kept: hidden channels, or one layer's heads or neurons.

    Args:
        what: Which parts.
        kept: How many.
        of: How many the teacher has.
        importance: Share of their measured importance that is kept.
    """

    what: str
    kept: int
    of: int
    importance: float


@dataclass(frozen=True)
class Cut:
    """How the student was cut from its teacher.

    Args:
        chosen: "spaced", "lower", "first", "last", "by_loss", "given", "from scratch", or "static".
        layers: The teacher's layers that became the student's, counted from 0; none for a student from scratch, and
            none for a static one.
        removals: The rounds, where layers were chosen by loss.
        n_texts: Training texts that costs were measured on; 0 where nothing was.
        widths: What was kept where the student is narrower.
    """

    chosen: str
    layers: tuple[int, ...]
    removals: tuple[Removal, ...] = ()
    n_texts: int = 0
    widths: tuple[WidthShare, ...] = ()
