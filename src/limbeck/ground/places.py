"""Where limbeck keeps what runs share: signals, the demo's teachers, the fastest engines, unfinished benchmarks."""

import os
from pathlib import Path


def home() -> Path:
    """LIMBECK_HOME, or `limbeck` in the user's cache folder."""
    named = os.environ.get("LIMBECK_HOME")
    if named:
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(cache) if cache else Path.home() / ".cache") / "limbeck"


def runtime_files() -> Path | None:
    """LIMBECK_RUNTIME_FILES, the folder of libraries that exported pages run on; None where nobody names one."""
    named = os.environ.get("LIMBECK_RUNTIME_FILES")
    return Path(named).expanduser() if named else None


def signals_root() -> Path:
    """Folder of all signals."""
    return home() / "signals"


def teachers_root() -> Path:
    """Folder of the teachers that the demo taught."""
    return home() / "teachers"


def engines_root() -> Path:
    """Folder of what was measured of engines."""
    return home() / "engines"


def benches_root() -> Path:
    """Folder of what benchmarks that were broken off had timed."""
    return home() / "benches"
