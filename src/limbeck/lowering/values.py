"""What a graph's values are while it is read.

- a constant, see `constants`;
- `Rows`: rows of a constant that ids choose, not looked up yet, as what follows is worked out on the whole table;
- a part of a product of integers (`Rounded`, `RoundedScale`, `Sums`, `Product`), put together when its last is read;
- `Later`: what is known only as the program runs, by the name that its step gives it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from limbeck.artifact.packing import Span
from limbeck.lowering.constants import Array, Coded, Constant


@dataclass(frozen=True)
class Later:
    """Known as the program runs."""

    name: str


@dataclass(frozen=True)
class Rows:
    """Rows of a constant, chosen by ids."""

    table: Constant
    ids: str


@dataclass(frozen=True)
class Rounded:
    """8-bit codes of a value; `span` where its range is fixed."""

    value: str
    span: Span | None = None


@dataclass(frozen=True)
class RoundedScale:
    """The scale of a rounded value, times that of weights."""

    value: str
    factor: Array | None = None


@dataclass(frozen=True)
class Sums:
    """Codes times codes; weights (inputs, outputs)."""

    rounded: Rounded
    weights: Array


@dataclass(frozen=True)
class Product:
    """A linear layer whose bias, if any, is still to come; `make` takes it."""

    value: str
    make: Callable[[Array | None], nn.Module]


Read = Array | Coded | Rows | Rounded | RoundedScale | Sums | Product | Later
"""Any of them."""
