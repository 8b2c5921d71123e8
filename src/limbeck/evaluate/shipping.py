"""The part of a verdict that ships within the artifact: equal for equal runs, so that equal runs give equal bytes.

Times differ from run to run and from machine to machine; the report and run.json hold them, the artifact does not.
"""

from dataclasses import replace

from limbeck import wording
from limbeck.evaluate.summary import verdict_sentence
from limbeck.records import ARTIFACT, TEACHER, Check, ModelScores, Verdict
from limbeck.tasks import TASKS

_TIMED = "max_latency_ms"


def lasting(verdict: Verdict) -> Verdict:
    """A verdict without any measured time. Whether it passed stays as it was, a bound on latency included.

    Args:
        verdict: As `judge` gives it.

    Returns: The same verdict without timings and without the check of latency; its sentence says whether latency was
        within its bound, and not by how much.
    """
    artifact = _named(verdict, ARTIFACT)
    assert artifact is not None, "every verdict holds the artifact"
    sentence = verdict_sentence(
        artifact,
        _named(verdict, TEACHER),
        checks=[_untimed(check) for check in verdict.checks],
        timings=(),
        task=TASKS[verdict.task],
    )
    checks = tuple(check for check in verdict.checks if check.tolerance != _TIMED)
    return replace(verdict, sentence=sentence, checks=checks, timings=())


def _named(verdict: Verdict, word: str) -> ModelScores | None:
    return next((model for model in verdict.models if model.name.startswith(word)), None)


def _untimed(check: Check) -> Check:
    if check.tolerance != _TIMED:
        return check
    relation = "is within" if check.passed else "is above"
    return replace(check, sentence=f"latency (p50 at batch 1) {relation} the accepted {wording.plain(check.bound)} ms")
