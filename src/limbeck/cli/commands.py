"""The commands: each reads its options, calls one function of the package, and says what came of it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from limbeck.cli.machine_words import print_json
from limbeck.cli.options import AsJson, Engine, Signals

_Teacher = Annotated[
    str,
    typer.Option("--teacher", help="Model folder, hub id, ONNX, artifact, answers, http address, ensemble."),
]
_Data = Annotated[str, typer.Option("--data", help="File, folder with train/validation/test files, or hub data set.")]
_Out = Annotated[Path, typer.Option("--out", help="Folder of the run: new, empty, or of this same run.")]
_RecipeFile = Annotated[Path | None, typer.Option("--recipe", help="Recipe file (TOML); `limbeck recipe` prints one.")]
_ExtraTexts = Annotated[
    str | None, typer.Option("--extra-texts", help="More texts to learn from; the teacher's answers are their labels.")
]
_TargetSize = Annotated[
    str | None, typer.Option("--target-size", help="As in 5MB: every layer gets bits of its own to fit it.")
]


def demo(
    context: typer.Context,
    out: _Out = Path("limbeck-demo"),
    as_json: AsJson = False,
) -> None:
    """Run the whole walk on the bundled example: teach, distil, quantize, verify, report.

    The example is Pocket: 1,728 utterances to a phone assistant, 24 intents. Any recipe key is an option too.

    [bold]Example:[/bold] limbeck demo
    ...
    Artifact: limbeck-demo/artifact
    Report:   limbeck-demo/report.html
    """
    from limbeck.cli import console
    from limbeck.cli.demo import run_demo

    progress = console.ConsoleProgress()
    progress.say("limbeck demo: teach, distil, quantize and verify a model on Pocket, 24 intents of a phone assistant")
    console.silence_libraries()
    _finish(run_demo(out, flags=context.args, progress=progress), as_json=as_json)


def teach(
    context: typer.Context,
    encoder: Annotated[str, typer.Option("--encoder", help="Folder or hub id of a pretrained encoder.")],
    data: _Data,
    out: _Out,
    recipe: _RecipeFile = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a pretrained encoder on labelled texts, for those who have no teacher yet.

    Any recipe key is an option too, as in --teach.epochs 5. With --task fill-mask it learns to fill masks, from texts
    without labels. The teacher is the folder OUT/teacher.

    [bold]Example:[/bold] limbeck teach --encoder my-encoder --data texts.jsonl --out runs/t
    ...
    Taught: runs/t/teacher, accuracy on validation texts 75.0 %
    """
    from limbeck.cli import console
    from limbeck.cli.flags import recipe_from

    console.silence_libraries()
    settings = recipe_from(recipe, context.args, options=("--encoder", "--data", "--out", "--recipe", "--json"))
    progress = console.ConsoleProgress()
    progress.say("Loading")
    from limbeck.ground import wording
    from limbeck.teaching import teach as teach_it

    taught = teach_it(encoder, data, out=out, recipe=settings, progress=progress)
    if as_json:
        print_json({"teacher": str(taught.folder), "validation_score": taught.validation_score})
    score = wording.percent(taught.validation_score)
    progress.say(f"Taught: {taught.folder}, {taught.task.score.name} on validation texts {score}")


def compress(
    context: typer.Context,
    teacher: _Teacher,
    data: _Data,
    out: _Out,
    recipe: _RecipeFile = None,
    signals: Signals = None,
    target_size: _TargetSize = None,
    extra_texts: _ExtraTexts = None,
    as_json: AsJson = False,
) -> None:
    """Make the small model that answers as the teacher does, with the proof.

    Any recipe key is an option too, as in --student.layers 2. Killed at any point, the same command goes on from there.
    Exit code 0 when the artifact passed, 1 when it was refused, 2 for bad input.

    [bold]Example:[/bold] limbeck compress --teacher my-teacher --data texts.jsonl --out runs/a
    ...
    held   agreement 94.2 % is at least the accepted 90 %
    Artifact: runs/a/artifact
    Report:   runs/a/report.html
    """
    from limbeck.cli import console
    from limbeck.cli.flags import extra_flag, recipe_from, size_flag

    console.silence_libraries()
    options = ("--teacher", "--data", "--out", "--recipe", "--signals", "--target-size", "--extra-texts", "--json")
    settings = recipe_from(recipe, [*context.args, *size_flag(target_size), *extra_flag(extra_texts)], options=options)
    progress = console.ConsoleProgress()
    progress.say("Loading")
    from limbeck.pipeline import compress as compress_it

    _finish(compress_it(teacher, data, out=out, recipe=settings, signals=signals, progress=progress), as_json=as_json)


def plan(
    context: typer.Context,
    teacher: _Teacher,
    data: _Data,
    layers: Annotated[
        str | None,
        typer.Option("--layers", help="Layers of students to weigh, as in 2,3. Default: all, or some of many."),
    ] = None,
    recipe: _RecipeFile = None,
    signals: Signals = None,
    target_size: _TargetSize = None,
    extra_texts: _ExtraTexts = None,
    as_json: AsJson = False,
) -> None:
    """Say before any training what each student would weigh, and what the run will take in time and disk.

    Any recipe key is an option too, as for compress, and what compress would refuse is refused. A few real batches are
    timed; nothing is written. Exit code 0, 2 for bad input.

    [bold]Example:[/bold] limbeck plan --teacher my-teacher --data texts.jsonl
    ...
    A student of 2 layers: 25,154 parameters
    """
    from limbeck.cli import console
    from limbeck.cli.flags import extra_flag, numbers_from, recipe_from, size_flag
    from limbeck.cli.plan_tables import print_plan

    console.silence_libraries()
    options = ("--teacher", "--data", "--layers", "--recipe", "--signals", "--target-size", "--extra-texts", "--json")
    settings = recipe_from(recipe, [*context.args, *size_flag(target_size), *extra_flag(extra_texts)], options=options)
    n_layers = None if layers is None else numbers_from(layers, option="--layers")
    progress = console.ConsoleProgress()
    progress.say("Loading")
    from limbeck.planning import plan as plan_it

    found = plan_it(teacher, data, recipe=settings, signals=signals, layers=n_layers, progress=progress)
    print_plan(found)
    if as_json:
        print_json(found.to_json())


def sweep(
    context: typer.Context,
    teacher: _Teacher,
    data: _Data,
    out: _Out,
    schemes: Annotated[
        str | None, typer.Option("--schemes", help="Bits to try. Default: w8a8e8,w4a8e4,w3a8e4,w2a8e4.")
    ] = None,
    layers: Annotated[
        str | None, typer.Option("--layers", help="Layers to try, as in 2,3. Default: the recipe's student.")
    ] = None,
    recipe: _RecipeFile = None,
    signals: Signals = None,
    extra_texts: _ExtraTexts = None,
    as_json: AsJson = False,
) -> None:
    """Make and judge every pair of student and scheme, to choose by what bits and layers cost.

    Any recipe key is an option too. A student is trained once for all schemes. Killed at any point, the same command
    goes on from there. Exit code 0 when at least one pair passed, 1 when none did, 2 for bad input.

    [bold]Example:[/bold] limbeck sweep --teacher my-teacher --data texts.jsonl --out runs/s
    ...
    Pairs:  runs/s/runs
    Report: runs/s/sweep.html
    """
    from limbeck.cli import console
    from limbeck.cli.flags import extra_flag, numbers_from, recipe_from, refuse_keys, words_from
    from limbeck.cli.tables import print_sweep

    console.silence_libraries()
    options = (
        "--teacher",
        "--data",
        "--out",
        "--schemes",
        "--layers",
        "--recipe",
        "--signals",
        "--extra-texts",
        "--json",
    )
    refuse_keys({"quantize.scheme": "--schemes", "student.layers": "--layers"}, context.args)
    settings = recipe_from(recipe, [*context.args, *extra_flag(extra_texts)], options=options)
    n_layers = None if layers is None else numbers_from(layers, option="--layers")
    progress = console.ConsoleProgress()
    progress.say("Loading")
    from limbeck.sweeping import USUAL_SCHEMES
    from limbeck.sweeping import sweep as sweep_it

    found = sweep_it(
        teacher,
        data,
        out=out,
        schemes=USUAL_SCHEMES if schemes is None else words_from(schemes),
        layers=n_layers,
        recipe=settings,
        signals=signals,
        progress=progress,
    )
    print_sweep(found.record)
    console.stderr.print(f"Pairs:  {found.folder / 'runs'}\nReport: {found.report}", markup=False)
    if as_json:
        print_json(found.record.to_json())
    raise typer.Exit(0 if found.record.passed else 1)


def verify(
    context: typer.Context,
    artifact: Annotated[Path | None, typer.Argument(help="The folder that ships, or that of a run.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="Texts. Default, of a run: those that decided.")] = None,
    teacher: Annotated[
        str | None, typer.Option("--teacher", help="The teacher; a Hugging Face model needs limbeck\\[train].")
    ] = None,
    recipe: _RecipeFile = None,
    signals: Signals = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say how many texts a proof takes, and judge nothing.")] = False,
    margin: Annotated[
        float | None, typer.Option("--margin", help="Points that the score may lose for a proof, as in 0.5.")
    ] = None,
    power: Annotated[
        float | None, typer.Option("--power", help="With --plan: how often the texts shall do. Default: 0.8.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="An earlier artifact's verdict (JSON): is this one better or worse?")
    ] = None,
    engine: Engine = "onnxruntime",
    as_json: AsJson = False,
) -> None:
    """Judge an artifact on other texts or another machine; needs no torch.

    Without --recipe the tolerances are those that the artifact was made with; any recipe key is an option too, as in
    --verify.tolerances.min_score 0.9. Exit code 0 when it passed, 1 when it was refused, 2 for bad input.
    With --plan it says how many texts prove that no more than --margin points were lost: by the verdict that the
    artifact holds, by --data, or without an artifact by supposed disagreements.

    [bold]Example:[/bold] limbeck verify runs/a/artifact --data new.jsonl
    ...
    held   agreement 94.2 % is at least the accepted 90 %
    """
    from limbeck.cli import console
    from limbeck.cli.flags import apart, changes_from, margin_flag, recipe_from
    from limbeck.cli.tables import print_verdict
    from limbeck.records.run import to_json
    from limbeck.verification import verify as verify_it

    console.silence_libraries()
    alone, flags = apart([*(() if artifact is None else (str(artifact),)), *context.args])
    if not (alone or (plan and data is None)):
        raise typer.BadParameter("Missing argument 'ARTIFACT'.")
    options = (
        "--data", "--teacher", "--recipe", "--signals", "--plan", "--margin", "--power", "--against",
        "--engine", "--json",
    )  # fmt: skip
    changes = changes_from([*alone[1:], *flags, *margin_flag(margin)], options=options)
    settings, verdict = None if recipe is None else recipe_from(recipe, ()), None
    if data is not None or not plan:
        verdict = verify_it(
            alone[0],
            data,
            teacher_source=teacher,
            recipe=settings,
            changes=changes,
            signals=signals,
            against=against,
            engine=engine,
            progress=console.ConsoleProgress(),
        )
    if plan or verdict is None:
        from limbeck.cli.proof_plan import plan_proof, print_proof_plan

        found = plan_proof(alone[0] if alone else None, verdict, recipe=settings, changes=changes, power=power)
        print_proof_plan(found)
        if as_json:
            print_json(found.to_json())
        return
    print_verdict(verdict)
    if as_json:
        print_json(to_json(verdict))
    raise typer.Exit(0 if verdict.passed else 1)


def inspect(
    path: Annotated[Path, typer.Argument(help="An artifact, a teacher, a signals folder or a run.")],
    as_json: AsJson = False,
) -> None:
    """Say in a screenful what a path is; an artifact's hashes are checked.

    [bold]Example:[/bold] limbeck inspect runs/a/artifact
    Artifact in runs/a/artifact: it is whole and unchanged
    ...
    """
    from limbeck.cli.tables import print_inspection
    from limbeck.records.run import to_json
    from limbeck.runtime.inspection import describe_path

    found = describe_path(path)
    if as_json:
        print_json(to_json(found))
    else:
        print_inspection(found)


def recipe(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A recipe file to check and complete.")] = None,
) -> None:
    """Print a whole recipe as TOML: every key with its value and meaning.

    [bold]Example:[/bold] limbeck recipe --seed 3
    seed = 3
    task = "auto"
    ...
    """
    from limbeck.cli.flags import apart, recipe_from

    alone, flags = apart([*([] if file is None else [str(file)]), *context.args])
    path = Path(alone[0]) if alone else None
    sys.stdout.write(recipe_from(path, [*alone[1:], *flags]).to_toml())


def _finish(run: Any, *, as_json: bool) -> None:  # noqa: ANN401  (pipeline.Run, whose module needs torch)
    """Print the verdict, name the report, and exit with the code that the verdict deserves."""
    from limbeck.cli import console
    from limbeck.cli.tables import print_verdict

    print_verdict(run.verdict)
    console.stderr.print(f"Artifact: {run.artifact}\nReport:   {run.report}", markup=False)
    if as_json:
        print_json(run.record.to_json())
    raise typer.Exit(0 if run.verdict.passed else 1)
