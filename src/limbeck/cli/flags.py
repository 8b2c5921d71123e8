"""Recipe keys as flags: `--distill.epochs 3` on the command line wins over the recipe file."""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck.errors import RecipeError
from limbeck.recipe.knobs import Recipe, known_keys, list_keys, with_overrides

COMMAND_LINE = "the command line"
_SIZE_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def recipe_from(path: Path | None, flags: Sequence[str], *, options: Sequence[str] = ()) -> Recipe:
    """The recipe of a command: the file, if any, with the flags on top.

    Args:
        path: A TOML file, or None for the defaults.
        flags: What the command line held besides the command's own options.
        options: The command's own options, for the nearest known one when a flag is misspelt.

    Raises:
        RecipeError: The file or a flag is wrong; all faults in one message.
    """
    overrides = changes_from(flags, options=options)
    if path is not None:
        return Recipe.from_toml(path, overrides=overrides)
    return Recipe.from_dict(with_overrides({}, overrides), source=COMMAND_LINE)


def apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words of a command line that stand alone, and flags with their values: the parser mixes them up.

    It knows no recipe key, so it takes the flag of `verify --verify.threads 1 ARTIFACT` for the artifact.
    """
    alone: list[str] = []
    flags: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--"):
            alone.append(word)
            continue
        flags.append(word)
        if "=" not in word and waiting and not waiting[0].startswith("--"):
            flags.append(waiting.pop(0))
    return alone, flags


def changes_from(flags: Sequence[str], *, options: Sequence[str] = ()) -> dict[str, Any]:
    """Recipe keys and their values, from flags such as `--distill.epochs 3`.

    Args:
        flags: See `recipe_from`.
        options: See `recipe_from`.

    Raises:
        RecipeError: A flag is no recipe key or has no value; all faults in one message.
    """
    settable = [key for key, table in known_keys().items() if table is None]
    listing = list_keys()
    found: dict[str, Any] = {}
    faults: list[str] = []
    waiting = list(flags)
    while waiting:
        flag = waiting.pop(0)
        if not flag.startswith("--"):
            faults.append(f"{flag!r} belongs to no option")
            continue
        name, equals, value = flag[2:].partition("=")
        key = name.replace("-", "_")
        if key not in settable:
            known = [*(f"--{one}" for one in settable), *options]
            faults.append(f"unknown option {flag!r}; did you mean {_nearest(f'--{key}', known)!r}?")
            if waiting and not waiting[0].startswith("--"):
                waiting.pop(0)
            continue
        if not equals:
            if not waiting:
                faults.append(f"{flag!r} has no value")
                break
            value = waiting.pop(0)
        found[key] = _values(value) if key in listing else _value(value)
    if faults:
        raise RecipeError(
            f"The command line has {len(faults)} fault{'s' if len(faults) > 1 else ''}:\n"
            + "\n".join(f"  - {fault}" for fault in faults),
            hint="`limbeck recipe` prints every key; each is also an option, as in --distill.epochs 3.",
        )
    return found


def megabytes(size: str, *, option: str = "--target-size") -> float:
    """A size with its unit, such as "5MB", "800 kB" or "4.8MiB", in units of 10^6 bytes.

    Units are told apart by their letters, not by their case, as long as that is clear.

    Args:
        size: As it was given.
        option: Where it was given.

    Raises:
        RecipeError: It is none, has no unit, or is not above zero.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([A-Za-z]*)\s*", size)
    number, unit = found.groups() if found else ("", "")
    factor = {name.lower(): n_bytes for name, n_bytes in _SIZE_UNITS.items()}.get(unit.lower())
    if found and factor is not None and float(number) > 0:
        return float(number) * factor / 1e6
    if found is None:
        fault = "is not a size"
    elif not unit:
        fault = "has no unit"
    elif factor is None:
        fault = f"has an unknown unit, {unit!r}"
    else:
        fault = "is not above zero"
    raise RecipeError(
        f"{option} is {size!r}, which {fault}.",
        hint=f"Give a number with one of {', '.join(_SIZE_UNITS)}: 5MB are 5,000,000 bytes, 5MiB are 5,242,880.",
    )


def refuse_keys(instead: Mapping[str, str], flags: Sequence[str]) -> None:
    """Refuse recipe keys that a command has an option of its own for.

    Args:
        instead: Recipe key -> the command's option.
        flags: As for `recipe_from`.

    Raises:
        RecipeError: One of them is among the flags; all faults in one message.
    """
    named = {flag[2:].partition("=")[0].replace("-", "_") for flag in flags if flag.startswith("--")}
    faults = [f"--{key} sets one value, {option} several" for key, option in instead.items() if key in named]
    if faults:
        raise RecipeError(
            f"A sweep tries several values, and {'; '.join(faults)}.",
            hint=f"Give {' and '.join(option for key, option in instead.items() if key in named)}.",
        )


def words_from(text: str) -> tuple[str, ...]:
    """The words of an option that takes several, with commas between them."""
    return tuple(word for part in text.split(",") if (word := part.strip()))


def numbers_from(text: str, *, option: str) -> tuple[int, ...]:
    """The whole numbers of an option that takes several.

    Raises:
        RecipeError: Some of them are none; all in one message.
    """
    words = words_from(text)
    faults = [word for word in words if not (word.isascii() and word.isdigit())]
    if faults:
        raise RecipeError(
            f"{option} takes whole numbers with commas between them, not {', '.join(map(repr, faults))}.",
            hint=f"Write {option} 2,3.",
        )
    return tuple(map(int, words))


def size_flag(size: str | None) -> tuple[str, ...]:
    """--target-size as the recipe key that it is."""
    return () if size is None else ("--quantize.target_size_mb", str(megabytes(size)))


def extra_flag(texts: str | None) -> tuple[str, ...]:
    """--extra-texts as the recipe key that it is."""
    return () if texts is None else ("--data.extra_texts", texts)


def margin_flag(margin: float | None) -> tuple[str, ...]:
    """--margin, in points, as the recipe key that it is, a share."""
    return () if margin is None else ("--verify.margin", repr(margin / 100))


def _nearest(name: str, known: Sequence[str]) -> str:
    return difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]


def _value(text: str) -> Any:  # noqa: ANN401  (any TOML value)
    """A flag's value as TOML where it is TOML (3, true, [1, 3]), else as the words it is."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _values(text: str) -> list[Any]:
    """A list in TOML, or plainly with commas: `0,1,5`."""
    whole = _value(text)
    return whole if isinstance(whole, list) else [_value(part.strip()) for part in text.split(",")]
