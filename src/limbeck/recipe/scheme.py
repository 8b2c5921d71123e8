"""How many bits for what: the scheme of a quantized model, its one notation and its one parser.

| part | meaning | left out |
|---|---|---|
| `w8` | bits of the weights: 2, 3, 4, 8, or 32 for weights that stay float | never |
| `a8` | bits of the activations: 8 (integers), 16 or 32 (floats) | never |
| `t`, `g32` | one scale for the whole tensor; one for each group of 32 neighbouring inputs | one for each output |
| `e8` | bits of the embedding tables, one scale for each row: 2, 4, 8 or 32 | tables stay float |
| `-asymmetric` | weights get zero points | codes on both sides of zero |
| `-static` | activations' ranges come from calibration | each batch's own range |
| `-mixed` | each layer has bits of its own, at most these; told of a result, not asked for | all have these |

So `w4a8g32e4` means weights of 4 bits in groups of 32, activations of 8, tables of 4.
"""

import re
from dataclasses import dataclass, replace
from typing import Self

from limbeck.errors import SchemeError

WEIGHT_BITS = (2, 3, 4, 8, 32)
ACTIVATION_BITS = (8, 16, 32)
TABLE_BITS = (2, 4, 8, 32)
FLOAT_BITS = 32
INT8_BITS = 8
USUAL_GROUPS = (16, 32, 64, 128)
USUAL = "w8a8e8"
"""What one gets without asking: as fast as any, a quarter of the size, hardly an answer changed."""
_BLOCK_SIZES = (16, 32, 64, 128, 256)
_BLOCK_BITS = (2, 4, 8)
"""Groups and bits that the engine's product of blocks takes."""

_FORM = re.compile(r"w(\d+)a(\d+)(?:(t)|g(\d+))?(?:e(\d+))?(-asymmetric)?(-static)?(-mixed)?")


@dataclass(frozen=True)
class Scheme:
    """Bits and granularity of a quantized model; `str` gives the notation back.

    Args:
        weight_bits: One of `WEIGHT_BITS`; 32 leaves weights float.
        activation_bits: One of `ACTIVATION_BITS`.
        table_bits: One of `TABLE_BITS`; 32 leaves tables float.
        per_tensor: One scale for a whole weight.
        group_size: Inputs that share a scale; None for all inputs of an output.
        symmetric: Weights without zero points.
        static: Activations' ranges are fixed by calibration.
        mixed: `weight_bits` and `table_bits` are the most that a weight has; each has its own.

    Raises:
        SchemeError: The parts do not make sense together.
    """

    weight_bits: int
    activation_bits: int
    table_bits: int = 32
    per_tensor: bool = False
    group_size: int | None = None
    symmetric: bool = True
    static: bool = False
    mixed: bool = False

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise _refusal(str(self), fault)

    @classmethod
    def parse(cls, notation: str) -> Self:
        """Read the notation.

        Raises:
            SchemeError: It is not one, or means nothing; the nearest valid one is named.
        """
        found = _FORM.fullmatch(notation)
        if found is None:
            raise _refusal(notation, 'it is not of the form "w8a8e8" or "w4a8g32e4-asymmetric-static"')
        weight, activation, tensor, group, table, asymmetric, static, mixed = found.groups()
        return cls(
            weight_bits=int(weight),
            activation_bits=int(activation),
            table_bits=int(table or 32),
            per_tensor=tensor is not None,
            group_size=None if group is None else int(group),
            symmetric=asymmetric is None,
            static=static is not None,
            mixed=mixed is not None,
        )

    def __str__(self) -> str:
        """The shortest notation that means this scheme."""
        granularity = "t" if self.per_tensor else "" if self.group_size is None else f"g{self.group_size}"
        return (
            f"w{self.weight_bits}a{self.activation_bits}{granularity}"
            + ("" if self.table_bits == 32 else f"e{self.table_bits}")
            + ("" if self.symmetric else "-asymmetric")
            + ("-static" if self.static else "")
            + ("-mixed" if self.mixed else "")
        )

    @property
    def short_name(self) -> str:
        """What tables call a model of this scheme: "int8" where weights, activations and tables have 8 bits."""
        is_plain = not self.mixed and self.weight_bits == self.activation_bits == self.table_bits == INT8_BITS
        return "int8" if is_plain else str(self)

    @property
    def in_words(self) -> str:
        """Such as "4-bit weights, 8-bit activations, 4-bit embedding tables"; of mixed bits it names the most."""
        told = {"weights": self.weight_bits, "activations": self.activation_bits, "embedding tables": self.table_bits}
        words = [f"{bits}-bit {what}" if bits < FLOAT_BITS else f"float {what}" for what, bits in told.items()]
        return ", ".join(words) + (" at most, each layer with bits of its own" if self.mixed else "")

    @property
    def quantizes_weights(self) -> bool:
        """Whether weights become integers."""
        return self.weight_bits != 32

    @property
    def quantizes_tables(self) -> bool:
        """Whether embedding tables become integers."""
        return self.table_bits != 32

    @property
    def quantizes_activations(self) -> bool:
        """Whether activations become integers on their way into a layer."""
        return self.activation_bits == 8

    @property
    def is_integer_product(self) -> bool:
        """Whether layers multiply 8-bit codes by 8-bit codes, so that weights must be safe from saturation."""
        return self.quantizes_activations and self.group_size is None

    def nearest_shipped(self) -> tuple[Self, str] | None:
        """Where no engine runs an artifact of this scheme: the nearest that one runs, and why; None where one does."""
        if self.activation_bits == 16:
            return replace(self, activation_bits=32), "no engine on a CPU multiplies by activations of 16 bits"
        if self.group_size is not None and self.weight_bits not in _BLOCK_BITS:
            why = f"products of blocks take weights of 2, 4 or 8 bits, not {self.weight_bits}"
            return replace(self, group_size=None), why
        if self.group_size is not None and self.group_size not in _BLOCK_SIZES:
            near = min(_BLOCK_SIZES, key=lambda size: abs(size - (self.group_size or 0)))
            return replace(self, group_size=near), "products of blocks take groups of 16, 32, 64, 128 or 256 inputs"
        if self.group_size is not None and self.static:
            return replace(self, static=False), "products of blocks give each row of activations its own range"
        if self.weight_bits == 8 and not self.symmetric and self.is_integer_product:
            return replace(self, symmetric=True), "a code of 8 bits minus its zero point needs 9"
        return None

    def _fault(self) -> str | None:
        """What is wrong with it, or None; the first fault of several."""
        is_plain = not self.per_tensor and self.group_size is None and self.symmetric
        rules = (
            *(
                (bits not in known, f"{what} have {', '.join(map(str, known[:-1]))} or {known[-1]} bits, not {bits}")
                for what, bits, known in (
                    ("weights", self.weight_bits, WEIGHT_BITS),
                    ("activations", self.activation_bits, ACTIVATION_BITS),
                    ("tables", self.table_bits, TABLE_BITS),
                )
            ),
            (self.group_size is not None and self.group_size < 2, "a group holds at least 2 inputs"),
            (
                self.per_tensor and self.group_size is not None,
                "one scale for the tensor and one for each group exclude each other",
            ),
            (
                not self.quantizes_weights and not is_plain,
                "weights of 32 bits stay float, so that they have neither scales nor zero points",
            ),
            (
                not self.quantizes_weights and self.activation_bits != 32,
                "activations are rounded for the sake of integer weights, and weights of 32 bits stay float",
            ),
            (
                self.static and not self.quantizes_activations,
                f"activations of {self.activation_bits} bits are floats, which have no range to fix",
            ),
            (not self.quantizes_weights and not self.quantizes_tables, "it leaves everything as it is"),
        )
        return next((fault for is_wrong, fault in rules if is_wrong), None)


def nearest_scheme(notation: str) -> str:
    """The valid notation that is nearest to a wrong one.

    Each number of bits goes to the nearest that exists, the larger of two equally near; parts that contradict the rest
    are left out, weights of 32 bits that should be rounded get 8. What has not even the form becomes `USUAL`.
    """
    found = _FORM.fullmatch(notation)
    if found is None:
        return USUAL
    weight, activation, tensor, group, table, asymmetric, static, _ = found.groups()
    weight_bits, activation_bits = _nearest(int(weight), WEIGHT_BITS), _nearest(int(activation), ACTIVATION_BITS)
    table_bits = _nearest(int(table or 32), TABLE_BITS)
    if weight_bits == 32 and (activation_bits != 32 or tensor or group or asymmetric):
        weight_bits = 8
    if weight_bits == table_bits == 32:
        return USUAL
    fewest_in_group = USUAL_GROUPS[0]
    return str(
        Scheme(
            weight_bits,
            activation_bits,
            table_bits,
            per_tensor=tensor is not None,
            group_size=None if group is None else int(group) if int(group) > 1 else fewest_in_group,
            symmetric=asymmetric is None,
            static=static is not None and activation_bits == 8,
        )
    )


def wanted_scheme(notation: str) -> Scheme:
    """Read the notation of a scheme that somebody asks for.

    Raises:
        SchemeError: It is none, or says that bits are mixed, which is found and not asked for.
    """
    scheme = Scheme.parse(notation)
    if scheme.mixed:
        raise SchemeError(
            f"The scheme '{notation}' says that each layer has its own bits, but not which.",
            hint=f'Give quantize.target_size_mb, which finds them, with the scheme "{replace(scheme, mixed=False)}".',
        )
    return scheme


def shippable(notation: str) -> Scheme:
    """Read the notation of an artifact's scheme.

    Raises:
        SchemeError: `wanted_scheme` refuses it, or no engine runs it; the nearest is named.
    """
    scheme = wanted_scheme(notation)
    nearest = scheme.nearest_shipped()
    if nearest is not None:
        raise SchemeError(
            f"The scheme '{notation}' cannot be shipped: {nearest[1]}.",
            hint=f'Nearest is "{nearest[0]}"; `limbeck.quantize` takes every scheme.',
        )
    return scheme


def _nearest(bits: int, known: tuple[int, ...]) -> int:
    return min(known, key=lambda one: (abs(one - bits), -one))


def _refusal(notation: str, fault: str) -> SchemeError:
    return SchemeError(
        f"The scheme '{notation}' cannot be: {fault}.",
        hint=f'Nearest is "{nearest_scheme(notation)}"; docs/reference/schemes.md has the notation.',
    )
