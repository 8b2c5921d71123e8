"""Freed memory goes back to the system, or stays for what is allocated next."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from limbeck.ground import freed_memory

GNU_ONLY = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what is asked of the C library is GNU's")
HELD = """
def held():
    lines = open("/proc/self/status").read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
"""
STEPS = """
import resource
import numpy as np
def faults_of_a_step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        blocks = [np.ones(megabytes << 17) for megabytes in (40, 100, 60)]
        del blocks
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10
"""


def _told(root: Path, *lines: str) -> list[int]:
    script = root / "script.py"
    script.write_text("\n".join(["from limbeck.ground import freed_memory", *lines]))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


@GNU_ONLY
def test_freed_memory_goes_back(tmp_path: Path) -> None:
    """A failure would let a server hold what loading its model took, for as long as it runs."""
    (given_back,) = _told(
        tmp_path,
        HELD,
        "blocks = [b'x' * 8000 for _ in range(25_000)]",
        "del blocks[:-1]  # the last one keeps the heap from shrinking by itself",
        "before = held()",
        "freed_memory.give_back()",
        "print(before - held())",
    )
    assert given_back > 150e6


@GNU_ONLY
def test_a_training_keeps_what_it_freed_and_gives_it_back_in_the_end(tmp_path: Path) -> None:
    """A failure would map and zero the same memory at every step, or hold it for as long as the process lives."""
    usual, kept, held, afterwards, again = _told(
        tmp_path,
        HELD,
        STEPS,
        "print(faults_of_a_step())",
        "before = held()",
        "with freed_memory.kept():",
        "    faults_of_a_step()",
        "    print(faults_of_a_step())",
        "    print(held() - before)",
        "print(held() - before)",
        "print(faults_of_a_step())",
    )
    assert kept < usual / 20
    assert held > 150e6
    assert abs(afterwards) < 20e6
    assert again > usual / 2


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would stop limbeck on a Mac, or where the C library is musl's."""
    monkeypatch.setattr(freed_memory, "_gnu", lambda: None)
    freed_memory.give_back()
    with freed_memory.kept():
        pass


def test_few_kernels_are_remembered_unless_the_user_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would let each new size of a batch add megabytes that nobody gives back, for a thousand sizes."""
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)
    monkeypatch.setenv("LRU_CACHE_CAPACITY", "7")
    with freed_memory.kept():
        assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "64"
        assert os.environ["LRU_CACHE_CAPACITY"] == "7"


@GNU_ONLY
def test_what_is_kept_is_bounded_by_what_steps_need(tmp_path: Path) -> None:
    """A failure would let a long training take all memory there is, in gaps that nothing fits into."""
    before, full, bounded, usual = _told(
        tmp_path,
        HELD,
        "import numpy as np",
        "with freed_memory.kept() as bound:",
        "    for _ in range(30):",
        "        block = np.ones(40 << 17)",
        "        del block",
        "        bound()",
        "    print(held())",
        "    blocks = [np.ones(40 << 17) for _ in range(8)]",
        "    del blocks",
        "    print(held())",
        "    bound()",
        "    print(held())",
        "    for _ in range(30):",
        "        block = np.ones(40 << 17)",
        "        del block",
        "        bound()",
        "    print(held())",
    )
    assert full > before + 200e6
    assert bounded < before
    assert abs(usual - before) < 10e6
