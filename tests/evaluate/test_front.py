"""Which pairs no other one beats: worked out by hand, and held to what a front is."""

import itertools
import random

from limbeck.evaluate import Standing, on_front
from limbeck.evaluate.front import _beats


def test_the_front_by_hand() -> None:
    """A failure would recommend what another pair beats, or hide what none beats."""
    standings = (
        Standing(0.99, 18.0, 1.2),  # the closest
        Standing(0.97, 10.0, 1.2),  # smaller than the first and no slower
        Standing(0.97, 10.0, 1.3),  # as the second, but slower
        Standing(0.90, 9.0, 1.2),  # the smallest
        Standing(0.96, 12.0, 1.2),  # the second is closer and smaller
        Standing(0.80, 19.0, 0.7),  # nothing but the fastest
    )
    assert on_front(standings) == (True, True, False, True, False, True)


def test_equals_do_not_beat_each_other() -> None:
    """A failure would leave nothing on the front where two pairs are alike."""
    assert on_front([Standing(0.9, 10.0, 1.0)] * 2) == (True, True)
    assert on_front([Standing(0.9, 10.0, 1.0)]) == (True,)
    assert on_front([Standing(0.9, 10.0, 1.0)] * 2 + [Standing(0.9, 10.0, 0.9)]) == (False, False, True)


def test_what_a_front_is() -> None:
    """By law: nothing on it beats anything on it, and whatever is off it is beaten by something on it."""
    draw = random.Random(0)
    for _ in range(50):
        standings = [Standing(draw.randint(1, 5), draw.randint(1, 5), draw.randint(1, 5)) for _ in range(9)]
        marks = on_front(standings)
        front = list(itertools.compress(standings, marks))
        assert front
        assert not any(_beats(one, other) for one in front for other in front)
        for one, mark in zip(standings, marks, strict=True):
            assert mark or any(_beats(other, one) for other in front)
