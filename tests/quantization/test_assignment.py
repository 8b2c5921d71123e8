"""Bits within a budget: against brute force on small cases, and against a whole whose size is only known when asked."""

import itertools
import random
from collections.abc import Mapping, Sequence

import pytest

from limbeck.quantization.assignment import Option, fitted_bits, least_error
from limbeck.records.bits import LayerSensitivity


def brute_force(items: Sequence[Sequence[Option]], budget: int) -> tuple[float, int] | None:
    """The least error that the budget allows, and the fewest bytes that have it, by trying everything."""
    sums = [
        (sum(option.error for option in chosen), sum(option.n_bytes for option in chosen))
        for chosen in itertools.product(*items)
    ]
    return min((pair for pair in sums if pair[1] <= budget), default=None)


def test_by_hand() -> None:
    """Budget 10: the first at 6 (error 1) and the second at 4 (error 5) sum to 6; 3 and 7 would be 4 + 3 = 7."""
    items = [[Option(3, 4.0), Option(6, 1.0)], [Option(4, 5.0), Option(7, 3.0)]]
    assert least_error(items, budget=10) == (1, 0)
    assert least_error(items, budget=13) == (1, 1)
    assert least_error(items, budget=7) == (0, 0)
    assert least_error(items, budget=6) is None


def test_equal_errors_take_the_fewest_bytes() -> None:
    """A failure would ship bytes that buy nothing."""
    assert least_error([[Option(2, 1.0), Option(8, 1.0), Option(4, 1.0)]], budget=10) == (0,)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_beats_it(seed: int) -> None:
    """A greedy choice would be beaten in some of these; errors fall with bytes or not, as measured ones do."""
    draw = random.Random(seed)
    items = []
    for _ in range(draw.randint(1, 6)):
        n_bytes = sorted(draw.sample(range(1, 60), k=draw.randint(1, 4)))
        errors = [draw.choice([0.0, 0.125, draw.randint(0, 64) / 16]) for _ in n_bytes]  # exact sums in binary
        if draw.random() < 0.7:
            errors.sort(reverse=True)
        items.append([Option(size, error) for size, error in zip(n_bytes, errors, strict=True)])
    smallest = sum(min(option.n_bytes for option in options) for options in items)
    largest = sum(max(option.n_bytes for option in options) for options in items)
    for budget in {smallest - 1, smallest, largest, *(draw.randint(smallest, largest) for _ in range(8))}:
        chosen = least_error(items, budget=budget)
        wanted = brute_force(items, budget)
        if chosen is None:
            assert wanted is None
            continue
        taken = [options[number] for options, number in zip(items, chosen, strict=True)]
        assert (sum(option.error for option in taken), sum(option.n_bytes for option in taken)) == wanted


def test_a_large_model_takes_no_time() -> None:
    """24 layers of four shapes have 4^97 choices; a failure would not end. Its states are few, as shapes are."""
    draw = random.Random(0)
    items = []
    for size in [3, 1, 4, 4] * 24 + [111]:
        errors = sorted((draw.random() * 4.0**-bits for bits in (2, 3, 4, 8)), reverse=True)
        options = zip((2, 3, 4, 8), errors, strict=True)
        items.append([Option(size * 147_456 * bits // 8 + 1536 * size, error) for bits, error in options])
    whole = [sum(options[number].n_bytes for options in items) for number in (0, 3)]
    budget = sum(whole) // 2
    chosen = least_error(items, budget=budget)
    assert chosen is not None
    assert sum(options[number].n_bytes for options, number in zip(items, chosen, strict=True)) <= budget


def sensitivities(*, seed: int = 0, n_layers: int = 4) -> list[LayerSensitivity]:
    """Queries, keys and values that read the same, another weight, and a table."""
    draw = random.Random(seed)
    weights = [("words", "embedding", "words", 7000, 3.0)]
    for layer in range(n_layers):
        for name, group in (("query", "query"), ("key", "query"), ("value", "query"), ("dense", "dense")):
            weights.append((f"{layer}.{name}", "linear", f"{layer}.{group}", 1000, draw.random()))
    return [
        LayerSensitivity(name, kind, group, bits, size * bits, 0.1, scale * 4.0**-bits, 0.0)
        for name, kind, group, size, scale in weights
        for bits in ((2, 3, 4, 8) if kind == "linear" else (2, 4, 8))
    ]


MOST = {"linear": 8, "embedding": 8}


@pytest.mark.parametrize("seed", range(10))
def test_a_target_is_never_exceeded(seed: int) -> None:
    """What lies around the codes differs from choice to choice; a failure would ship a file above its target."""
    found, draw = sensitivities(seed=seed), random.Random(seed)
    codes = {(one.name, one.bits): one.stored_bytes for one in found}
    wrapping = {key: draw.randint(100, 4000) for key in codes}
    asked: list[int] = []

    def size_of(bits: Mapping[str, int]) -> int:
        asked.append(20_000 + sum(codes[key] + wrapping[key] for key in bits.items()))
        return asked[-1]

    for target in range(90_000, 280_000, 9_000):
        asked.clear()
        fitted = fitted_bits(found, most=MOST, target_bytes=target, size_of=size_of)
        assert len(asked) < 30
        assert fitted.size_bytes == size_of(fitted.bits)
        assert set(fitted.bits) == {one.name for one in found}
        assert fitted.smallest_bytes == size_of({one.name: 2 for one in found})
        if fitted.size_bytes > target:
            assert fitted.smallest_bytes == fitted.size_bytes
            assert set(fitted.bits.values()) == {2}
        for layer in range(4):
            assert len({fitted.bits[f"{layer}.{name}"] for name in ("query", "key", "value")}) == 1
        errors = {(one.name, one.bits): one.logit_error for one in found}
        assert fitted.predicted_error == pytest.approx(sum(errors[key] for key in fitted.bits.items()))


def test_more_room_never_costs() -> None:
    """A failure would answer worse with a larger file."""
    found = sensitivities()
    codes = {(one.name, one.bits): one.stored_bytes for one in found}
    errors = [
        fitted_bits(
            found, most=MOST, target_bytes=target, size_of=lambda bits: sum(codes[key] for key in bits.items())
        ).predicted_error
        for target in range(50_000, 200_000, 5_000)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == pytest.approx(sum(one.logit_error for one in found if one.bits == 8))


def test_the_scheme_bounds_the_bits() -> None:
    """A failure would give 8 bits where a user asked for 4 at most; and fewer than there is room for."""
    codes = {(one.name, one.bits): one.stored_bytes for one in sensitivities()}
    fitted = fitted_bits(
        sensitivities(),
        most={"linear": 4, "embedding": 8},
        target_bytes=10**6,
        size_of=lambda bits: sum(codes[key] for key in bits.items()),
    )
    assert {bits for name, bits in fitted.bits.items() if name != "words"} == {4}
    assert fitted.bits["words"] == 8
