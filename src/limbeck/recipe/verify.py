"""The recipe's tables of the verdict: what is measured, and what the user accepts."""

from typing import Literal

from pydantic import Field

from limbeck.recipe.student import Table

_USUAL = (0.98, 0.90)
_USUAL_OF = {
    "embeddings": (0.98, 0.80),
    "reranking": (0.95, 0.80),
    "question-answering": (0.95, 0.80),
    "token-classification": (0.93, 0.65),
    "fill-mask": (0.93, 0.65),
}
"""Retention and agreement that are asked for unless the user says otherwise; docs/concepts/verdict.md says why."""


class Tolerances(Table):
    """What the user accepts. What is not given has the task's default, or is not checked where there is none."""

    min_retention: float | None = Field(
        None,
        ge=0,
        description="Artifact's score / teacher's score. Default: 0.98; reranking and questions 0.95, tags and masks "
        "0.93. 0 accepts all.",
    )
    min_agreement: float | None = Field(
        None,
        ge=0,
        le=1,
        description="With the teacher, as the task measures it. Default: 0.9; vectors, reranking and questions 0.8, "
        "tags and masks 0.65.",
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

    def for_task(self, task: str) -> "Tolerances":
        """The same, with a task's defaults for what has no value and was not switched off; those count as not given.

        Args:
            task: See `limbeck.tasks`.
        """
        usual = dict(zip(("min_retention", "min_agreement"), _USUAL_OF.get(task, _USUAL), strict=True))
        given = self.model_fields_set
        filled = {name: bound for name, bound in usual.items() if name not in given and getattr(self, name) is None}
        return Tolerances.model_construct(_fields_set=set(self.model_fields_set), **{**vars(self), **filled})


class VerifyTable(Table):
    """How the artifact is judged."""

    tolerances: Tolerances = Tolerances()
    confidence: float = Field(0.95, gt=0.5, lt=1)
    margin: float = Field(0.005, gt=0, lt=1, description="What the score may lose for a proof; 0.005 is half a point.")
    bootstrap_samples: int = Field(2000, ge=200)
    timing_texts: int = Field(200, ge=1, description="Held-out texts timed one by one.")
    timing_rounds: int = Field(3, ge=1, description="Interleaved rounds of artifact and teacher.")
    timing_seconds: float = Field(
        60.0,
        gt=0,
        description="What timing artifact and teacher may take, about; beyond it both have fewer texts, then rounds.",
    )
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
