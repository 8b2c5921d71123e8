"""What becomes of freed memory where the C library is GNU's: servers give it back, trainings keep it for the next step.

Elsewhere all of this does nothing, but for the kernels that are forgotten. Sources: mallopt(3), malloc_trim(3), and
oneDNN's guide on its primitive cache.
"""

import os
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
_MOST_HELD = 1.5
_STATM = Path("/proc/self/statm")
# Of oneDNN, and of what PyTorch puts around it: how many kernels each remembers, 1024 unless told.
_KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64"}
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

    Steps of ever other sizes leave gaps that nothing fits into. So call what this yields after each step: it gives all
    back once half as much again is held as a step alone was seen to need. And oneDNN makes kernels for each size of
    batch, megabytes that it remembers and that part the heap; from here on it remembers those of a step or two, unless
    it was asked for one before, or the user has set its variables.
    """
    for variable, n in _KERNELS.items():
        os.environ.setdefault(variable, n)
    library = _gnu()
    if library is None or not _STATM.exists():
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
        self._needed = 0
        self._is_first = True

    def bound(self) -> None:
        """After a step: give all back where far more is held than one step needs.

        What is held after the first step since all was given back is what that step needed; the largest of them counts.
        """
        held = _resident_pages()
        if self._is_first:
            self._needed = max(self._needed, held)
        self._is_first = held > _MOST_HELD * self._needed
        if self._is_first:
            self._library.malloc_trim(0)


def _resident_pages() -> int:
    return int(_STATM.read_text(encoding="ascii").split()[1])


@cache
def _gnu() -> Any:  # noqa: ANN401  (ctypes has no type for a library's functions)
    """The C library, if it is GNU's."""
    if sys.platform != "linux":
        return None
    import ctypes

    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
