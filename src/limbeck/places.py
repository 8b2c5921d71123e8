"""Where limbeck keeps what runs share: the teacher's signals, and the teachers that the demo taught."""

import os
from pathlib import Path


def home() -> Path:
    """LIMBECK_HOME, or `limbeck` in the user's cache folder."""
    named = os.environ.get("LIMBECK_HOME")
    if named:
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(cache) if cache else Path.home() / ".cache") / "limbeck"


def signals_root() -> Path:
    """Folder of all signals."""
    return home() / "signals"


def teachers_root() -> Path:
    """Folder of the teachers that the demo taught."""
    return home() / "teachers"
