"""What becomes of freed memory where the C library is GNU's: servers give it back, trainings keep it for the next step.

Elsewhere all of this does nothing. Source: mallopt(3) and malloc_trim(3).
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

# Of GNU's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -2, -3, -4, -8
_NEVER = 2**31 - 1
_PADDING = 64 << 20
"""Asked of the system at once, so that it is asked seldom."""
_STEPS_TO_LEARN = 20
_MOST_HELD = 1.25
# Where the library itself ends up once blocks of this size were freed: mallopt(3), under M_MMAP_THRESHOLD.
_USUAL = {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20, _TOP_PAD: 128 << 10}


def give_back() -> None:
    """Let this process give freed memory back, now and later.

    One heap for all threads, not one each, is asked for as well; it counts for threads that have not started yet.
    """
    library = _gnu()
    if library is not None:
        library.mallopt(_ARENA_MAX, 1)
        library.malloc_trim(0)


@contextmanager
def kept() -> Iterator[Callable[[], None]]:
    """Within, this process keeps freed memory for what it allocates next; afterwards it gives it back.

    A step of training frees hundreds of megabytes that the next step asks for again. Given back in between, each page
    of them is mapped and zeroed anew: with texts of 384 tokens nearly half of a step (docs/lab-log.md).

    Steps of ever other sizes leave gaps that nothing fits into, and what is kept would grow without end. So call what
    this yields after each step: it gives all back once a quarter more is held than the first steps needed.
    """
    library = _gnu()
    if library is None:
        yield lambda: None
        return
    for setting, value in {_MMAP_MAX: 0, _TRIM_THRESHOLD: _NEVER, _TOP_PAD: _PADDING}.items():
        library.mallopt(setting, value)
    held = _Held(library)
    try:
        yield held.bound
    finally:
        for setting, value in _USUAL.items():
            library.mallopt(setting, value)
        library.malloc_trim(0)


class _Held:
    """What this process holds, bounded by what it was seen to need.

    Args:
        library: The C library.
    """

    def __init__(self, library: Any) -> None:  # noqa: ANN401  (as below)
        self._library = library
        self._n_steps = self._needed = 0

    def bound(self) -> None:
        """After a step: give all back, and look anew at what is needed, where far more is held."""
        held = _resident_pages()
        if self._n_steps < _STEPS_TO_LEARN:
            self._needed = max(self._needed, held)
        elif held > _MOST_HELD * self._needed:
            self._library.malloc_trim(0)
            self._n_steps = self._needed = 0
            return
        self._n_steps += 1


def _resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])


@cache
def _gnu() -> Any:  # noqa: ANN401  (ctypes has no type for a library's functions)
    """The C library, if it is GNU's."""
    if sys.platform != "linux":
        return None
    import ctypes

    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
