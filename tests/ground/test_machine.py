"""What this machine is, worked out from the files of pretended ones."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from limbeck.ground import machine

XEON = (
    "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Gold\nflags\t\t: fpu avx2 avx512f avx512_vnni amx_int8\n"
    "\nprocessor\t: 1\nmodel name\t: the second\n"
)
GRAVITON = "processor\t: 0\nBogoMIPS\t: 2100\nFeatures\t: fp asimd asimddp i8mm bf16\nCPU part\t: 0xd40\n"


def _write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def _topology(root: Path, cores: list[tuple[int, int]]) -> None:
    for number, (package, core) in enumerate(cores):
        below = f"sys/devices/system/cpu/cpu{number}/topology"
        _write(root, {f"{below}/physical_package_id": f"{package}\n", f"{below}/core_id": f"{core}\n"})


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (XEON, ("avx2", "avx512", "avx512_vnni", "amx_int8")),
        (GRAVITON, ("dotprod", "i8mm", "bf16")),
        ("", ()),
    ],
)
def test_instruction_sets_of_linux(tmp_path: Path, cpuinfo: str, expected: tuple[str, ...]) -> None:
    """A failure would tell a report that int8 was fast, or slow, for the wrong reason."""
    _write(tmp_path, {"proc/cpuinfo": cpuinfo})
    assert machine._known_sets(machine._linux_features(tmp_path)) == expected


def test_instruction_sets_of_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would tell that an M-series processor has no dot product."""
    told = {
        "hw.optional": "hw.optional.floatingpoint: 1\nhw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_I8MM: 1\n"
        "hw.optional.arm.FEAT_BF16: 0\n",
        "machdep.cpu.leaf7_features": "machdep.cpu.leaf7_features: SMEP BMI1 AVX2 AVX512F\n",
    }
    monkeypatch.setattr(machine, "_sysctl", lambda name: told.get(name, ""))
    assert machine._known_sets(machine._macos_features()) == ("avx2", "avx512", "dotprod", "i8mm")


def test_the_name_of_the_processor(tmp_path: Path) -> None:
    """A failure would leave the timings of a report without the processor that they hold for."""
    _write(tmp_path, {"proc/cpuinfo": XEON})
    assert machine._cpuinfo(tmp_path)["model name"] == "Intel(R) Xeon(R) Gold"


def test_two_threads_of_a_core_count_once_and_affinity_holds(tmp_path: Path) -> None:
    """A failure would start more threads than there are cores, which is slower than fewer."""
    _topology(tmp_path, [(0, 0), (0, 1), (0, 0), (0, 1), (1, 0), (1, 0)])  # two packages, three cores of two threads
    assert machine._linux_cores(tmp_path, range(6)) == 3
    assert machine._linux_cores(tmp_path, {0, 2}) == 1
    assert machine._linux_cores(tmp_path, {0, 4, 5}) == 2


def test_without_topology_each_thread_is_a_core(tmp_path: Path) -> None:
    """A failure would find no core at all in a container or on an ARM board that does not tell."""
    assert machine._linux_cores(tmp_path, range(4)) == 4
    assert machine._linux_cores(tmp_path, ()) == 1


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "250000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 1),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "300000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            },
            3,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 4),
        (
            {
                "proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/x\n",
                "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        ({}, 4),
    ],
)
def test_the_quota_of_a_container_holds(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    """A failure would run 64 threads in a container that may use two, and be throttled to a crawl."""
    _write(tmp_path, files)
    assert machine._linux_cores(tmp_path, range(4)) == expected


def test_cores_of_windows_are_counted_from_its_records() -> None:
    """A failure would count caches and memory nodes as cores."""
    kind = np.dtype([("mask", "<u8"), ("relationship", "<u4"), ("padding", "V4"), ("union", "V16")])
    records = np.zeros(6, kind)
    records["relationship"] = [0, 2, 0, 3, 1, 0]  # 0 is a processor core
    assert machine._count_core_records(records.tobytes()) == 3


def test_the_clock_is_the_highest_that_a_core_may_have_or_the_one_it_has(tmp_path: Path) -> None:
    """A failure would tell timings with another clock than they were taken at. By hand."""
    assert machine._clock(tmp_path) == ""
    _write(tmp_path, {"proc/cpuinfo": "processor : 0\ncpu MHz : 2100.000\n"})
    assert machine._clock(tmp_path) == "2.10 GHz"
    _write(tmp_path, {"sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "3800000\n"})
    assert machine._clock(tmp_path) == "3.80 GHz at most"


def test_the_peak_of_memory_is_a_process_own(tmp_path: Path) -> None:
    """A failure would report kilobytes as bytes, or the memory of the process that started this one as its own."""
    assert machine._peak_in("Name:\tpython\nVmHWM:\t   12345 kB\n") == 12345 * 1024
    assert machine._peak_in("Name:\tpython\n") is None
    script = tmp_path / "holds_memory.py"
    lines = [
        "from limbeck.ground.machine import peak_bytes",
        "held = b'x' * 200_000_000",
        "del held",
        "print(peak_bytes())",
    ]
    script.write_text("\n".join(lines))
    held = b"x" * 300_000_000  # here, where the other process starts
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True).stdout
    assert 200e6 < int(told) < 280e6 < len(held)


def test_this_machine_is_described() -> None:
    """A failure would leave the report and the manifest without the machine that they hold for."""
    described = machine.describe()
    assert described["architecture"] == platform.machine().lower()
    assert described["python"] == platform.python_version()
    assert described["numpy"] == np.__version__
    assert int(described["physical cores"]) <= int(described["logical cores"]) <= (os.cpu_count() or 1)
    assert list(described)[:2] == ["processor", "architecture"]
    assert all(isinstance(value, str) and value for value in described.values())
    assert machine.installed_version("no-such-package-as-this") is None


@pytest.mark.parametrize(
    ("sets", "expected"), [(("avx2", "avx512_bf16"), True), (("amx_bf16",), True), (("avx2", "avx512"), False)]
)
def test_bfloat16_is_fast_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, sets: tuple[str, ...], *, expected: bool
) -> None:
    """A failure would train in a precision that this processor only emulates, at half the speed."""
    monkeypatch.setattr(machine, "instruction_sets", lambda: sets)
    assert machine.has_fast_bfloat16() is expected
