"""A teacher that is several teachers: their probabilities are averaged, each with its weight.

    p = sum of w_i * softmax(logits_i) / sum of w_i

Where labels do not exclude one another, the sigmoid stands for the softmax. Numbers and scores are averaged as they
are, so that weights must bring those of rerankers to one scale. Of vectors, all of one size, directions are averaged.

Each member is asked on its own, and its answers are kept under its own name: another ensemble of the same members asks
nobody again. What one of them does not answer, the ensemble does not answer.

Source: averaged distributions as targets, as in Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limbeck.errors import LabelError, RecipeError, TeacherError
from limbeck.ground import fingerprint
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.records.run import LabellingRecord
from limbeck.tasks.task import AnyLogits
from limbeck.teacher import distributions, given
from limbeck.teacher.answering import Labelled, MadeUpTexts, Teacher, TimedAnswers, key_of_answers
from limbeck.teacher.signals import Signals, SignalStore
from limbeck.text.examples import Examples
from limbeck.text.units import UnitLogits

_WORST_LAST: tuple[MadeUpTexts, ...] = ("answered", "paid", "impossible")


class MemberTable(BaseModel):
    """One `[[member]]` of an ensemble's file; what it does not say, the recipe's table `teacher` does.

    Args:
        source: What names the teacher; a path counts from the folder of the file.
        weight: What its probabilities count for.
        labels: As `teacher.labels`.
        revision: As `teacher.revision`.
        chat: Keys of `teacher.chat`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    weight: float = Field(1.0, gt=0)
    labels: tuple[str, ...] = ()
    revision: str | None = None
    chat: dict[str, Any] = {}

    def recipe(self, recipe: Recipe) -> Recipe:
        """The recipe with what this member says.

        Raises:
            RecipeError: A key of `chat` does not exist, or has an impossible value.
        """
        table = recipe.teacher.model_dump()
        table["chat"] |= self.chat
        table |= {"revision": self.revision or recipe.teacher.revision, "labels": self.labels or recipe.teacher.labels}
        tables = recipe.model_dump() | {"teacher": table}
        return Recipe.from_dict(tables, source=f"The member {self.source}")


@dataclass(frozen=True)
class Ensemble:
    """Several teachers that answer together.

    Args:
        name: The file as it was given, or the names of the members.
        members: The teachers; their classes are the same, in any order.
        weights: What each counts for.
    """

    name: str
    members: tuple[Teacher, ...]
    weights: tuple[float, ...]

    @property
    def told(self) -> Mapping[str, str]:
        """By the names of its members."""
        names = " + ".join(member.told["name"].rsplit("/", 1)[-1] for member in self.members)
        return {"name": names, "fingerprint": self.fingerprint}

    @property
    def fingerprint(self) -> str:
        """Of its members, their weights, and the order of the classes."""
        parts = [f"{member.fingerprint} {weight}" for member, weight in self._weighed()]
        return fingerprint.of_many([*parts, *self.label_names])

    @property
    def task(self) -> str:
        """The one of all its members."""
        return self.members[0].task

    @property
    def label_names(self) -> tuple[str, ...]:
        """The classes in the order of the first member's."""
        return self.members[0].label_names

    @property
    def size_bytes(self) -> int | None:
        """Of all members together; None where one of them has no known size."""
        sizes = [member.size_bytes for member in self.members]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def n_parameters(self) -> int | None:
        """Of all members together; None where one of them tells none."""
        counts = [member.n_parameters for member in self.members]
        return None if None in counts else sum(count for count in counts if count is not None)

    @property
    def made_up(self) -> MadeUpTexts:
        """As with the most reluctant of its members."""
        return max((member.made_up for member in self.members), key=_WORST_LAST.index)

    def prepare(self, wanted: Mapping[str, Examples], root: Path, *, progress: Progress = SILENT) -> None:
        """See `Teacher.prepare`; every member is prepared."""
        for member in self.members:
            member.prepare(wanted, root, progress=progress)

    def label(
        self,
        examples: Examples,
        root: Path,
        *,
        settings: TeacherTable,
        part_name: str,
        judges: bool,
        progress: Progress = SILENT,
    ) -> Labelled:
        """See `Teacher.label`; the average is kept too, so that `verify` finds it without the members."""
        found = [
            member.label(examples, root, settings=settings, part_name=part_name, judges=judges, progress=progress)
            for member in self.members
        ]
        half = any(labelled.store.key.precision != "float32" for labelled in found)
        key = key_of_answers(self.fingerprint, n_classes=len(self.label_names))
        store = SignalStore(root, replace(key, precision="bfloat16") if half else key)
        names = examples.text_fingerprints
        unanswered = {position for labelled in found for position in labelled.store.unanswered(names)}
        fresh = [names[position] for position in store.missing(names) if position not in unanswered]
        if fresh:
            within = dict(zip(names, examples.within, strict=True))
            texts = [within[name] for name in fresh]
            answers = [labelled.store.read(fresh, within=texts).logits for labelled in found]
            store.append(fresh, Signals(self._averaged(answers)))
        n_asked = max(labelled.record.n_asked for labelled in found)
        record = LabellingRecord(
            n_texts=len(examples),
            n_found=len(examples) - n_asked,
            n_asked=n_asked,
            n_truncated=max(labelled.record.n_truncated for labelled in found),
            folder=str(store.folder),
            n_unanswered=len(unanswered),
            notes=tuple(note for labelled in found for note in labelled.record.notes),
        )
        return Labelled(store, record)

    @contextmanager
    def timed(self, threads: int) -> Iterator[TimedAnswers | None]:
        """Within, all members one after the other; None where one of them does not run here."""
        with ExitStack() as stack:
            sides = [stack.enter_context(member.timed(threads)) for member in self.members]
            here = [side for side in sides if side is not None]

            def answer(texts: Sequence[str], text_pairs: Sequence[str] | None) -> AnyLogits:
                return self._averaged([side.logits(texts, text_pairs) for side in here])

            engines = " + ".join(dict.fromkeys(side.engine for side in here))
            yield TimedAnswers(engines, answer) if len(here) == len(sides) else None

    def _averaged(self, answers: Sequence[AnyLogits]) -> AnyLogits:
        """The members' answers, each to its own order of classes -> their average in the order of the first.

        Of texts, (n, classes); or of those words of each text that all members have read.
        """
        if not isinstance(answers[0], UnitLogits):
            return self._average(answers)
        units = min((one.units for one in answers), key=lambda units: len(units.spans.values))
        shared = [one.at(units) for one in answers]
        rows = [one.values for one in shared if one is not None]
        if len(rows) < len(answers):
            raise TeacherError(
                f"The members of {self.name} read other words of these texts than each other.",
                hint="Give members whose length limits are alike.",
            )
        return UnitLogits(self._average(rows), units)

    def _average(self, logits: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
        total = np.zeros((len(logits[0]), len(self.label_names)))
        for (member, weight), rows in zip(self._weighed(), logits, strict=True):
            order = [member.label_names.index(name) for name in self.label_names]
            total += weight * distributions.averaged_as(self.task, rows)[:, order]
        return distributions.logits_of_average(self.task, total / sum(self.weights))

    def _weighed(self) -> Iterator[tuple[Teacher, float]]:
        return zip(self.members, self.weights, strict=True)


def ensemble_of(name: str, members: Sequence[Teacher], weights: Sequence[float]) -> Ensemble:
    """Several teachers as one.

    Raises:
        RecipeError: There is none, or a weight is not above zero.
        LabelError: Two of them know different classes.
        TeacherError: Two of them have different tasks, or one whose answers cannot be averaged.
    """
    if not members or min(weights) <= 0:
        raise RecipeError(
            f"The ensemble {name} has {len(members)} members of the weights {', '.join(map(str, weights)) or 'none'}.",
            hint="Give one member or more, each with a weight above 0.",
        )
    first = members[0]
    for other in members[1:]:
        given.refuse_others(other.task, source=f"The ensemble of {first.name} and {other.name}")
        if other.task != first.task:
            raise TeacherError(
                f"{first.name} and {other.name} cannot answer together: their tasks are {first.task!r} and "
                f"{other.task!r}.",
                hint="Give members of one task.",
            )
        sizes = [len(member.label_names) for member in (first, other)]
        if first.task == "embeddings" and sizes[0] != sizes[1]:
            raise LabelError(
                f"{first.name} and {other.name} cannot answer together: their vectors have {sizes[0]} and {sizes[1]} "
                "numbers.",
                hint="Give members whose vectors are of one size.",
            )
        differing = sorted(set(first.label_names) ^ set(other.label_names))
        if differing:
            raise LabelError(
                f"{first.name} and {other.name} cannot answer together: they differ in the labels "
                f"{', '.join(map(repr, differing[:10]))}.",
                hint="Members must know the same labels, by the same names; their order does not count.",
            )
    return Ensemble(name, tuple(members), tuple(weights))


def read_ensemble(path: Path, *, recipe: Recipe, open_member: Callable[[str | Path, Recipe, int], Teacher]) -> Ensemble:
    """An ensemble from its file.

    Args:
        path: A TOML file with a table `[[member]]` for each member; see `MemberTable`.
        recipe: Its table teacher says what a member does not.
        open_member: Opens a source with a recipe; the last is the member's number.

    Raises:
        RecipeError: The file is not TOML, or says what a member has not.
        LimbeckError: A member cannot be opened.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}", hint="Mend that line; see https://toml.io.") from None
    listed = tables.get("member")
    if set(tables) != {"member"} or not isinstance(listed, list):
        raise RecipeError(
            f"{path} is no ensemble: it holds {', '.join(tables) or 'nothing'}.",
            hint='Give a table [[member]] for each teacher, with source = "..." and weight = 1.0.',
        )
    found, weights = [], []
    for number, table in enumerate(listed):
        try:
            member = MemberTable.model_validate(table)
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            raise RecipeError(
                f"{path}, member {number + 1}: {'; '.join(faults)}.",
                hint=f"A member has the keys {', '.join(MemberTable.model_fields)}.",
            ) from None
        beside = path.parent / member.source
        source = beside if beside.exists() else member.source
        found.append(open_member(source, member.recipe(recipe), number))
        weights.append(member.weight)
    return ensemble_of(str(path), found, weights)
