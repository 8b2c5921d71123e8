"""Streaming histograms: no count is lost, whatever comes in whatever order."""

import json
import math

import numpy as np
import pytest
import torch

from limbeck.errors import CalibrationError
from limbeck.quantization.histogram import MOST_BINS, Histogram


def streamed(batches: list[torch.Tensor]) -> Histogram:
    """One histogram that saw the batches in turn."""
    seen = Histogram.empty()
    for batch in batches:
        seen = seen.merged(Histogram.of(batch))
    return seen


def assert_same(one: Histogram, other: Histogram) -> None:
    """Equal in every part, to the last count."""
    assert one.to_plain() == other.to_plain()


def values_of(kind: str) -> torch.Tensor:
    """(n,) values that strain the bins in different ways."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(5000, generator=generator)
    return {
        "normal": normal,
        "one outlier": torch.cat([normal, torch.tensor([26.0])]),
        "growing": normal * torch.logspace(-6, 6, 5000),
        "positive": normal.abs(),
        "negative": -normal.abs() - 1,
        "far from zero": normal * 1e-3 + 1e4,
        "zeros": torch.zeros(50),
        "one value": torch.full((50,), -0.1),
        "tiny": normal * 1e-40,
        "huge": normal * 1e37,
    }[kind]


KINDS = [
    "normal",
    "one outlier",
    "growing",
    "positive",
    "negative",
    "far from zero",
    "zeros",
    "one value",
    "tiny",
    "huge",
]


def test_widening_by_hand() -> None:
    """Merged bins that lose or shift a count would move every range."""
    # 0, 0.5, 3 and -1 span 4; bins 2^-10 wide would be 4097 (from -1024 to 3072): one too many, so they are 2^-9 wide,
    # and the values fall into bins 0, 256, 1536 and -512.
    small = Histogram.of(torch.tensor([0.0, 0.5, 3.0, -1.0]))
    assert (small.exponent, small.first_bin, len(small.counts)) == (-9, -512, 2049)
    assert np.flatnonzero(small.counts).tolist() == [0, 512, 768, 2048]
    # 100 asks for 101 / 4096 rounded up to 2^-5: bins -32 .. 3200, and 0.5 in bin 16, 3 in bin 96.
    wide = small.merged(Histogram.of(torch.tensor([100.0])))
    assert (wide.exponent, wide.first_bin, len(wide.counts)) == (-5, -32, 3233)
    assert (np.flatnonzero(wide.counts) + wide.first_bin).tolist() == [-32, 0, 16, 96, 3200]
    assert (wide.minimum, wide.maximum, wide.width) == (-1.0, 100.0, 1 / 32)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_histogram_that_numpy_counts(kind: str) -> None:
    """A value in a neighbouring bin is an error of a bin's width; a value in none is lost."""
    values = values_of(kind)
    seen = Histogram.of(values)
    assert len(seen.counts) <= MOST_BINS
    edges = (np.arange(len(seen.counts) + 1) + seen.first_bin) * seen.width
    # numpy closes its last bin on the right; one more edge keeps it from taking what belongs to the next.
    expected, _ = np.histogram(values.double().numpy(), np.append(edges, np.inf))
    np.testing.assert_array_equal(seen.counts, expected[:-1])
    assert (seen.n_values, expected[-1]) == (len(values), 0)
    assert (seen.minimum, seen.maximum) == (float(values.min()), float(values.max()))


@pytest.mark.parametrize("kind", KINDS)
def test_order_batches_and_machines_do_not_count(kind: str) -> None:
    """Else the same calibration texts would give two models on two machines, or sorted by length."""
    values = values_of(kind)
    whole = Histogram.of(values)
    generator = torch.Generator().manual_seed(1)
    for size in (7, 640):
        shuffled = values[torch.randperm(len(values), generator=generator)]
        batches = list(shuffled.split(size))
        assert_same(streamed(batches), whole)
        left, right = streamed(batches[::2]), streamed(batches[1::2])
        assert_same(left.merged(right), whole)
        assert_same(right.merged(left), whole)


def test_bins_stay_fine_and_few() -> None:
    """Few bins would blur the ranges; many would fill the memory."""
    for kind in ("normal", "one outlier", "growing", "positive", "negative", "huge"):
        assert MOST_BINS // 2 <= len(Histogram.of(values_of(kind)).counts) <= MOST_BINS
    assert Histogram.of(values_of("huge")).nbytes <= 8 * MOST_BINS


def test_half_precision_is_counted_as_it_is() -> None:
    """Activations in bfloat16 that were rounded once more would fall into other bins."""
    values = values_of("normal").bfloat16()
    assert_same(Histogram.of(values.reshape(50, 100)), Histogram.of(values.float()))


def test_empty_is_neutral() -> None:
    """A batch of nothing but padding must change nothing."""
    seen = Histogram.of(values_of("normal"))
    nothing = Histogram.of(torch.zeros(0, 8))
    assert nothing.n_values == 0
    assert_same(nothing.merged(seen), seen)
    assert_same(seen.merged(nothing), seen)
    assert_same(Histogram.from_plain(json.loads(json.dumps(nothing.to_plain()))), nothing)


@pytest.mark.parametrize("kind", KINDS)
def test_it_survives_json(kind: str) -> None:
    """What one machine counted must reach another one whole."""
    seen = Histogram.of(values_of(kind))
    assert_same(Histogram.from_plain(json.loads(json.dumps(seen.to_plain(), allow_nan=False))), seen)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("exponent", -20),
        ("first_bin", 3),
        ("counts", [1, 2]),
        ("counts", "many"),
        ("minimum", -9.0),
        ("maximum", math.nan),
        ("maximum", math.inf),
        ("minimum", None),
    ],
)
def test_a_changed_file_is_refused(part: str, value: object) -> None:
    """A histogram whose parts contradict one another would give a range that no data asked for."""
    plain = Histogram.of(torch.tensor([0.0, 1.0, 3.0])).to_plain() | {part: value}
    with pytest.raises(CalibrationError, match=r"Expected a histogram with exponent, first_bin, counts, minimum and"):
        Histogram.from_plain(plain)


def test_the_refusal_in_full() -> None:
    """A message that does not show what came leaves its reader to guess which file was meant."""
    with pytest.raises(CalibrationError) as caught:
        Histogram.from_plain({"counts": [1]})
    assert str(caught.value) == (
        "Expected a histogram with exponent, first_bin, counts, minimum and maximum that fit together, came "
        "{'counts': [1]}.\nHint: Calibrate again; a histogram cannot be edited by hand."
    )
