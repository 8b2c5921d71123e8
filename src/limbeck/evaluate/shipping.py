"""The part of a verdict that ships within the artifact: equal for equal runs, so that equal runs give equal bytes.

Times differ from run to run and from machine to machine; the report and run.json hold them, the artifact does not.
"""

from dataclasses import replace

from limbeck.evaluate.slices import sentence_of
from limbeck.evaluate.summary import verdict_sentence
from limbeck.ground import wording
from limbeck.records.verdict import ARTIFACT, TEACHER, Check, ModelScores, Verdict
from limbeck.tasks import TASKS

_TIMED = "max_latency_ms"


def lasting(verdict: Verdict) -> Verdict:
    """A verdict without any measured time. Whether it passed stays as it was, a bound on latency included.

    Args:
        verdict: As `judge` gives it.

    Returns: The same verdict without timings, without the check of latency, and without the texts that reasons quote;
        its sentence says whether latency was within its bound, and not by how much.
    """
    artifact = _named(verdict, ARTIFACT)
    assert artifact is not None, "every verdict holds the artifact"
    sentence = verdict_sentence(
        artifact,
        _named(verdict, TEACHER),
        checks=[_untimed(check) for check in verdict.checks],
        timings=(),
        task=TASKS[verdict.task],
        reasons=verdict.reasons,
    )
    checks = tuple(check for check in verdict.checks if check.tolerance != _TIMED)
    reasons = tuple(replace(reason, rows=(), texts=()) for reason in verdict.reasons)
    return replace(verdict, sentence=sentence, checks=checks, timings=(), reasons=reasons)


def unquoted(verdict: Verdict) -> Verdict:
    """A verdict that quotes none of the user's texts, nor values of the columns that they were sliced by.

    What ships is passed on, and held-out texts, their authors or sources are not meant to be passed on with it.

    Args:
        verdict: Any.
    """
    fidelity = verdict.fidelity
    if fidelity is not None:
        divergence, sliced = fidelity.divergence, fidelity.slices
        if divergence is not None:
            divergence = replace(divergence, furthest=())
        if sliced is not None:
            kept = tuple(one for one in sliced.slices if not one.is_of_column)
            sliced = replace(sliced, slices=kept, sentence=sentence_of(kept)) if kept else None
        fidelity = replace(fidelity, divergence=divergence, slices=sliced)
    return replace(verdict, changed_answers=(), confusions=(), fidelity=fidelity)


def _named(verdict: Verdict, word: str) -> ModelScores | None:
    return next((model for model in verdict.models if model.name.startswith(word)), None)


def _untimed(check: Check) -> Check:
    if check.tolerance != _TIMED:
        return check
    relation = "is within" if check.passed else "is above"
    return replace(check, sentence=f"latency (p50 at batch 1) {relation} the accepted {wording.plain(check.bound)} ms")
