"""Why answers changed, as far as files and texts can tell: plain data of a verdict."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One finding that explains changed answers.

    Args:
        kind: "teacher", "tokenizer", "weights" (certain, as files say so); "labels", "cut", "capitals", "unknown",
            "rare" (told from the answers, and only where chance is ruled out).
        sentence: The finding in words, with its figures.
        n_explained: Changed answers that it accounts for; None where files say it and no answer was counted.
        p_value: Chance of such a finding where nothing is wrong, corrected for all that was looked at; None for what
            files say.
        rows: Up to three held-out texts, by number, that show it.
        texts: The same texts.
    """

    kind: str
    sentence: str
    n_explained: int | None = None
    p_value: float | None = None
    rows: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class WeightFidelity:
    """Whether a quantized graph holds the weights of the float graph beside it.

    Args:
        n_compared: Weights and other constants that were compared.
        largest_difference: Largest |scale of a quantized weight / scale of its float weight - 1|; 0.02 is 2 % off.
            1 where an output, a row or a constant holds other numbers altogether.
        faults: A sentence for each weight that is another one.
    """

    n_compared: int
    largest_difference: float
    faults: tuple[str, ...]
