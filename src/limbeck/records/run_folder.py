"""The folder of a run: claimed before anything is written, never another run's, each finished stage kept in it.

<out>/limbeck-run.json   what this run is made of; a folder without it is not ours to write in
<out>/artifact/          the folder that ships
<out>/report.html, run.json, recipe.toml
<out>/held_out/          the texts that decided, what they are sliced by, and the teacher's answers to them, also in
                         other spellings: the verdict can be worked out again
<out>/work/              finished stages and checkpoints, from which a killed run goes on
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError, OutputError
from limbeck.ground import files

MARKER_FILE = "limbeck-run.json"
KIND, SWEEP_KIND = "limbeck run", "limbeck sweep"
HELD_OUT_FOLDER, TEXTS_FILE = "held_out", "texts.arrow"
_SECONDS_FILE = "seconds.json"
_LOCK_FILE = ".lock"


@dataclass(frozen=True)
class RunFolder:
    """A claimed folder.

    Args:
        path: Where it is.
        kind: What it holds, as its marker says: `KIND` or `SWEEP_KIND`.
    """

    path: Path
    kind: str = KIND

    @property
    def work(self) -> Path:
        """Where finished stages and checkpoints lie."""
        return self.path / "work"

    @property
    def artifact(self) -> Path:
        """Where the artifact goes."""
        return self.path / "artifact"

    @property
    def held_out(self) -> Path:
        """Where the held-out texts go, with the teacher's answers to them."""
        return self.path / HELD_OUT_FOLDER

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; its wall-clock seconds are kept when it ends well."""
        start = time.monotonic()
        yield
        files.write_json(self.work / _SECONDS_FILE, {**self.seconds(), name: round(time.monotonic() - start, 1)})

    def seconds(self) -> dict[str, float]:
        """Stage -> seconds in the process that finished it."""
        path = self.work / _SECONDS_FILE
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    @property
    def is_settled(self) -> bool:
        """Whether it is written down what this run is made of."""
        return bool(set(self._marked()) - {"kind"})

    def settle(self, identity: Mapping[str, Any]) -> None:
        """Write what this run is made of, or check that it is still the same run.

        Args:
            identity: JSON values by name: fingerprints and the recipe.

        Raises:
            OutputError: The folder holds the run of another teacher, other data or another recipe.
        """
        marker = self.path / MARKER_FILE
        if not self.is_settled:
            files.write_json(marker, {"kind": self.kind, **identity})
            return
        before = self._marked()
        changes = [change for name, value in identity.items() for change in _changes(name, before.get(name), value)]
        if changes:
            raise OutputError(
                f"{self.path} holds another run; since then have changed: {'; '.join(changes)}.",
                hint="Give another --out folder: a finished run is never overwritten.",
            )

    def refuse_other_kind(self) -> None:
        """Check that the marker tells of the kind that is wanted.

        Raises:
            OutputError: It tells of another, or nothing that limbeck wrote.
        """
        found = self._marked().get("kind", KIND)
        if found != self.kind:
            raise OutputError(f"{self.path} holds a {found}, not a {self.kind}.", hint="Give another --out folder.")

    def _marked(self) -> dict[str, Any]:
        marker = self.path / MARKER_FILE
        try:
            found: dict[str, Any] = json.loads(marker.read_text(encoding="utf-8"))
        except ValueError as error:
            raise OutputError(
                f"{marker} is not what limbeck wrote ({error}).", hint="Give another --out folder."
            ) from None
        return found


@contextmanager
def claimed(path: Path, *, kind: str = KIND) -> Iterator[RunFolder]:
    """Claim a folder for a run or a sweep, new or going on, and keep other processes out of it meanwhile.

    Args:
        path: The folder.
        kind: What it is to hold: `KIND` or `SWEEP_KIND`.

    Raises:
        OutputError: It holds something else, or another process works in it, or it cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is a file, not a folder.", hint="Give another --out folder.")
    found = sorted(entry.name for entry in path.iterdir() if not files.is_leftover(entry)) if path.exists() else []
    if found and MARKER_FILE not in found:
        raise OutputError(
            f"{path} holds something else ({', '.join(found[:3])}{', …' if len(found) > 3 else ''}).",
            hint="Give an --out folder that is new, empty, or of an earlier run.",
        )
    folder = RunFolder(path, kind)
    if MARKER_FILE in found:
        folder.refuse_other_kind()
    is_new = not path.exists()
    with files.disk_faults_told(path):
        if MARKER_FILE not in found:
            files.write_json(path / MARKER_FILE, {"kind": kind})
        folder.work.mkdir(exist_ok=True)
        with (folder.work / _LOCK_FILE).open("w") as lock:
            files.lock(lock, busy=path)
            for leftover in files.leftovers(path):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)
            try:
                yield folder
            except LimbeckError:
                if not folder.is_settled:
                    _unclaim(folder, is_new=is_new)
                raise


def _unclaim(folder: RunFolder, *, is_new: bool) -> None:
    """Take away what was put into a folder for a run that never came to be, as its input was refused."""
    shutil.rmtree(folder.work, ignore_errors=True)
    (folder.path / MARKER_FILE).unlink(missing_ok=True)
    if is_new:
        shutil.rmtree(folder.path, ignore_errors=True)


def _changes(name: str, before: Any, now: Any) -> list[str]:  # noqa: ANN401  (JSON values)
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted({*before, *now})
        return [change for key in names for change in _changes(f"{name}.{key}", before.get(key), now.get(key))]
    return [] if before == now else [f"{name} ({_short(before)} -> {_short(now)})"]


def _short(value: Any) -> str:  # noqa: ANN401  (JSON values)
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
