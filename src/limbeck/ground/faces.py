"""Faces of packages that load nothing until it is asked for: a name is fetched from its file at its first use."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any


def lazy(package: str, names: Sequence[str], files: str) -> Callable[[str], Any]:
    """What a package's `__init__` takes for its `__getattr__`.

    Args:
        package: Its name.
        names: Its `__all__`.
        files: The file of each name, in the same order, with blanks between.

    Returns: A function of a name, which raises AttributeError for one that is not among them.
    """
    places = dict(zip(names, files.split(), strict=True))

    def fetch(name: str) -> Any:  # noqa: ANN401  (whatever the file holds)
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{places[name]}"), name)

    return fetch
