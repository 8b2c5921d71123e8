"""Recipe keys as options: taken, or refused with the nearest known one, all faults at once."""

import tomllib
from pathlib import Path

import pytest
from command_line import Outcome, limbeck, refusal

from limbeck.cli.flags import megabytes
from limbeck.recipe.knobs import Recipe
from small_run import FLAGS, SmallRun

KEYS_HINT = "`limbeck recipe` prints every key; each is also an option, as in --distill.epochs 3."
FILE_HINT = "`limbeck recipe` prints every key with its default and meaning."


def _compress(tmp_path: Path, *options: object) -> Outcome:
    """A command that is refused for its options before it looks at teacher and data."""
    return limbeck("compress", "--teacher", "t", "--data", "d", "--out", tmp_path / "out", *options)


def test_the_printed_recipe_is_the_default_one(tmp_path: Path) -> None:
    """A failure would start everybody who writes a recipe from another one than limbeck's own."""
    found = limbeck("recipe")
    assert (found.code, found.err) == (0, "")
    assert found.out == Recipe().to_toml()
    path = tmp_path / "recipe.toml"
    path.write_text(found.out)
    assert Recipe.from_toml(path) == Recipe()
    assert limbeck("recipe", path).out == found.out


def test_options_win_over_the_file(tmp_path: Path) -> None:
    """A failure would ignore what somebody typed. Values are TOML, and words where they are no TOML."""
    path = tmp_path / "recipe.toml"
    path.write_text("seed = 4\n[distill]\nepochs = 2\nbatch_size = 16\n")
    options = ("--distill.epochs", "7", "--data.text=headline", "--student.take-layers", "[1, 3]")
    found = limbeck("recipe", path, *options, "--distill.baseline", "false")
    assert found.code == 0
    told = tomllib.loads(found.out)
    assert (told["seed"], told["distill"]["epochs"], told["distill"]["batch_size"]) == (4, 7, 16)
    assert (told["data"]["text"], told["student"]["take_layers"]) == ("headline", [1, 3])
    assert told["distill"]["baseline"] is False


@pytest.mark.parametrize(("typed", "meant"), [("0,1,5", [0, 1, 5]), ("0, 2", [0, 2]), ("[1, 3]", [1, 3]), ("4", [4])])
def test_several_values_need_no_brackets(typed: str, meant: list[int]) -> None:
    """A failure would ask for TOML and a shell's quotes where a list of numbers is plain."""
    found = limbeck("recipe", "--student.take_layers", typed, "--teacher.allow_code", "org/one,org/two")
    assert found.code == 0
    told = tomllib.loads(found.out)
    assert (told["student"]["take_layers"], told["teacher"]["allow_code"]) == (meant, ["org/one", "org/two"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("5MB", 5.0), ("800 kB", 0.8), ("4.5mb", 4.5), ("5MiB", 5.24288), ("2000000B", 2.0), (".5GB", 500.0)],
)
def test_a_size_with_its_unit(typed: str, meant: float) -> None:
    """A failure would aim at another size than the one that was typed."""
    assert megabytes(typed) == pytest.approx(meant)


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("5", "has no unit"),
        ("small", "is not a size"),
        ("-5MB", "is not a size"),
        ("5Mbit", "has an unknown unit, 'Mbit'"),
        ("0MB", "is not above zero"),
    ],
)
def test_a_size_that_is_none(typed: str, fault: str, tmp_path: Path) -> None:
    """A failure would guess a unit, and be wrong by a factor of a million."""
    found = _compress(tmp_path, f"--target-size={typed}")
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        f"--target-size is {typed!r}, which {fault}.",
        "Give a number with one of B, kB, MB, GB, KiB, MiB, GiB: 5MB are 5,000,000 bytes, 5MiB are 5,242,880.",
    )


def test_a_target_that_cannot_be_reached(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would show a stack trace, or work for an hour first."""
    out = tmp_path / "out"
    options = ("--teacher", walked.teacher, "--data", walked.data, "--out", out, "--signals", walked.signals)
    found = limbeck("compress", *options, "--target-size", "20kB", *FLAGS)
    assert (found.code, found.out) == (2, "")
    assert found.err.endswith(
        "error: A target of 20.0 kB cannot be reached: model and tokenizer are 0.04 MB with the fewest bits for every "
        "layer that 'w8a8e8' rounds.\n"
        "hint:  Give a target of at least 0.04MB, or take fewer layers: student.layers below 2.\n"
    )
    assert not out.exists()


def test_unknown_options_are_refused_with_the_nearest_known_one(tmp_path: Path) -> None:
    """A failure would train with defaults because of one slip; all slips are told at once."""
    options = ("--distil.epochs", "3", "--studnet.layers=2", "--seeed", "1", "stray")
    found = _compress(tmp_path, *options)
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        "The command line has 4 faults:\n"
        "  - unknown option '--distil.epochs'; did you mean '--distill.epochs'?\n"
        "  - unknown option '--studnet.layers=2'; did you mean '--student.layers'?\n"
        "  - unknown option '--seeed'; did you mean '--seed'?\n"
        "  - 'stray' belongs to no option",
        KEYS_HINT,
    )
    assert not (tmp_path / "out").exists()


def test_a_misspelt_option_of_the_command_is_told_too(tmp_path: Path) -> None:
    """A failure would send somebody who wrote --singals to the recipe."""
    found = _compress(tmp_path, "--singals", "x")
    assert found.err == refusal(
        "The command line has 1 fault:\n  - unknown option '--singals'; did you mean '--signals'?", KEYS_HINT
    )


@pytest.mark.parametrize("command", ["compress", "sweep", "teach", "verify", "demo", "recipe"])
def test_an_option_without_a_value_is_told(command: str, tmp_path: Path) -> None:
    """A failure would end in a stack trace."""
    given = {
        "compress": ("--teacher", "t", "--data", "d", "--out", tmp_path / "out"),
        "sweep": ("--teacher", "t", "--data", "d", "--out", tmp_path / "out"),
        "teach": ("--encoder", "t", "--data", "d", "--out", tmp_path / "out"),
        "verify": (tmp_path, "--data", "d"),
        "demo": ("--out", tmp_path / "out"),
        "recipe": (),
    }[command]
    found = limbeck(command, *given, "--distill.epochs")
    assert found.code == 2
    assert found.err.endswith(refusal("The command line has 1 fault:\n  - '--distill.epochs' has no value", KEYS_HINT))
    assert not (tmp_path / "out").exists()


def test_values_that_cannot_be_are_told_all_at_once(tmp_path: Path) -> None:
    """A failure would send people through one run for every slip."""
    options = ("--distill.temperature", "0", "--quantize.scheme", "w4a16", "--seed", "-1")
    found = _compress(tmp_path, *options)
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        "the command line has 3 faults:\n"
        "  - seed: input should be greater than or equal to 0 (got -1)\n"
        "  - distill.temperature: input should be greater than 0 (got 0)\n"
        "  - quantize.scheme: the scheme 'w4a16' cannot be shipped: no engine on a CPU multiplies by activations of 16 "
        "bits. Nearest is \"w4a32\"; `limbeck.quantize` takes every scheme (got 'w4a16')",
        FILE_HINT,
    )


def test_faults_of_a_recipe_file_are_told_all_at_once(tmp_path: Path) -> None:
    """A failure would take a misspelt key for a wish that was granted."""
    path = tmp_path / "recipe.toml"
    path.write_text("sed = 1\n[distill]\nepoch = 3\n[student]\nlayers = 0\n")
    given = ("--teacher", "t", "--data", "d", "--out", tmp_path / "out", "--recipe", path)
    for command in (("compress", *given), ("recipe", path)):
        found = limbeck(*command)
        assert (found.code, found.out) == (2, "")
        assert found.err == refusal(
            f"{path} has 3 faults:\n"
            "  - student.layers: input should be greater than or equal to 1 (got 0)\n"
            "  - unknown key 'distill.epoch'; did you mean 'distill.epochs'?\n"
            "  - unknown key 'sed'; did you mean 'seed'?",
            FILE_HINT,
        )
    assert not (tmp_path / "out").exists()


def test_a_recipe_file_that_is_not_there(tmp_path: Path) -> None:
    """A failure would take the defaults for the recipe that was named."""
    path = tmp_path / "recipe.toml"
    found = limbeck("recipe", path)
    assert (found.code, found.err) == (
        2,
        refusal(f"No recipe at {path}.", "`limbeck recipe > recipe.toml` writes one to start from."),
    )


def test_options_may_stand_before_the_words(tmp_path: Path) -> None:
    """A failure would look for a recipe file of the name "--distill.epochs"."""
    path = tmp_path / "recipe.toml"
    path.write_text("seed = 4\n")
    for words in (("--distill.epochs", "7", path), ("--distill.epochs=7", path), (path, "--distill.epochs", 7)):
        found = limbeck("recipe", *words)
        assert found.code == 0, found.err
        told = tomllib.loads(found.out)
        assert (told["seed"], told["distill"]["epochs"]) == (4, 7)
    assert tomllib.loads(limbeck("recipe", "--distill.epochs", 7).out)["distill"]["epochs"] == 7
    found = limbeck("recipe", path, "another.toml")
    assert found.err == refusal("The command line has 1 fault:\n  - 'another.toml' belongs to no option", KEYS_HINT)
