"""`limbeck compare` and `limbeck verify --against`: what they print, their exit codes, and what they refuse."""

import io
import json
from pathlib import Path

import pytest
from command_line import limbeck, refusal
from rich.console import Console

from limbeck.cli.comparing import print_comparison
from limbeck.ground import wording
from limbeck.records.comparison import ComparisonRecord
from small_artifact import write_artifact
from small_run import write_rows
from small_texts import QUICK_FLAGS, ROWS


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two artifacts, a and b, and texts."""
    root = tmp_path_factory.mktemp("given")
    for seed, name in enumerate("ab"):
        write_artifact(root / name, seed=seed)
    write_rows(root / "texts.jsonl", ROWS)
    return root


def test_a_comparison_is_told_as_a_table(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would leave people without the comparison that they waited for, or cut its figures."""
    words = ("compare", *QUICK_FLAGS[:2], given / "a", given / "b", *QUICK_FLAGS[2:], "--data", given / "texts.jsonl")
    found = limbeck(*words, "--signals", given, "--json")
    assert found.code == 0, found.err
    record = ComparisonRecord.from_json(json.loads(found.out))
    assert record.sentence in found.err
    assert record.not_told_apart in found.err
    printed = io.StringIO()
    monkeypatch.setattr("limbeck.cli.console.stderr", Console(width=80, file=printed))
    print_comparison(record)
    assert "…" not in printed.getvalue()
    for model in record.models:
        row = next(line for line in printed.getvalue().splitlines() if line.startswith(f"{model.name} "))
        assert wording.milliseconds(model.timing.batch_1.p50_ms) in row
        assert wording.size(model.scores.size_bytes) in row
        assert row.startswith(f"{model.name} *") == model.on_front
    assert "a against b" in printed.getvalue()
    score = record.pairs[0].score
    assert score is not None
    assert f"{score.only_first} : {score.only_second}, p " in printed.getvalue()


def test_what_was_typed_wrongly_is_told(given: Path) -> None:
    """A failure would show a stack trace for a slip."""
    found = limbeck("compare", given / "a", "--data", given / "texts.jsonl")
    message = "There is 1 model to compare."
    hint = "Give two or more: limbeck compare runs/a/artifact runs/b/artifact --data texts.jsonl"
    assert (found.code, found.err) == (2, refusal(message, hint, after=("Opening 1 model",)))
    found = limbeck("compare", given / "a", given / "b", "--data", given / "texts.jsonl", "--teachers", "t")
    assert found.code == 2
    assert "unknown option '--teachers'; did you mean '--teacher'?" in found.err


def test_better_or_worse_is_said_in_a_sentence(given: Path) -> None:
    """A failure would hide the answer that somebody asked for in a thousand figures."""
    common = ("--data", given / "texts.jsonl", "--signals", given, *QUICK_FLAGS, "--json")
    before = limbeck("verify", given / "a", *common)
    assert before.code == 0, before.err
    (given / "before.json").write_text(before.out)
    now = limbeck("verify", given / "b", "--against", given / "before.json", *common)
    assert now.code == 0, now.err
    assert json.loads(now.out)["drift"]["sentence"] in now.err
    found = limbeck("verify", given / "b", "--against", given / "absent.json", *common)
    assert found.code == 2
    assert found.err.startswith(f"error: {given / 'absent.json'} cannot be read")
