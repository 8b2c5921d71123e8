"""The part of a verdict that ships: nothing in it may differ between equal runs."""

import dataclasses

import held_out
import pytest

from limbeck.evaluate import judge, lasting
from limbeck.recipe.verify import Tolerances
from limbeck.records.speed import Latency
from limbeck.records.verdict import Timing, Verdict


def verdict(latency_ms: float, *, max_latency_ms: float | None, min_agreement: float = 0.5) -> Verdict:
    """The verdict on the six texts by an artifact that answers in `latency_ms`."""
    timings = (Timing("artifact", Latency(latency_ms, 2 * latency_ms, 600), 700.0, 0.1, 2), held_out.timings()[0])
    return judge(
        held_out.artifact(),
        held_out.teacher(),
        examples=held_out.examples(),
        tolerances=Tolerances(min_retention=0.5, min_agreement=min_agreement, max_latency_ms=max_latency_ms),
        others=[held_out.baseline()],
        timings=timings,
    )


@pytest.mark.parametrize("max_latency_ms", [None, 5.0, 2.0])
def test_other_times_same_lasting_verdict(max_latency_ms: float | None) -> None:
    """A time among the figures that ship would give two equal runs different artifacts, byte for byte."""
    one, other = (verdict(time, max_latency_ms=max_latency_ms) for time in (3.0, 3.1))
    assert one != other
    assert lasting(one) == lasting(other)


def test_everything_but_times_stays() -> None:
    """What ships must be the verdict of the run, less the times."""
    whole = verdict(3.0, max_latency_ms=5)
    kept = lasting(whole)
    assert kept == dataclasses.replace(whole, sentence=kept.sentence, checks=whole.checks[:2], timings=())
    assert kept.sentence == whole.sentence.replace(
        ", is 5.0 times smaller and 13 times faster at batch 1.", ", is 5.0 times smaller."
    )


def test_refused_for_latency_stays_refused() -> None:
    """An artifact that was too slow must not ship with a manifest that says it passed."""
    kept = lasting(verdict(3.0, max_latency_ms=2))
    assert not kept.passed
    assert kept.sentence == "The artifact was refused: latency (p50 at batch 1) is above the accepted 2 ms."


def test_held_to_latency_alone_is_not_held_to_nothing() -> None:
    """The sentence must not deny a tolerance that was checked and held."""
    timed = judge(
        held_out.artifact(),
        held_out.teacher(),
        examples=held_out.examples(),
        tolerances=Tolerances(min_retention=None, min_agreement=None, max_latency_ms=5),
        timings=held_out.timings(),
    )
    assert lasting(timed).sentence.startswith("The artifact passed: it answers 66.7 %")
