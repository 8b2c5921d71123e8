"""The commands, and what becomes of faults in how they were called."""

import sys

import typer

from limbeck.cli import benching, commands, comparing, exporting, predicting, serving
from limbeck.errors import LimbeckError

app = typer.Typer(
    name="limbeck",
    help="A teacher and texts go in; a small, verified, torch-free int8 model comes out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# typer exports its usage errors by their most special kind only; this is what all of them are.
_UsageError: type[typer.BadParameter] = typer.BadParameter.__bases__[0]
_RECIPE_FLAGS = {"allow_extra_args": True, "ignore_unknown_options": True}
app.command("demo", context_settings=_RECIPE_FLAGS)(commands.demo)
app.command("teach", context_settings=_RECIPE_FLAGS)(commands.teach)
app.command("compress", context_settings=_RECIPE_FLAGS)(commands.compress)
app.command("plan", context_settings=_RECIPE_FLAGS)(commands.plan)
app.command("sweep", context_settings=_RECIPE_FLAGS)(commands.sweep)
app.command("verify", context_settings=_RECIPE_FLAGS)(commands.verify)
app.command("compare", context_settings=_RECIPE_FLAGS)(comparing.compare)
app.command("export")(exporting.export)
app.command("predict")(predicting.predict)
app.command("bench")(benching.bench)
app.command("serve")(serving.serve)
app.command("inspect")(commands.inspect)
app.command("recipe", context_settings=_RECIPE_FLAGS)(commands.recipe)


@app.callback(invoke_without_command=True)
def _version(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        from limbeck.ground.machine import installed_version

        typer.echo(f"limbeck {installed_version('limbeck')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def command() -> int:
    """Run the command that this process was given.

    Returns:
        Its exit code.

    Raises:
        LimbeckError: It was called wrongly, or its input is at fault.
        KeyboardInterrupt: It was stopped.
        OSError: What it wrote or read could not be, such as a closed pipe.
    """
    group = typer.main.get_command(app)
    try:
        # Not `app()`, which makes exit codes of its own of stopped commands and closed pipes.
        with group.make_context("limbeck", sys.argv[1:]) as context:
            return group.invoke(context) or 0
    except typer.Exit as end:
        return end.exit_code
    except _UsageError as error:
        hint = "`limbeck --help` lists the commands, `limbeck COMMAND --help` their options."
        raise LimbeckError(error.format_message(), hint=hint) from None
    except typer.Abort:
        raise KeyboardInterrupt from None
