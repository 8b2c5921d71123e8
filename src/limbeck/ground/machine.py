"""What this machine is: processor, instruction sets, cores, versions. Timings and manifests are told with it.

The runtime asks it for the number of cores before its first answer, so what only `describe` needs is imported there.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

# The name that we give an instruction set -> what Linux calls it on x86 or ARM, and macOS on ARM.
_INSTRUCTION_SETS = {
    "avx2": ("avx2",),
    "avx512": ("avx512f",),
    "avx512_vnni": ("avx512_vnni", "avx512vnni"),
    "avx_vnni": ("avx_vnni",),
    "avx512_bf16": ("avx512_bf16",),
    "amx_int8": ("amx_int8",),
    "amx_bf16": ("amx_bf16",),
    "dotprod": ("asimddp", "feat_dotprod"),
    "i8mm": ("i8mm", "feat_i8mm"),
    "bf16": ("bf16", "feat_bf16"),
}
_LIBRARIES = (
    "numpy",
    "onnxruntime",
    "tokenizers",
    "torch",
    "transformers",
    "accelerate",
    "onnx",
    "safetensors",
)
_ROOT = Path("/")
_SYSCTL = "/usr/sbin/sysctl"


def describe() -> dict[str, str]:
    """This machine in words, in the order to show it: processor, cores, system, then versions of what is installed."""
    import platform

    described = {
        "processor": _processor_name() or "unknown",
        "architecture": platform.machine().lower(),
        "instruction sets": " ".join(instruction_sets()) or "unknown",
        "clock": _clock(_ROOT) or "unknown",
        "physical cores": str(physical_cores()),
        "logical cores": str(logical_cores()),
        "operating system": platform.system(),
        "python": platform.python_version(),
    }
    for library in ("limbeck", *_LIBRARIES):
        version = installed_version(library)
        if version is not None:
            described[library] = version
    return described


def peak_bytes() -> int | None:
    """The largest resident memory that this process has had so far; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Not ru_maxrss: on Linux a child begins with what its parent had before the child's program was loaded.
    return _peak_in((_ROOT / "proc/self/status").read_text(encoding="ascii", errors="replace"))


def _peak_in(status: str) -> int | None:
    """Of the lines of /proc/self/status: "VmHWM:     12345 kB"."""
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return None if line is None else 1024 * int(line.split()[1])


def installed_version(library: str) -> str | None:
    """The installed version of a distribution, without importing it; None when it is not installed."""
    import importlib.metadata

    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def instruction_sets() -> tuple[str, ...]:
    """The instruction sets that decide how fast small integers and short floats are: ``("avx2", "avx512_vnni")``.

    Windows tells of AVX2, AVX-512 and ARM's dot product only; there the absence of a name means nothing.
    """
    if sys.platform == "darwin":
        return _known_sets(_macos_features())
    if sys.platform == "win32":
        return _windows_sets()
    return _known_sets(_linux_features(_ROOT))


def has_fast_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 itself; elsewhere bfloat16 is slower than float32."""
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(instruction_sets())


def physical_cores() -> int:
    """Cores that this process may use, two threads of one core counted once; at least 1.

    Honours the affinity of the process (`taskset`, Slurm) and the CPU quota of its control group (containers), rounded
    down: more threads than the quota would only be throttled.
    """
    if sys.platform == "darwin":
        return max(1, int(_sysctl("hw.physicalcpu").partition(":")[2].strip() or os.cpu_count() or 1))
    if sys.platform == "win32":
        return _windows_cores()
    return _linux_cores(_ROOT, os.sched_getaffinity(0))


def logical_cores() -> int:
    """Hardware threads that this process may use; at least 1."""
    if sys.platform in ("darwin", "win32"):
        return os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def _known_sets(features: Iterable[str]) -> tuple[str, ...]:
    found = set(features)
    return tuple(name for name, spellings in _INSTRUCTION_SETS.items() if not found.isdisjoint(spellings))


def _processor_name() -> str:
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string").partition(":")[2].strip()
    if sys.platform == "win32":
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    return _cpuinfo(_ROOT).get("model name", "")


def _clock(root: Path) -> str:
    """The highest clock that the first core may have, or else the one it has now; empty where nobody tells."""
    try:
        kilohertz = float((root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq").read_text())
        return f"{kilohertz / 1e6:.2f} GHz at most"
    except (OSError, ValueError):
        now = _cpuinfo(root).get("cpu MHz")
        return f"{float(now) / 1e3:.2f} GHz" if now else ""


def _cpuinfo(root: Path) -> dict[str, str]:
    """The first processor's block of /proc/cpuinfo; empty where there is none."""
    try:
        first = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace").strip().split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _linux_features(root: Path) -> list[str]:
    block = _cpuinfo(root)
    return (block.get("flags") or block.get("Features") or "").split()


def _linux_cores(root: Path, allowed: Iterable[int]) -> int:
    cores: set[tuple[str, ...]] = set()
    for number in allowed:
        topology = root / f"sys/devices/system/cpu/cpu{number}/topology"
        try:
            cores.add(tuple((topology / name).read_text().strip() for name in ("physical_package_id", "core_id")))
        except OSError:  # not told on some ARM boards and in some containers
            cores.add((str(number),))
    quota = _cgroup_cores(root)
    return max(1, len(cores) if quota is None else min(len(cores), int(quota)))


def _cgroup_cores(root: Path) -> float | None:
    """The smallest CPU quota, in cores, from this process's control group up to the root; None without one."""
    try:
        memberships = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    quotas: list[float] = []
    for membership in memberships:
        _, controllers, group = membership.split(":", 2)
        if controllers not in ("", "cpu", "cpu,cpuacct", "cpuacct,cpu"):
            continue
        mount = root / "sys/fs/cgroup" / controllers
        inside = mount / group.lstrip("/")
        for folder in (inside, *inside.parents):
            quotas += _quota_in(folder)
            if folder == mount:
                break
    return min(quotas, default=None)


def _quota_in(folder: Path) -> list[float]:
    try:
        if (folder / "cpu.max").exists():  # cgroup v2: "quota period", or "max period"
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
    except OSError:
        return []
    return [] if quota in ("max", "-1") else [int(quota) / int(period)]


def _sysctl(name: str) -> str:
    import subprocess

    command = [_SYSCTL, name]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=5).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _macos_features() -> list[str]:
    """Apple's names: "hw.optional.arm.FEAT_I8MM: 1" lines on ARM, two lists of words on Intel."""
    features = []
    for line in _sysctl("hw.optional").splitlines():
        key, _, value = line.partition(":")
        if value.strip() == "1":
            features.append(key.rpartition(".")[2].lower())
    words = f"{_sysctl('machdep.cpu.features')} {_sysctl('machdep.cpu.leaf7_features')}"
    return features + words.lower().split()


def _windows_sets() -> tuple[str, ...]:
    import ctypes

    # Numbers of IsProcessorFeaturePresent in winnt.h.
    numbers = {"avx2": 40, "avx512": 41, "dotprod": 43}
    present = ctypes.windll.kernel32.IsProcessorFeaturePresent  # type: ignore[attr-defined, unused-ignore]
    return tuple(name for name, number in numbers.items() if present(number))


def _windows_cores() -> int:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined, unused-ignore]
    length = ctypes.c_ulong(0)
    kernel.GetLogicalProcessorInformation(None, ctypes.byref(length))
    buffer = ctypes.create_string_buffer(length.value)
    if not kernel.GetLogicalProcessorInformation(buffer, ctypes.byref(length)):
        return os.cpu_count() or 1
    return _count_core_records(buffer.raw) or os.cpu_count() or 1


def _count_core_records(content: bytes) -> int:
    """Cores among SYSTEM_LOGICAL_PROCESSOR_INFORMATION records of 64-bit Windows.

    32 bytes each: affinity mask (8), relationship (4; 0 is "processor core"), padding (4), union (16).
    """
    return sum(content[at + 8 : at + 12] == bytes(4) for at in range(0, len(content), 32))
