"""The artifacts that are served, by name; and new ones taken in the place of old ones while requests go on.

A new artifact is opened, checked against its manifest, loaded and asked once beside the old one. Only then does the
name mean the new one; what was asked of the old one is answered by the old one, which is let go after. An artifact that
is damaged, or of another task, changes nothing.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.artifact.manifest import MANIFEST_FILE
from limbeck.artifact.sealed import ARTIFACT_FOLDER
from limbeck.errors import ArtifactError, LimbeckError, RecipeError
from limbeck.ground import freed_memory
from limbeck.runtime import Model, load
from limbeck.serve.batcher import Batcher, Bounds
from limbeck.serve.log import Log
from limbeck.serve.metrics import Metrics
from limbeck.serve.refusals import RefusedError, malformed, other_task
from limbeck.serve.settings import Settings
from limbeck.text.batching import served_bounds
from limbeck.text.windows import Reads

if TYPE_CHECKING:
    from limbeck.runtime.asked import Asked
    from limbeck.serve.batcher import Work

_PROBE = "a text"
_FORBIDDEN = frozenset("/?#=")


@dataclass(frozen=True)
class Place:
    """A name, and the folder that is served under it.

    Args:
        name: In one path segment.
        folder: Looked into again at each swap, so that it may be a link.
    """

    name: str
    folder: Path


def places_of(words: Sequence[str]) -> list[Place]:
    """Names and folders, from words such as `runs/a/artifact` or `intents=runs/a/artifact`.

    Without a name it is the folder's own; of a folder called artifact, that of the run around it.

    Raises:
        RecipeError: A name is empty, cannot stand in a path, or is there twice.
    """
    found: list[Place] = []
    for word in words:
        name, equals, path = word.partition("=")
        folder = Path(path if equals else word)
        if not equals:
            whole = folder.absolute()
            name = whole.parent.name if whole.name == ARTIFACT_FOLDER else whole.name
        if not name or not name.isprintable() or _FORBIDDEN & set(name) or name in {one.name for one in found}:
            fault = "a name that is there twice" if name in {one.name for one in found} else "no name for a model"
            raise RecipeError(
                f"{word!r} gives {name!r}, {fault}.", hint="Name them: limbeck serve intents=runs/a/artifact"
            )
        found.append(Place(name, folder))
    return found


class Served:
    """One artifact, loaded, with what waits for it.

    Args:
        place: Where it came from.
        model: The loaded artifact.
        fingerprint: Of its manifest, and so of all its files.
        bounds: Of its batches.
        batcher: What waits for it.
    """

    def __init__(self, place: Place, model: Model, *, fingerprint: str, bounds: Bounds, batcher: Batcher) -> None:
        self.name = place.name
        self.folder = place.folder
        self.model = model
        self.task = model.task.name
        self.fingerprint = fingerprint
        self.bounds = bounds
        self._batcher = batcher
        self._n_users = 0
        self._is_retired = False

    @property
    def is_alive(self) -> bool:
        """Whether it answers."""
        return self._batcher.is_alive

    @property
    def waiting(self) -> tuple[int, int]:
        """Texts and tokens that wait."""
        return self._batcher.waiting

    @contextmanager
    def lent(self) -> Iterator["Served"]:
        """Within, it stays able to answer, whatever takes its place meanwhile; on the loop."""
        self._n_users += 1
        try:
            yield self
        finally:
            self._n_users -= 1
            self._close_when_idle()

    def submit(self, asked: "Asked") -> "Work":
        """See `Batcher.submit`."""
        return self._batcher.submit(asked)

    def drop(self, work: "Work") -> None:
        """See `Batcher.drop`."""
        self._batcher.drop(work)

    def retire(self) -> None:
        """End once nobody uses it any more; on the loop."""
        self._is_retired = True
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self._is_retired and self._n_users == 0:
            self._batcher.close()


class Shelf:
    """All artifacts that are served.

    Args:
        places: At least one.
        settings: Of the server.
        metrics: Who is told of batches and swaps.
        log: Who is told of swaps.
    """

    def __init__(self, places: Sequence[Place], *, settings: Settings, metrics: Metrics, log: Log) -> None:
        self._settings, self._metrics, self._log = settings, metrics, log
        self._places = {place.name: place for place in places}
        self._swapping = asyncio.Lock()
        self._refused: dict[str, str] = {}
        self._served = {name: self._open(place) for name, place in self._places.items()}
        for one in self._served.values():
            metrics.serves(one.name, task=one.task, fingerprint=one.fingerprint)
            metrics.watch_queue(one.name, partial(self._waiting, one.name))

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    @property
    def is_alive(self) -> bool:
        """Whether all of them answer."""
        return all(one.is_alive for one in self._served.values())

    def find(self, name: str | None, tasks: Sequence[str]) -> Served:
        """The one that a request is for.

        Args:
            name: As it was asked for; None where the request names none.
            tasks: Those that the route is about; none for one that is about all.

        Raises:
            RefusedError: There is none of this name or of these tasks, or there are several and none was named.
        """
        if name is not None:
            one = self._served.get(name)
            if one is None:
                names = ", ".join(self._served)
                raise RefusedError(404, f"No model {name!r} is served here, but {names}.", parameter="model")
            if tasks and one.task not in tasks:
                raise other_task(f"The model {name!r} is for {one.task}; this route is for {' and '.join(tasks)}.")
            return one
        fitting = [one for one in self._served.values() if not tasks or one.task in tasks]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(one.name for one in fitting)
            raise malformed(f'Several models could answer: name one of {names} under "model".', parameter="model")
        there = ", ".join(f"{one.name} ({one.task})" for one in self._served.values())
        raise other_task(f"This route is for {' and '.join(tasks)}, and served here are {there}.")

    async def swap(self, *, refuse_absent: bool = True) -> None:
        """Take in every artifact whose folder holds another one than is served; an unusable one changes nothing.

        Args:
            refuse_absent: Whether a folder without a manifest is worth a word; else it is passed over, as it may just
                be between two renames.
        """
        async with self._swapping:
            for name, place in self._places.items():
                old = self._served[name]
                if not refuse_absent and not _fingerprint_of(place.folder):
                    continue
                try:
                    new = await asyncio.to_thread(self._opened_if_new, place, old)
                except LimbeckError as error:
                    self._keep(old, error)
                    continue
                except Exception as error:  # noqa: BLE001  (whatever it is, the others are served on, and watched)
                    self._keep(old, _unforeseen(place, error))
                    continue
                self._refused.pop(name, None)
                if new is not None:
                    self._served[name] = new
                    old.retire()
                    self._metrics.swapped(name, "swapped")
                    self._metrics.serves(name, task=new.task, fingerprint=new.fingerprint)
                    self._log.tell("swapped", model=name, before=old.fingerprint, now=new.fingerprint)

    def _waiting(self, name: str) -> tuple[int, int]:
        return self._served[name].waiting

    def close(self) -> None:
        """Let all of them end; what waits is still computed."""
        for one in self._served.values():
            one.retire()

    def _keep(self, old: Served, error: LimbeckError) -> None:
        if self._refused.get(old.name) != str(error):  # told once, however often the folder is looked at
            self._refused[old.name] = str(error)
            self._metrics.swapped(old.name, "refused")
            self._log.tell("swap refused", level="error", model=old.name, error=error.message, hint=error.hint)

    def _opened_if_new(self, place: Place, old: Served) -> Served | None:
        if _fingerprint_of(place.folder) == old.fingerprint:
            return None
        new = self._open(place)
        if new.task != old.task:
            new.retire()
            raise ArtifactError(
                f"{place.folder} is now for {new.task}, and {place.name} was for {old.task}.",
                hint="Serve it under a name of its own.",
            )
        return new

    def _open(self, place: Place) -> Served:
        fingerprint = _fingerprint_of(place.folder)
        model = load(
            place.folder,
            engine=self._settings.engine,
            threads=self._settings.threads,
            plans_memory=False,
            at_once=self._settings.workers_at_once,
        )
        model.answer(*_probe(model))
        freed_memory.give_back()  # to load a graph takes twice its size
        if fingerprint != _fingerprint_of(place.folder):
            raise ArtifactError(
                f"{place.folder} was changed while it was read.",
                hint="Write a new artifact beside it, then rename: that is one step.",
            )
        batch_tokens, batch_texts = served_bounds(has_layers=model.has_layers)
        bounds = Bounds(
            batch_tokens=self._settings.batch_tokens or batch_tokens,
            batch_texts=self._settings.batch_texts or batch_texts,
            queue_tokens=self._settings.limits.queue_tokens,
            max_wait=self._settings.max_wait_ms / 1000,
        )
        watch = self._metrics.of_model(place.name)
        batcher = Batcher(model, bounds=bounds, workers=self._settings.workers_at_once, watch=watch, name=place.name)
        return Served(place, model, fingerprint=fingerprint, bounds=bounds, batcher=batcher)


def _probe(model: Model) -> tuple[list[str], list[str] | None]:
    """Texts, or pairs of them, that a model can be asked about: two, from which on words are looked up."""
    if model.task.reads is Reads.MASKS:
        return [model.encoder.masking.mask_token] * 2, None
    pairs = model.task.groups_rows or model.task.reads is Reads.CONTEXT
    return [_PROBE] * 2, [_PROBE] * 2 if pairs else None


def _unforeseen(place: Place, error: Exception) -> ArtifactError:
    return ArtifactError(
        f"{place.folder} cannot be served: {error!r}.",
        hint="Write a new artifact beside it, then rename; `limbeck inspect` tells whether it is whole.",
    )


def _fingerprint_of(folder: Path) -> str:
    """SHA-256 of a folder's manifest, which holds those of all its files; empty where there is none to read."""
    try:
        return hashlib.sha256((folder / MANIFEST_FILE).read_bytes()).hexdigest()
    except OSError:
        return ""
