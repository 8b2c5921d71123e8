"""Teachers that need no torch: the base install opens them, and `verify` asks them."""

import json
import subprocess
import sys
from pathlib import Path

from chat_server import ChatServer, serving

import limbeck
from other_teachers import chances
from small_run import SmallRun, labelled_rows, write_rows

BARRED = ("accelerate", "datasets", "onnx", "safetensors", "torch", "transformers")
PROGRAM = f"""
import sys
class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BARRED!r}:
            raise ModuleNotFoundError(f"a light teacher imports {{name}}")
sys.meta_path.insert(0, Bar())
from limbeck.cli.main import run
run()
"""


def _verify(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, "verify", *map(str, arguments), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_artifact_is_verified_by_a_language_model_without_torch(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would want gigabytes of PyTorch for a few HTTP calls. By twin: what the server drew answers from."""
    rows = labelled_rows(30, seed=4)
    data = write_rows(tmp_path / "new.jsonl", rows)
    given = [
        walked.run.artifact, "--data", data, "--signals", tmp_path / "signals", "--teacher.chat.model", "some-model",
        "--verify.timing_texts", "2", "--verify.timing_rounds", "1",
    ]  # fmt: skip
    with serving(ChatServer()) as server:
        found = [_verify(*given, "--teacher", server.url) for _ in range(2)]
    assert [done.returncode in {0, 1} for done in found] == [True, True], found[0].stderr
    assert len(server.requests) == 30  # the second verdict rests on what the first was told
    assert "30 calls to some-model at 127.0.0.1" in found[0].stderr
    verdict = json.loads(found[0].stdout)
    answered = limbeck.load(walked.run.artifact).logits([row["text"] for row in rows]).values.argmax(axis=1)
    wanted = [max((0, 1), key=chances(row["text"]).__getitem__) for row in rows]
    agreement = {model["name"]: model["agreement"] for model in verdict["models"]}["artifact (int8)"]
    assert agreement["value"] == sum(a == b for a, b in zip(answered, wanted, strict=True)) / 30
    assert [timing["name"] for timing in verdict["timings"]] == ["artifact (int8)"]


def test_an_artifact_is_verified_by_saved_answers_without_torch(walked: SmallRun, tmp_path: Path) -> None:
    """As above, for whom the teacher is a file; labels in another order are matched by name."""
    rows = labelled_rows(30, seed=4)
    data = write_rows(tmp_path / "new.jsonl", rows)
    answers = write_rows(tmp_path / "answers.jsonl", [{"text": row["text"], "label": row["label"]} for row in rows])
    given = ["--data", data, "--signals", tmp_path / "s", "--verify.timing_texts", "2", "--verify.timing_rounds", "1"]
    given += ["--verify.fresh_starts", "0"]
    shares = []
    for labels in ("negative,positive", "positive,negative"):
        done = _verify(walked.run.artifact, *given, "--teacher", answers, "--teacher.labels", labels)
        assert done.returncode in {0, 1}, done.stderr
        models = {model["name"]: model for model in json.loads(done.stdout)["models"]}
        shares.append((models["artifact (int8)"]["agreement"]["value"], models["artifact (int8)"]["score"]["value"]))
    assert shares[0] == shares[1]
    assert shares[0][0] == shares[0][1]  # these answers are the labels
