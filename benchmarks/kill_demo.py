"""Does a killed demo end as an undisturbed one? kill -9 at random moments, then the same command until it is done.

    python benchmarks/kill_demo.py --out runs/killed [--kills 10] [--seed 0] [--share-caches]

One undisturbed `limbeck demo` gives the artifact to compare with, file by file; then a second demo, with caches of its
own, is killed `--kills` times, each at a moment drawn between 2 seconds and a fifth of the undisturbed time after its
start, and at last finished. With --share-caches it finds the teacher of the undisturbed one, and the kills fall into
distillation, baseline, export and verification. An undisturbed demo that is there already is not run again.
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

LIMBECK = str(Path(sys.executable).with_name("limbeck"))


def main() -> None:
    """Run both demos and compare their artifacts; exit code 1 when a byte differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share-caches", action="store_true", help="the killed demo starts with a taught teacher")
    options, flags = parser.parse_known_args()
    options.out.mkdir(parents=True, exist_ok=True)
    whole, killed = options.out / "undisturbed", options.out / f"killed-{options.seed}"
    seconds = options.out / "undisturbed-seconds"
    if not seconds.exists():
        start = time.monotonic()
        _start(whole, whole / "home", flags).wait()
        seconds.write_text(str(time.monotonic() - start), encoding="utf-8")
    usual = float(seconds.read_text(encoding="utf-8"))
    print(f"undisturbed: {usual:.0f} s", flush=True)
    home = (whole if options.share_caches else killed) / "home"
    draw = random.Random(options.seed)
    for number in range(options.kills):
        process = _start(killed, home, flags)
        wait = draw.uniform(2, 2 + usual / 5)
        try:
            code = process.wait(timeout=wait)
            print(f"kill {number + 1}: it had ended with {code} before {wait:.1f} s", flush=True)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            print(f"kill {number + 1}: after {wait:.1f} s", flush=True)
    code = _start(killed, home, flags).wait()
    print(f"finished with {code}", flush=True)
    first, second = (_hashes(folder / "run" / "artifact") for folder in (whole, killed))
    differing = sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
    print(f"{len(first)} files; differing: {', '.join(differing) or 'none'}")
    sys.exit(bool(differing))


def _start(folder: Path, home: Path, flags: list[str]) -> subprocess.Popen[bytes]:
    """A demo in a folder of its own, with its caches in `home`, in a process group of its own."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [LIMBECK, "demo", "--out", str(folder / "run"), *flags],
            env={**os.environ, "LIMBECK_HOME": str(home)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    main()
