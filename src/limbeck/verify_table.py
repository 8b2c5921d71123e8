"""The recipe's tables of the verdict: what is measured, and what the user accepts."""

from typing import Literal

from pydantic import Field

from limbeck.student_table import Table


class Tolerances(Table):
    """What the user accepts. A tolerance that is not given is not checked."""

    min_retention: float | None = Field(0.98, ge=0, description="Artifact's score / teacher's score.")
    min_agreement: float | None = Field(
        0.90, ge=0, le=1, description="With the teacher, as the task measures it. Default for embeddings: 0.8."
    )
    min_score: float | None = Field(None, ge=0, le=1, description="Accuracy, F1 or correlation: the task's own.")
    max_size_mb: float | None = Field(None, gt=0, description="Megabytes (10^6 bytes) of model and tokenizer that run.")
    max_latency_ms: float | None = Field(None, gt=0, description="p50 at batch 1, milliseconds.")
    min_further: dict[str, float] = Field({}, description='Further measures by name, as in { "exact match" = 0.8 }.')
    judge_by: Literal["value", "bound"] = Field(
        "value", description="bound: every min_ is held against the lower end of the interval."
    )
    non_inferior: bool = Field(
        False, description="Accept only what is proven: verify.margin below the teacher at most."
    )


class VerifyTable(Table):
    """How the artifact is judged."""

    tolerances: Tolerances = Tolerances()
    confidence: float = Field(0.95, gt=0.5, lt=1)
    margin: float = Field(0.005, gt=0, lt=1, description="What the score may lose for a proof; 0.005 is half a point.")
    bootstrap_samples: int = Field(2000, ge=200)
    timing_texts: int = Field(200, ge=1, description="Held-out texts timed one by one.")
    timing_rounds: int = Field(3, ge=1, description="Interleaved rounds of artifact and teacher.")
    fresh_starts: int = Field(
        3, ge=0, description="Processes a side that answer one text from their start on; 0: none."
    )
    threads: int = Field(0, ge=0, description="Threads for both sides; 0 takes the physical cores.")
    slice_by: tuple[str, ...] = Field(
        (), description="Columns whose values part the held-out texts: is the artifact weaker on one of them?"
    )
    robustness: bool | Literal["auto"] = Field(
        "auto",
        description="Ask again about texts in other case, with typos, without punctuation. auto: the teacher too, "
        "where it runs on this machine. true: refused where it does not. false: not measured.",
    )
    robustness_texts: int = Field(200, ge=10, description="Held-out texts at most that are asked about again.")
    pytorch_texts: int = Field(
        500,
        ge=0,
        description="Held-out texts at most that PyTorch answers too, to see what exporting changes; 0: none.",
    )
    ship_signals: bool = Field(False, description="Put the teacher's answers to the held-out texts into the artifact.")
