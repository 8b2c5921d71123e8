"""Every error that limbeck raises on purpose says what to do about it."""

import ast
import inspect
import re
from pathlib import Path

import limbeck
from limbeck import errors

PACKAGE = Path(limbeck.__file__).parent


def _classes() -> dict[str, type[errors.LimbeckError]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in found if issubclass(kind, errors.LimbeckError)}


def test_every_class_of_the_tree_carries_a_hint() -> None:
    """An error without a hint leaves its reader with a fault and no way on."""
    for name, kind in _classes().items():
        one = (
            errors.MissingExtraError("This", extra="train")
            if name == "MissingExtraError"
            else kind("What came.", hint="Do this.")
        )
        assert one.hint
        assert str(one) == f"{one.message}\nHint: {one.hint}"


def test_the_tree_drawn_in_the_docstring_is_the_tree() -> None:
    """A drawing that lags behind sends people to catch a class that is not there."""
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"^    ((?:[|] {2})*)(?:[|`]- )?(\w+Error)\b", line):
            depth = 0 if found.group(2) == "LimbeckError" else 1 + len(found.group(1)) // 3
            path[depth:] = [found.group(2)]
            drawn[found.group(2)] = path[depth - 1] if depth else "Exception"
    assert drawn == {name: kind.__base__.__name__ for name, kind in _classes().items()}  # type: ignore[union-attr]


def test_every_raise_gives_a_hint() -> None:
    """A hint that is forgotten at one `raise` would surface as a TypeError, in front of a user."""
    names = set(_classes()) - {"MissingExtraError"}
    without = [
        f"{path.relative_to(PACKAGE)}:{call.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names
        if not {keyword.arg for keyword in call.keywords} & {"hint", None}  # None: a mapping given with **
    ]
    assert without == []
