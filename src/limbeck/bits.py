"""What each layer can bear, and how bits were given to layers by it: plain data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerSensitivity:
    """What rounding one weight to some bits does while everything else stays float, on calibration texts.

    Args:
        name: The weight's name in the student.
        kind: "linear" or "embedding".
        group: The first weight that reads the same input; weights of one group get the same bits.
        bits: Bits of a code.
        stored_bytes: Bytes as stored: codes, scales, zero points.
        output_error: ||its output - its float output|| / ||its float output||, Frobenius, over all tokens.
        logit_error: Mean squared change of the end logits.
        divergence: KL(float answer || answer) at temperature 1 in nats, mean over the texts.
    """

    name: str
    kind: str
    group: str
    bits: int
    stored_bytes: int
    output_error: float
    logit_error: float
    divergence: float


@dataclass(frozen=True)
class BitAssignment:
    """How bits were given to layers so that the artifact fits a target, and whether the prediction held.

    Args:
        target_bytes: What model and tokenizer may have.
        size_bytes: What they have.
        smallest_bytes: What they would have with the fewest bits everywhere.
        predicted_error: Sum of the weights' `LayerSensitivity.logit_error`, each at its bits.
        measured_error: The same of all weights rounded together, before any training with roundings.
        n_texts: Calibration texts that both were measured on.
    """

    target_bytes: int
    size_bytes: int
    smallest_bytes: int
    predicted_error: float
    measured_error: float
    n_texts: int
