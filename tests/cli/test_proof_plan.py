"""`limbeck verify --plan`: how many texts a proof takes, from nothing, from an artifact, from texts; and refusals."""

import json
from pathlib import Path

from command_line import limbeck

from limbeck.evaluate.needed import paired_texts_needed
from small_run import SmallRun, labelled_rows, write_rows

QUICK = ("--verify.timing_texts", 2, "--verify.timing_rounds", 1, "--verify.bootstrap_samples", 200)


def test_a_plan_without_an_artifact() -> None:
    """Whoever has no artifact yet wants to know how many texts to gather; the table must fit a terminal."""
    found = limbeck("verify", "--plan", "--margin", 0.5, "--json")
    assert found.code == 0, found.err
    told = json.loads(found.out)
    assert told["wanted"] == {"margin": 0.005, "confidence": 0.95, "power": 0.8}
    equal = next(row for row in told["rows"] if row["difference"] == 0)
    expected = [paired_texts_needed(d, 0.0, margin=0.005, confidence=0.95) for d in (0.01, 0.02, 0.05, 0.1, 0.2)]
    assert equal["n_texts"] == expected
    assert all(len(line) <= 80 for line in found.err.splitlines())
    assert "is at most 0.5 points below the teacher's. So many do in 80 of 100 cases." in found.err


def test_a_plan_by_the_artifacts_own_verdict(walked: SmallRun) -> None:
    """Its discordance must be what the verdict counted, and neither torch nor texts be needed."""
    found = limbeck("verify", walked.run.artifact, "--plan", "--margin", 2, "--power", 0.9, "--json")
    assert found.code == 0, found.err
    told = json.loads(found.out)
    proof = walked.run.verdict.non_inferiority
    assert proof is not None
    assert proof.mcnemar is not None
    parted = max(proof.mcnemar.only_artifact + proof.mcnemar.only_teacher, 1)
    assert told["disagreements"][0]["discordance"] == parted / proof.n
    assert told["wanted"] == {"margin": 0.02, "confidence": 0.95, "power": 0.9}
    assert f"From the {proof.n} texts of the verdict" in told["source"]
    of_run = limbeck("verify", walked.run.folder, "--plan", "--margin", 2, "--power", 0.9, "--json")
    assert json.loads(of_run.out) == told


def test_refusals(walked: SmallRun, tmp_path: Path) -> None:
    """What a plan lacks must be named, not end in a stack trace."""
    data = write_rows(tmp_path / "new.jsonl", labelled_rows(20, seed=5))
    alone = ("verify", walked.run.artifact, "--data", data, "--signals", tmp_path, *QUICK)
    for words, told in (
        (("verify", "--plan", "--power", 1), "--power is 1."),
        (("verify", "--plan", "--margin", 0), "verify.margin: input should be greater than 0"),
        (("verify", "--plan", tmp_path), "is not an artifact"),
        ((*alone, "--plan"), "labels or the teacher's answers are missing"),
        (("verify", walked.run.artifact), "There is no text to judge"),
        (("verify", "--plan", "--data", data), "Missing argument 'ARTIFACT'."),
    ):
        found = limbeck(*words)
        assert (found.code, found.out) == (2, ""), words
        assert told in found.err


def test_the_proof_is_told_on_the_terminal(walked: SmallRun) -> None:
    """It is what a pipeline's reader looks for beneath the table."""
    words = ("verify", walked.run.artifact, "--data", walked.data, "--signals", walked.signals, "--margin", 3, *QUICK)
    found = limbeck(*words)
    assert "the artifact's accuracy is " in found.err
    assert "3 points below the teacher's." in found.err.replace("\n", " ")
