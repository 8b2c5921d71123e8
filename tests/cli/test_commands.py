"""What the commands say when all is well: verdicts and figures on stderr, results on stdout, exit codes 0 and 1."""

import json
from pathlib import Path

import pytest
from command_line import limbeck

import limbeck as package
from limbeck.cli import console
from limbeck.ground.machine import installed_version
from limbeck.records.run import RunRecord, from_json, to_json
from limbeck.records.verdict import Verdict
from small_run import FLAGS, SmallRun, labelled_rows, write_rows

NEW = labelled_rows(40, seed=5)
TEXTS = [row["text"] for row in NEW]
QUICK = (
    *("--verify.timing_texts", 2, "--verify.timing_rounds", 1, "--verify.bootstrap_samples", 200),
    *("--verify.fresh_starts", 0),
)


def _lines(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_brackets_in_what_is_told_are_not_taken_for_colours(capsys: pytest.CaptureFixture[str]) -> None:
    """A label such as [/INST] would end a command in a stack trace, and [urgent] be told as nothing."""
    console.ConsoleProgress().say("Labels: [/INST], [urgent] in runs/t[v2].")
    assert capsys.readouterr().err.endswith("s  Labels: [/INST], [urgent] in runs/t[v2].\n")


@pytest.fixture(scope="module")
def artifact(walked: SmallRun) -> Path:
    """A finished artifact."""
    return walked.run.artifact


def test_compress_tells_the_verdict_and_where_things_are(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would leave people searching for what they waited for."""
    given = ("--teacher", walked.teacher, "--data", walked.data, "--out", tmp_path / "run", "--signals", walked.signals)
    found = limbeck("compress", *given, *FLAGS)
    assert (found.code, found.out) == (0, "")
    said = found.err.splitlines()
    assert said[:3] == ["Loading", "Reading texts and teacher", "all: 160 texts from 'text', labels from 'label'."]
    assert "Verifying on 31 held-out texts" in said
    assert any(line.strip().startswith("PASSED") for line in said)
    assert said[-2:] == [f"Artifact: {tmp_path / 'run' / 'artifact'}", f"Report:   {tmp_path / 'run' / 'report.html'}"]
    wanted = {path.name: path.read_bytes() for path in walked.run.artifact.iterdir() if path.is_file()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "run/artifact").iterdir() if path.is_file()} == wanted


def test_a_refused_artifact_is_told_and_ends_with_one(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would let a script deploy what did not pass. As JSON, stdout holds the record and nothing else."""
    given = ("--teacher", walked.teacher, "--data", walked.data, "--out", tmp_path / "run", "--signals", walked.signals)
    found = limbeck("compress", *given, *FLAGS, "--verify.tolerances.max_size_mb", 0.01, "--json")
    assert found.code == 1
    assert any(line.strip().startswith("REFUSED") for line in found.err.splitlines())
    assert any(line.startswith("broken  size ") for line in found.err.splitlines())
    record = RunRecord.from_json(json.loads(found.out))
    assert not record.verdict.passed
    assert record == RunRecord.from_json(json.loads((tmp_path / "run" / "run.json").read_text()))


def test_teach_tells_the_teacher(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would leave people without the path that the next command wants."""
    given = ("--encoder", walked.encoder, "--data", walked.data, "--out", tmp_path / "run")
    found = limbeck("teach", *given, *FLAGS, "--teach.epochs", 1, "--json")
    assert found.code == 0
    told = json.loads(found.out)
    assert told["teacher"] == str(tmp_path / "run" / "teacher")
    assert 0 <= told["validation_score"] <= 1
    assert found.err.splitlines()[-1].startswith(f"Taught: {told['teacher']}, accuracy on validation texts ")


@pytest.mark.parametrize("is_json", [False, True])
def test_verify_with_signals_on_the_disk(is_json: bool, artifact: Path, walked: SmallRun) -> None:
    """A failure would judge by labels alone where the teacher's answers are known."""
    options = ("--json",) if is_json else ()
    found = limbeck("verify", artifact, "--data", walked.data, "--signals", walked.signals, *QUICK, *options)
    assert found.code == 0
    said = found.err.splitlines()
    assert said[:3] == [
        "all: 160 texts from 'text', labels from 'label'.",
        "No text stands twice.",
        "Verifying on 160 texts",
    ]
    assert [line.split()[1] for line in said if line.startswith("held")] == [
        "retention",
        "agreement",
        "saturation",
        "weights",
    ]
    if is_json:
        verdict = from_json(Verdict, json.loads(found.out))
        assert verdict.passed
        assert to_json(verdict) == json.loads(found.out)
    else:
        assert found.out == ""


def test_verify_with_labels_alone(artifact: Path, tmp_path: Path) -> None:
    """A failure would keep the customer, who has neither teacher nor signals, from checking what he was sent."""
    data = write_rows(tmp_path / "new.jsonl", NEW)
    found = limbeck("verify", artifact, "--data", data, "--signals", tmp_path, *QUICK)
    assert found.code == 0
    assert [line for line in found.err.splitlines() if line.startswith("not checked")] == [
        "not checked  min_retention was not checked: it needs the teacher's answers.",
        "not checked  min_agreement was not checked: it needs the teacher's answers.",
    ]


def test_verify_with_another_engine(artifact: Path, tmp_path: Path) -> None:
    """A failure would leave open which engine a verdict is about."""
    data = write_rows(tmp_path / "new.jsonl", NEW)
    options = (artifact, "--data", data, "--signals", tmp_path, *QUICK)
    found = limbeck("verify", *options, "--engine", "openvino")
    assert found.code == 0
    assert "The artifact was answered by openvino." in found.err.splitlines()
    unknown = limbeck("verify", *options, "--engine", "none")
    assert (unknown.code, unknown.out) == (2, "")
    assert "engine is 'none'." in unknown.err


def test_verify_refuses_with_one(artifact: Path, tmp_path: Path) -> None:
    """A failure would let a pipeline go on with a model that is no longer good enough."""
    wrong = [row | {"label": "positive" if row["label"] == "negative" else "negative"} for row in NEW]
    data = write_rows(tmp_path / "new.jsonl", wrong)
    bound = ("--verify.tolerances.min_score", 0.9)
    found = limbeck("verify", *bound, artifact, "--data", data, "--signals", tmp_path, *QUICK)
    assert (found.code, found.out) == (1, "")
    assert any(line.startswith("broken  accuracy ") for line in found.err.splitlines())


def test_an_option_of_verify_leaves_the_other_tolerances(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would judge by limbeck's defaults, not by what the artifact was made for, because of one option."""
    given = ("--teacher", walked.teacher, "--data", walked.data, "--out", tmp_path / "run", "--signals", walked.signals)
    assert limbeck("compress", *given, *FLAGS, "--verify.tolerances.max_size_mb", 0.5).code == 0
    artifact = tmp_path / "run" / "artifact"
    found = limbeck("verify", artifact, "--data", walked.data, "--signals", walked.signals, *QUICK, "--json")
    checks = {check["tolerance"]: check["bound"] for check in json.loads(found.out)["checks"]}
    assert checks == {
        "min_retention": 0.98,
        "min_agreement": 0.9,
        "max_size_mb": 0.5,
        "max_pair_of_weights": 128,
        "max_weight_difference": 0.005,
    }


def test_predict_answers_line_by_line(artifact: Path) -> None:
    """A failure would answer another line than the one that was asked. By twin: the model in Python."""
    found = limbeck("predict", artifact, stdin="".join(f"{text}\n" for text in TEXTS).encode())
    assert (found.code, found.err) == (0, "")
    answers = package.load(artifact)(TEXTS)
    assert _lines(found.out) == [
        {"text": text, "label": answer.label, "probability": answer.probability}
        for text, answer in zip(TEXTS, answers, strict=True)
    ]


@pytest.mark.parametrize("options", [(), ("--json-lines",)], ids=["plain", "JSON"])
def test_predict_answers_texts_of_the_command_line(artifact: Path, options: tuple[str, ...], tmp_path: Path) -> None:
    """A failure would refuse, or tear apart, the first text that a new user types. By twin: the model in Python."""
    texts = ["a good film", "two\nlines", "-v looks like an option, çe text"]
    given = [json.dumps({"text": text}, indent=1) if options else text for text in texts]
    answers = package.load(artifact)(texts)
    expected = [
        {"text": text, "label": answer.label, "probability": answer.probability}
        for text, answer in zip(texts, answers, strict=True)
    ]
    printed = limbeck("predict", artifact, *options, "--", *given, stdin=b"not read")
    assert (printed.code, printed.err, _lines(printed.out)) == (0, "", expected)
    out = tmp_path / "answers.jsonl"
    assert limbeck("predict", artifact, *options, "--out", out, "--", *given).code == 0
    assert out.read_text(encoding="utf-8") == printed.out


def test_predict_takes_json_lines_and_gives_all_probabilities(artifact: Path) -> None:
    """A failure would keep texts with line breaks, and those who set their own thresholds, from using it."""
    rows = [{"text": "good\nfilm"}, {"text": "bad"}]
    given = "".join(json.dumps(row) + "\n" for row in rows).encode()
    found = limbeck("predict", artifact, "--json-lines", "--probabilities", "--threads", 1, stdin=given)
    assert found.code == 0
    for row, answer in zip(rows, _lines(found.out), strict=True):
        assert answer["text"] == row["text"]
        probabilities = answer["probabilities"]
        assert isinstance(probabilities, dict)
        assert list(probabilities) == ["negative", "positive"]
        assert sum(probabilities.values()) == pytest.approx(1)
        assert answer["probability"] == max(probabilities.values())


def test_predict_counts_what_it_cut(artifact: Path) -> None:
    """A failure would hide that an answer is about the beginning of a text only."""
    found = limbeck("predict", artifact, stdin=b"good\n" + b"play " * 500 + b"\n")
    assert found.code == 0
    assert found.err == "1 of 2 texts were longer than 80 tokens and were cut.\n"
    assert limbeck("predict", artifact).out == ""


def test_inspect_tells_what_a_path_is(walked: SmallRun, artifact: Path) -> None:
    """A failure would leave a folder a riddle."""
    signals = next(walked.signals.iterdir())
    titles = {
        artifact: f"Artifact in {artifact}: it is whole and unchanged",
        walked.teacher: f"Hugging Face model in {walked.teacher}",
        walked.run.folder: f"Run in {walked.run.folder}",
        signals: f"Signals: a teacher's answers to texts, in {signals}",
    }
    for path, title in titles.items():
        found = limbeck("inspect", path)
        assert (found.code, found.err) == (0, "")
        assert found.out.startswith(title), found.out
        assert len(found.out.splitlines()) < 50
        told = json.loads(limbeck("inspect", path, "--json").out)
        assert told["title"].startswith(title)


def test_the_version_is_told() -> None:
    """A failure would keep a bug report from saying what it is about."""
    found = limbeck("--version")
    assert (found.code, found.out) == (0, f"limbeck {installed_version('limbeck')}\n")
