"""The notation of schemes: what it means, that it comes back the same, and what cannot be written."""

import contextlib
import itertools

import pytest

from limbeck.errors import SchemeError
from limbeck.recipe.scheme import ACTIVATION_BITS, TABLE_BITS, WEIGHT_BITS, Scheme, nearest_scheme, shippable


def test_notation_by_hand() -> None:
    """A failure would give a user other bits than were asked for."""
    assert Scheme.parse("w8a8e8") == Scheme(weight_bits=8, activation_bits=8, table_bits=8)
    assert Scheme.parse("w4a8g32e4") == Scheme(4, 8, 4, group_size=32)
    assert Scheme.parse("w3a16t-asymmetric") == Scheme(3, 16, 32, per_tensor=True, symmetric=False)
    assert Scheme.parse("w8a8e8-static").static
    assert str(Scheme.parse("w32a32e4")) == "w32a32e4"
    assert str(Scheme.parse("w8a8e32")) == "w8a8"


def test_mixed_bits_are_told_and_not_asked_for() -> None:
    """A failure would call mixed bits "int8", or round everything alike where a user copied the word from a report."""
    mixed = Scheme.parse("w8a8e8-mixed")
    assert mixed == Scheme(8, 8, 8, mixed=True)
    assert str(mixed) == mixed.short_name == "w8a8e8-mixed"
    assert Scheme.parse("w8a8e8").short_name == "int8"
    assert mixed.in_words == (
        "8-bit weights, 8-bit activations, 8-bit embedding tables at most, each layer with bits of its own"
    )
    with pytest.raises(SchemeError) as raised:
        shippable("w4a8g32e4-mixed")
    assert str(raised.value) == (
        "The scheme 'w4a8g32e4-mixed' says that each layer has its own bits, but not which.\n"
        'Hint: Give quantize.target_size_mb, which finds them, with the scheme "w4a8g32e4".'
    )


def _every_combination() -> list[tuple[int, int, int, bool, int | None, bool, bool]]:
    granularities: list[tuple[bool, int | None]] = [(False, None), (True, None), (False, 32), (True, 32)]
    found = itertools.product(WEIGHT_BITS, ACTIVATION_BITS, TABLE_BITS, granularities, (True, False), (True, False))
    return [(weight, active, table, *grain, even, still) for weight, active, table, grain, even, still in found]


def test_every_scheme_is_refused_or_comes_back_from_its_notation() -> None:
    """A failure would write a scheme into a manifest that another release reads as another one."""
    valid = []
    for parts in _every_combination():
        with contextlib.suppress(SchemeError):
            valid.append(Scheme(*parts))
    assert [Scheme.parse(str(scheme)) for scheme in valid] == valid
    assert len({str(scheme) for scheme in valid}) == len(valid)
    # 4 kinds of weights x 4 tables x 3 granularities x symmetric or not x (8, 8 static, 16, 32), and 3 of tables alone
    assert len(valid) == 4 * 4 * 3 * 2 * 4 + 3


@pytest.mark.parametrize(
    ("notation", "fault", "nearest"),
    [
        ("w5a8e8", "weights have 2, 3, 4, 8 or 32 bits, not 5", "w4a8e8"),
        ("w8a4", "activations have 8, 16 or 32 bits, not 4", "w8a8"),
        ("w8a8e3", "tables have 2, 4, 8 or 32 bits, not 3", "w8a8e4"),
        ("w4a8g1e4", "a group holds at least 2 inputs", "w4a8g16e4"),
        (
            "w32a8e8",
            "activations are rounded for the sake of integer weights, and weights of 32 bits stay float",
            "w8a8e8",
        ),
        ("w32a32", "it leaves everything as it is", "w8a8e8"),
        (
            "w32a32g32e8",
            "weights of 32 bits stay float, so that they have neither scales nor zero points",
            "w8a32g32e8",
        ),
        ("w4a16-static", "activations of 16 bits are floats, which have no range to fix", "w4a16"),
        ("int8", 'it is not of the form "w8a8e8" or "w4a8g32e4-asymmetric-static"', "w8a8e8"),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest(notation: str, fault: str, nearest: str) -> None:
    """A failure would let a run start that means nothing, or leave its user without a way on."""
    with pytest.raises(SchemeError) as caught:
        Scheme.parse(notation)
    assert str(caught.value) == (
        f"The scheme '{notation}' cannot be: {fault}.\n"
        f'Hint: Nearest is "{nearest}"; docs/reference/schemes.md has the notation.'
    )
    assert str(Scheme.parse(nearest)) == nearest == nearest_scheme(notation)


@pytest.mark.parametrize(
    ("notation", "why", "nearest"),
    [
        ("w4a16e4", "no engine on a CPU multiplies by activations of 16 bits", "w4a32e4"),
        ("w3a8g32e4", "products of blocks take weights of 2, 4 or 8 bits, not 3", "w3a8e4"),
        ("w4a8g48e4", "products of blocks take groups of 16, 32, 64, 128 or 256 inputs", "w4a8g32e4"),
        ("w4a8g512", "products of blocks take groups of 16, 32, 64, 128 or 256 inputs", "w4a8g256"),
        ("w4a8g32e4-static", "products of blocks give each row of activations its own range", "w4a8g32e4"),
        ("w8a8e8-asymmetric", "a code of 8 bits minus its zero point needs 9", "w8a8e8"),
    ],
)
def test_what_no_engine_runs_is_refused_with_the_nearest(notation: str, why: str, nearest: str) -> None:
    """A failure would be found out by the engine, after the training."""
    with pytest.raises(SchemeError) as caught:
        shippable(notation)
    assert str(caught.value) == (
        f"The scheme '{notation}' cannot be shipped: {why}.\n"
        f'Hint: Nearest is "{nearest}"; `limbeck.quantize` takes every scheme.'
    )
    assert str(shippable(nearest)) == nearest
