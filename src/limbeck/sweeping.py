"""How few bits, how few layers: every pair of student and scheme made and judged, then timed in turns and compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.ground import extras

extras.need("train", what="Sweeping")

from limbeck import report  # noqa: E402
from limbeck.errors import RecipeError, SchemeError  # noqa: E402
from limbeck.evaluate import Standing, measure_speed, on_front  # noqa: E402
from limbeck.ground import wording  # noqa: E402
from limbeck.ground.files import write_json, written_whole  # noqa: E402
from limbeck.ground.progress import SILENT, Progress  # noqa: E402
from limbeck.pipeline import Run, finished, identity_of, walk  # noqa: E402
from limbeck.quantization import refuse_unfit  # noqa: E402
from limbeck.recipe.knobs import Recipe  # noqa: E402
from limbeck.recipe.scheme import Scheme, shippable  # noqa: E402
from limbeck.recipe.student import StudentTable  # noqa: E402
from limbeck.records.run_folder import SWEEP_KIND, RunFolder, claimed  # noqa: E402
from limbeck.records.sweep import SweepRecord, SweptPair, fidelity_of, pair_name  # noqa: E402
from limbeck.records.verdict import ARTIFACT, TEACHER, ModelScores, Timing  # noqa: E402
from limbeck.tasks import TASKS, Task  # noqa: E402
from limbeck.teacher import TeacherSource  # noqa: E402
from limbeck.walk import shaping  # noqa: E402
from limbeck.walk.starting import Inputs, read_inputs  # noqa: E402

USUAL_SCHEMES = ("w8a8e8", "w4a8e4", "w3a8e4", "w2a8e4")
"""Each smaller than the one before, and all about as fast, as they multiply codes of 8 bits."""
RECORD_FILE, REPORT_FILE = "sweep.json", "sweep.html"


@dataclass(frozen=True)
class Sweep:
    """What a sweep leaves behind.

    Args:
        folder: The sweep's folder; each pair is a run in its subfolder `runs`.
        report: The page for people; sweep.json beside it is for programs.
        record: Every pair with its figures.
    """

    folder: Path
    report: Path
    record: SweepRecord


@dataclass(frozen=True)
class _Pair:
    """A student, a scheme, and the run that came of them."""

    layers: int
    scheme: str
    run: Run

    @property
    def name(self) -> str:
        return pair_name(self.layers, self.scheme)


def sweep(
    teacher_source: TeacherSource,
    data_source: str | Path,
    *,
    out: str | Path,
    schemes: Sequence[str] = USUAL_SCHEMES,
    layers: Sequence[int] | None = None,
    recipe: Recipe | None = None,
    signals: str | Path | None = None,
    progress: Progress = SILENT,
) -> Sweep:
    """Make and judge every pair of student and scheme, and compare them.

    Each pair is a run as `compress` makes it; the teacher answers once, and a student is trained once for all schemes.
    Killed at any point, the same call goes on from there, and so does one that asks for more pairs: a finished pair is
    not made again, but all that are asked for are timed anew, in turns, so that their latencies can be compared.

    Args:
        teacher_source: As for `pipeline.compress`.
        data_source: As for `pipeline.compress`.
        out: Folder of the sweep: new, empty, or of this same sweep.
        schemes: Bits, in their one notation.
        layers: Numbers of layers of the students; None takes the recipe's student.
        recipe: Every other knob; None takes the defaults.
        signals: As for `pipeline.compress`.
        progress: Told what goes on.

    Raises:
        LimbeckError: Whatever is wrong with what was given; nothing that the user had is lost.
    """
    recipe = recipe or Recipe()
    schemes = _checked_schemes(schemes)
    shaping.refuse_contradiction(layers, recipe)
    with claimed(Path(out), kind=SWEEP_KIND) as folder:
        inputs = read_inputs(teacher_source, data_source, recipe=recipe, work=folder.work, progress=progress)
        recipe = recipe.settled(inputs.master.task)
        students = shaping.students(layers, recipe, inputs.origin)
        _refuse_unfit(schemes, inputs)
        folder.settle(identity_of(inputs, recipe) | {"recipe": _lasting(recipe)})
        wanted = [
            (n_layers, scheme, _recipe_of_pair(recipe, table, scheme))
            for n_layers, table in students.items()
            for scheme in schemes
        ]
        pairs = []
        for number, (n_layers, scheme, its_recipe) in enumerate(wanted, start=1):
            progress.say(f"Pair {number} of {len(wanted)}: {pair_name(n_layers, scheme)}")
            run = _made(inputs, folder, n_layers, scheme, its_recipe, signals=signals, progress=progress)
            pairs.append(_Pair(n_layers, scheme, run))
        progress.say(f"Timing {wording.counted(len(pairs), 'artifact')} and the teacher in turns")
        artifacts = {f"{ARTIFACT} ({pair.name})": pair.run.artifact for pair in pairs}
        timings = measure_speed(
            artifacts, inputs.master, inputs.parts.held_out, settings=recipe.verify, progress=progress
        )
        return _tell(pairs, timings, folder)


def _checked_schemes(schemes: Sequence[str]) -> tuple[str, ...]:
    """The schemes in their shortest notation, each once."""
    if not schemes:
        raise RecipeError("The list of schemes is empty.", hint=f"Give some, as in {','.join(USUAL_SCHEMES)}.")
    found: dict[str, None] = {}

    def take(notation: str) -> None:
        found[str(shippable(notation))] = None

    _try_each(schemes, take)
    return tuple(found)


def _refuse_unfit(schemes: Sequence[str], inputs: Inputs) -> None:
    """Refuse schemes that do not fit the students' layers, which are as wide as what they start from."""

    def fit(notation: str) -> None:
        try:
            refuse_unfit(inputs.origin.model, scheme=Scheme.parse(notation))
        except SchemeError as error:
            raise SchemeError(f"The scheme '{notation}' does not fit: {error.message}", hint=error.hint) from None

    _try_each(schemes, fit)


def _try_each(schemes: Sequence[str], check: Callable[[str], None]) -> None:
    """Check every scheme, and tell all that are wrong in one message."""
    faults = []
    for notation in schemes:
        try:
            check(notation)
        except SchemeError as error:
            faults.append(f"{error.message} {error.hint}")
    if faults:
        raise SchemeError(
            f"{wording.counted(len(faults), 'scheme')} of {len(schemes)} cannot be swept:\n"
            + "\n".join(f"  - {fault}" for fault in faults),
            hint="docs/reference/schemes.md has the notation.",
        )


def _recipe_of_pair(recipe: Recipe, table: StudentTable, scheme: str) -> Recipe:
    quantize = recipe.quantize.model_copy(update={"scheme": scheme})
    return recipe.model_copy(update={"student": table, "quantize": quantize})


def _shared(recipe: dict[str, Any]) -> dict[str, Any]:
    """What all pairs share of their recipes."""
    own = {"student": "layers", "quantize": "scheme"}
    return {
        table: {key: value for key, value in values.items() if key != own[table]} if table in own else values
        for table, values in recipe.items()
    }


def _lasting(recipe: Recipe) -> dict[str, Any]:
    """What makes a sweep this sweep: students and bits may be asked for call by call, each in its own way."""
    shared = _shared({name: table for name, table in recipe.told().items() if name != "verify"})
    return {table: values for table, values in shared.items() if table != "quantize"}


def _made(
    inputs: Inputs,
    sweep_folder: RunFolder,
    n_layers: int,
    scheme: str,
    recipe: Recipe,
    *,
    signals: str | Path | None,
    progress: Progress,
) -> Run:
    """The pair's run: read back where it is finished, else made or gone on with."""
    shape = f"{n_layers}-layer{'s' if n_layers > 1 else ''}" if n_layers else recipe.student.kind
    with claimed(sweep_folder.path / "runs" / f"{shape}-{scheme}") as folder:
        run = finished(inputs, folder, recipe=recipe)
        if run is not None:
            progress.say("It stands there already")
            return run
        return walk(
            inputs,
            folder,
            recipe=recipe,
            signals=signals,
            students=sweep_folder.work / shape,
            progress=progress,
        )


def _tell(pairs: Sequence[_Pair], timings: Sequence[Timing], folder: RunFolder) -> Sweep:
    """Write sweep.html and sweep.json."""
    of_pairs, of_teacher = timings[: len(pairs)], next(iter(timings[len(pairs) :]), None)
    first = pairs[0].run.record
    scored = [_scores(pair.run, ARTIFACT) for pair in pairs]
    marks = on_front(
        [
            Standing(fidelity_of(scores).value, scores.known_bytes, float(f"{timing.batch_1.p50_ms:.2g}"))
            for scores, timing in zip(scored, of_pairs, strict=True)
        ]
    )
    swept = tuple(
        SweptPair(
            layers=pair.layers,
            scheme=pair.scheme,
            shipped_scheme=pair.run.record.quantization.scheme,
            folder=pair.run.folder.relative_to(folder.path).as_posix(),
            scores=scores,
            timing=timing,
            checks=pair.run.verdict.checks,
            passed=pair.run.verdict.passed,
            on_front=mark,
        )
        for pair, scores, timing, mark in zip(pairs, scored, of_pairs, marks, strict=True)
    )
    of_the_teacher = _scores(pairs[0].run, TEACHER)
    record = SweepRecord(
        limbeck_version=first.limbeck_version,
        sentence=_sentence(swept, of_the_teacher, TASKS[first.verdict.task]),
        teacher=first.teacher,
        teacher_scores=of_the_teacher,
        teacher_timing=of_teacher,
        data=first.data,
        recipe=_shared(dict(first.recipe)),
        n_held_out=first.verdict.n_held_out,
        task=first.verdict.task,
        pairs=swept,
        machine=first.machine,
    )
    page = folder.path / REPORT_FILE
    with written_whole(page) as temporary:
        temporary.write_text(report.render_sweep(record), encoding="utf-8")
    write_json(folder.path / RECORD_FILE, record.to_json())
    return Sweep(folder.path, page, record)


def _scores(run: Run, name: str) -> ModelScores:
    return next(model for model in run.verdict.models if model.name.startswith(name))


def _sentence(pairs: Sequence[SweptPair], teacher: ModelScores, task: Task) -> str:
    """How many pairs passed, and which of them is the smallest; where none did, which came closest."""
    passed = [pair for pair in pairs if pair.passed]
    told = (
        min(passed, key=lambda pair: pair.scores.known_bytes)
        if passed
        else max(pairs, key=lambda pair: pair.fidelity.value)
    )
    scores, fidelity = told.scores, wording.percent(told.fidelity.value)
    of_its = "answers" if scores.retention is None else task.score.name
    compared = (
        f"with {fidelity} of the teacher's {of_its}"
        if teacher.size_bytes is None
        else f"where the teacher has {wording.size(teacher.size_bytes)}, with {fidelity} of its {of_its}"
    )
    return f"{_opening(len(passed), len(pairs))} {told.name}: {wording.size(scores.size_bytes)} {compared}."


def _opening(n_passed: int, n_pairs: int) -> str:
    if n_pairs == 1:
        return f"The one pair is {'' if n_passed else 'not '}within the tolerances:"
    if n_passed == 0:
        return f"None of {n_pairs} pairs is within the tolerances; the closest is"
    if n_passed == n_pairs:
        return f"All {n_pairs} pairs are within the tolerances; the smallest is"
    if n_passed == 1:
        return f"One of {n_pairs} pairs is within the tolerances:"
    return f"{n_passed} of {n_pairs} pairs are within the tolerances; the smallest of these is"
