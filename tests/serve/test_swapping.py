"""New artifacts in the place of old ones, while requests go on."""

import http.client
import json
import shutil
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from running_server import running

from limbeck.artifact.manifest import read_manifest, write_manifest
from limbeck.errors import ArtifactError, RecipeError
from limbeck.runtime import load
from limbeck.serve.shelf import places_of
from small_artifact import write_artifact

TEXT = "play the song"


def _replace(folder: Path, new: Path) -> None:
    """Put a copy of a folder in the place of another, as a release does: beside it, then renamed."""
    beside = folder.with_name(f"{folder.name}-next")
    shutil.copytree(new, beside)
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}-old"))
    beside.rename(folder)
    shutil.rmtree(folder.with_name(f"{folder.name}-old"), ignore_errors=True)


def _flip_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _answers_of(folder: Path) -> list[float]:
    return list(load(folder, threads=1)(TEXT)[0].probabilities)


def test_a_new_artifact_is_taken_in_without_a_lost_request(tmp_path: Path) -> None:
    """Every release would cost some users an error, or a mixture of two models' answers.

    Four clients ask without a pause while the folder is replaced six times. Every request is answered, by the old
    artifact or by the new one; and what is asked after a swap is answered by the new one.
    """
    versions = [write_artifact(tmp_path / f"v{seed}", seed=seed) for seed in range(2)]
    wanted = [_answers_of(folder) for folder in versions]
    folder = tmp_path / "intents"
    _replace(folder, versions[0])
    found: Counter[tuple[int, bytes]] = Counter()
    stop = threading.Event()
    with running(folder) as server:
        host = server.url.removeprefix("http://")

        def ask() -> None:
            connection = http.client.HTTPConnection(host, timeout=30)
            while not stop.is_set():
                connection.request("POST", "/predict", json.dumps({"inputs": TEXT}))
                answer = connection.getresponse()
                found[answer.status, answer.read()] += 1
            connection.close()

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        for turn in range(1, 7):
            _replace(folder, versions[turn % 2])
            server.swap()
            answer = server.post("/answer", {"inputs": TEXT, "in_full": True}).json
            assert list(answer["probabilities"].values()) == pytest.approx(wanted[turn % 2], rel=1e-5)
        stop.set()
        for client in clients:
            client.join()
        swaps = [line for line in server.told if line["event"] == "swapped"]
    assert len(swaps) == 6
    assert swaps[0]["now"] == swaps[1]["before"]
    assert found.total() > 6
    for status, content in found:
        assert status == 200
        given = {row["label"]: row["score"] for row in json.loads(content)}
        mine = [given[name] for name in ("alarm", "music", "weather")]
        assert any(mine == pytest.approx(one, rel=1e-5) for one in wanted)


def test_an_unusable_artifact_leaves_the_old_one_serving(tmp_path: Path) -> None:
    """A broken copy, or the wrong model, would take the service down at night."""
    folder = tmp_path / "intents"
    good = write_artifact(tmp_path / "good")
    _replace(folder, good)
    flipped = write_artifact(tmp_path / "flipped", seed=1)
    _flip_byte(flipped / "onnx/model_quantized.onnx")
    other_task = write_artifact(tmp_path / "other-task", task="multi-label")
    of_tomorrow = write_artifact(tmp_path / "of-tomorrow")
    write_manifest(of_tomorrow, replace(read_manifest(of_tomorrow), task="answering-machine"))
    with running(folder) as server:
        before = server.post("/predict", {"inputs": TEXT}).json
        shutil.rmtree(folder)
        server.swap()  # nothing there at all
        for bad in (flipped, other_task, of_tomorrow):
            _replace(folder, bad)
            server.swap()
            server.swap()  # told once, however often it is looked at
            assert server.post("/predict", {"inputs": TEXT}).json == before
        _replace(folder, write_artifact(tmp_path / "next", seed=2))
        server.swap()
        assert server.post("/predict", {"inputs": TEXT}).json != before
        metrics = server.get("/metrics").content.decode()
        told = [(line["event"], line.get("error", "")) for line in server.told]
    assert 'limbeck_swaps_total{model="intents",outcome="refused"} 4.0' in metrics
    assert 'limbeck_swaps_total{model="intents",outcome="swapped"} 1.0' in metrics
    events = [event for event, _ in told]
    assert events == ["serving", *["swap refused"] * 4, "swapped"]
    assert "does not exist" in told[1][1]
    assert "was changed after it was sealed" in told[2][1]
    assert "is now for multi-label, and intents was for classification" in told[3][1]


def test_a_folder_may_be_watched(tmp_path: Path) -> None:
    """Whoever cannot send signals, as in a container, could take in nothing new."""
    folder = tmp_path / "intents"
    _replace(folder, write_artifact(tmp_path / "v0"))
    with running(folder, watch_seconds=0.05) as server:
        first = server.get("/info").json["model_sha"]
        _replace(folder, write_artifact(tmp_path / "v1", seed=1))
        while server.get("/info").json["model_sha"] == first:
            pass
        assert server.post("/predict", {"inputs": TEXT}).status == 200


def test_names_come_from_folders_or_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model would be called artifact."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/c/artifact").mkdir(parents=True)
    found = places_of(["runs/a/artifact", "models/b", "mine=runs/a/artifact/"])
    assert [(one.name, str(one.folder)) for one in found] == [
        ("a", "runs/a/artifact"),
        ("b", "models/b"),
        ("mine", "runs/a/artifact"),
    ]
    monkeypatch.chdir(tmp_path / "runs/c/artifact")
    assert places_of(["."])[0].name == "c"
    for words, told in (
        (["a/b", "c/b"], "'c/b' gives 'b', a name that is there twice"),
        (["=a"], "'=a' gives '', no name for a model"),
        (["a/b=c"], "gives 'a/b', no name for a model"),
    ):
        with pytest.raises(RecipeError, match=told):
            places_of(words)


def test_an_artifact_that_cannot_be_loaded_stops_the_start(tmp_path: Path) -> None:
    """A server that starts without its model answers nothing, and looks well."""
    artifact = write_artifact(tmp_path / "a")
    _flip_byte(artifact / "tokenizer.json")
    with pytest.raises(ArtifactError, match="was changed after it was sealed"), running(artifact):
        pass
