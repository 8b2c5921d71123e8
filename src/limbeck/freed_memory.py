"""What becomes of freed memory where the C library is GNU's: servers give it back, trainings keep it for the next step.

Elsewhere all of this does nothing. Source: mallopt(3) and malloc_trim(3).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# Of GNU's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -2, -3, -4, -8
_NEVER = 2**31 - 1
_PADDING = 64 << 20
"""Asked of the system at once, so that it is asked seldom."""
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
def kept() -> Iterator[None]:
    """Within, this process keeps freed memory for what it allocates next; afterwards it gives it back.

    A step of training frees hundreds of megabytes that the next step asks for again. Given back in between, each page
    of them is mapped and zeroed anew: with texts of 384 tokens nearly half of a step (docs/lab-log.md).
    """
    library = _gnu()
    if library is None:
        yield
        return
    for setting, value in {_MMAP_MAX: 0, _TRIM_THRESHOLD: _NEVER, _TOP_PAD: _PADDING}.items():
        library.mallopt(setting, value)
    try:
        yield
    finally:
        for setting, value in _USUAL.items():
            library.mallopt(setting, value)
        library.malloc_trim(0)


@cache
def _gnu() -> Any:  # noqa: ANN401  (ctypes has no type for a library's functions)
    """The C library, if it is GNU's."""
    if sys.platform != "linux":
        return None
    import ctypes

    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
