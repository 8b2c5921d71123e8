"""`limbeck sweep`: its table, its exit codes, and the input that it refuses."""

import io
import json
from pathlib import Path

import pytest
from command_line import Outcome, limbeck, refusal
from rich.console import Console

from limbeck.cli.tables import print_sweep
from limbeck.ground import wording
from limbeck.records.sweep import SweepRecord
from small_run import FLAGS, SmallRun

QUICK = (*FLAGS, "--distill.epochs", 1, "--distill.baseline", "false", "--quantize.train_share", 0)


def _sweep(walked: SmallRun, out: Path, *options: object) -> Outcome:
    given = ("--teacher", walked.teacher, "--data", walked.data, "--out", out, "--signals", walked.signals)
    return limbeck("sweep", *given, *options)


def test_a_sweep_is_told_as_a_table(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would leave people without the comparison that they waited for. Exit code 1 where none passed."""
    out = tmp_path / "s"
    bounds = ("--verify.tolerances.max_size_mb", 0.5, "--verify.tolerances.min_retention", 0.1)
    loose = (*bounds, "--verify.tolerances.min_agreement", 0.1)
    found = _sweep(walked, out, *QUICK, *loose, "--schemes", "w8a8e8, w3a8e4", "--layers", "1", "--json")
    assert found.code == 0, found.err
    record = SweepRecord.from_json(json.loads(found.out))
    assert [(pair.layers, pair.scheme) for pair in record.pairs] == [
        (1, "w8a8e8"),
        (1, "w3a8e4"),
    ]
    said = found.err.splitlines()
    assert record.sentence in found.err
    heading = next(line for line in said if line.startswith("student, scheme"))
    for word in ("accuracy", "retention", "agreement", "size", "p50", "verdict"):
        assert word in heading
    interval = record.pairs[0].scores.retention.interval  # type: ignore[union-attr]
    assert wording.percent_range(interval.low, interval.high) in found.err
    for pair in record.pairs:
        row = next(line for line in said if line.startswith(f"1 layer, {pair.scheme} "))
        assert "passed" in row
        assert wording.milliseconds(pair.timing.batch_1.p50_ms) in row
        assert row.rstrip().endswith("*") == pair.on_front
    assert said[-2:] == [f"Pairs:  {out / 'runs'}", f"Report: {out / 'sweep.html'}"]
    strict = ("--verify.tolerances.max_size_mb", 0.001)
    found = _sweep(walked, out, *QUICK, *strict, "--schemes", "w8a8e8", "--layers", "1")
    assert (found.code, found.out) == (1, "")
    assert "refused" in found.err


def test_no_figure_is_cut_on_a_narrow_terminal(
    walked: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would print "94.6…" where somebody wants to choose by what follows."""
    found = _sweep(walked, tmp_path / "s", *QUICK, "--schemes", "w8a8e8", "--layers", "2", "--json")
    record = SweepRecord.from_json(json.loads(found.out))
    printed = io.StringIO()
    monkeypatch.setattr("limbeck.cli.tables.stderr", Console(width=80, file=printed))
    print_sweep(record)
    assert "…" not in printed.getvalue()
    assert wording.size(record.pairs[0].scores.size_bytes) in printed.getvalue()


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            ("--layers", "2,x,-1"),
            "--layers takes whole numbers with commas between them, not 'x', '-1'.",
            "Write --layers 2,3.",
        ),
        (
            ("--quantize.scheme", "w4a8e4", "--student.layers=2"),
            "A sweep tries several values, and --quantize.scheme sets one value, --schemes several; "
            "--student.layers sets one value, --layers several.",
            "Give --schemes and --layers.",
        ),
        (
            ("--scheme", "w4a8e4"),
            "The command line has 1 fault:\n  - unknown option '--scheme'; did you mean '--schemes'?",
            "`limbeck recipe` prints every key; each is also an option, as in --distill.epochs 3.",
        ),
    ],
)
def test_options_that_cannot_be(
    options: tuple[str, ...], message: str, hint: str, walked: SmallRun, tmp_path: Path
) -> None:
    """A failure would sweep something else than what was typed."""
    found = _sweep(walked, tmp_path / "s", *options)
    assert (found.code, found.out, found.err) == (2, "", refusal(message, hint))
    assert not (tmp_path / "s").exists()


def test_an_unknown_scheme_names_the_nearest(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would send people to the documents for a slip, after an hour of training."""
    found = _sweep(walked, tmp_path / "s", "--schemes", "w8a8e8,w5a8e4")
    assert (found.code, found.out) == (2, "")
    assert found.err == refusal(
        "1 scheme of 2 cannot be swept:\n"
        "  - The scheme 'w5a8e4' cannot be: weights have 2, 3, 4, 8 or 32 bits, not 5. "
        'Nearest is "w4a8e4"; docs/reference/schemes.md has the notation.',
        "docs/reference/schemes.md has the notation.",
        after=("Loading",),
    )
    assert not (tmp_path / "s").exists()


def test_an_empty_list_is_told(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would take an empty variable of a script for a wish."""
    found = _sweep(walked, tmp_path / "s", "--schemes", "")
    assert (found.code, found.err) == (
        2,
        refusal("The list of schemes is empty.", "Give some, as in w8a8e8,w4a8e4,w3a8e4,w2a8e4.", after=("Loading",)),
    )
    found = _sweep(walked, tmp_path / "s", "--layers", ",")
    assert found.err == refusal(
        "The list of layers is empty.",
        "Give numbers of layers, as in 2,3, or none for the recipe's student.",
        after=("Loading",),
    )
