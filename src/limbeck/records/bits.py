"""What quantizing did to each layer: bits, bytes and errors, what it can bear, and how bits were given. Plain data."""

from dataclasses import dataclass

DIVIDED, COMPENSATED, TRAINED = "outliers divided", "errors compensated", "trained with roundings"
MIXED = "bits by sensitivity"
QUANTIZATION_METHODS = (MIXED, DIVIDED, COMPENSATED, TRAINED)


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


@dataclass(frozen=True)
class LayerBits:
    """One weight tensor of the quantized model.

    Args:
        name: Its name in the student.
        kind: "embedding" or "linear" or "kept" (left in float32).
        shape: Its shape.
        weight_bits: Bits of a stored weight.
        float_bytes: Bytes as float32.
        stored_bytes: Bytes as stored: codes, scales, zero points.
        relative_error: ||weight - dequantized|| / ||weight||, Frobenius.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    weight_bits: int
    float_bytes: int
    stored_bytes: int
    relative_error: float


@dataclass(frozen=True)
class Rung:
    """One attempt at a scheme, measured on validation texts through the graph that would ship.

    Args:
        name: What was tried.
        scheme: The scheme that it was tried with.
        agreement: Share of validation texts answered as the teacher does.
        lost: How much less than in float32.
        held: Whether that is within `quantize.max_lost`.
    """

    name: str
    scheme: str
    agreement: float
    lost: float
    held: bool


@dataclass(frozen=True)
class QuantizationRecord:
    """What quantizing did to each layer.

    Args:
        scheme: Its notation; "-mixed" where layers have bits of their own.
        layers: Every weight matrix.
        methods: What was done besides rounding, of `QUANTIZATION_METHODS`.
        rungs: What was tried, in order; taken was the first that held, or the one of the best agreement.
        sensitivities: What each weight can bear, where that was measured.
        assignment: How bits were assigned, where there was a target.
    """

    scheme: str
    layers: tuple[LayerBits, ...]
    methods: tuple[str, ...] = ()
    rungs: tuple[Rung, ...] = ()
    sensitivities: tuple[LayerSensitivity, ...] = ()
    assignment: BitAssignment | None = None
