"""engine="auto": what is measured, what is chosen of it, and which of two engines takes what."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limbeck.runtime import choosing, load
from limbeck.runtime.choosing import chosen_of
from limbeck.runtime.division import LOADS, DividedEngine, Division
from limbeck.runtime.graph_engine import EngineSettings
from small_artifact import expected_logits, write_artifact
from watching import Events

USUAL, ONE, SPINS, OTHER = (
    EngineSettings("onnxruntime", 2), EngineSettings("onnxruntime", 1), EngineSettings("onnxruntime", 2, spins=True),
    EngineSettings("openvino", 2),
)  # fmt: skip
SHORT, _, LONG, _, SEVERAL = LOADS
TEXTS = ["play a song", "wake me at seven", "", "is rain very awful today or tomorrow?", "stop"] * 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact."""
    return write_artifact(tmp_path_factory.mktemp("artifact"))


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({USUAL: (1, 1, 1, 1, 1), ONE: (2, 2, 2, 2, 2), OTHER: (0.5, 0.5, 0.5, 0.5, 0.5)}, OTHER),
        ({USUAL: (1, 1, 1, 1, 1), ONE: (0.96,) * 5, OTHER: (0.97,) * 5}, USUAL),
        ({USUAL: (1, 1, 1, 1, 1), ONE: (0.94,) * 5, OTHER: (2, 2, 2, 2, 2)}, ONE),
        ({USUAL: (1, 1, 1, 1, 1), OTHER: (2, 2, 0.85, 2, 0.5)}, Division(USUAL, OTHER, (LONG, SEVERAL))),
        ({USUAL: (1, 1, 1, 1, 1), OTHER: (2, 2, 0.91, 2, 2)}, USUAL),
        ({USUAL: (1, 1, 1, 1, 1), OTHER: (1.2, 0.5, 0.5, 0.5, 0.5)}, Division(OTHER, USUAL, (SHORT,))),
        ({USUAL: (1,) * 5, ONE: (0.8, 2, 2, 2, 2), OTHER: (2, 2, 0.7, 2, 2)}, Division(USUAL, OTHER, (LONG,))),
        ({USUAL: (1,) * 5, SPINS: (0.5,) * 5, OTHER: (2, 2, 0.1, 2, 2)}, SPINS),
        ({USUAL: (1,) * 5, SPINS: (0.5, 2, 2, 2, 2)}, USUAL),
    ],
)
def test_what_is_chosen_by_the_seconds(
    seconds: dict[EngineSettings, tuple[float, ...]], chosen: EngineSettings | Division
) -> None:
    """A failure would change engines for noise, or hold a second one for nothing, or beside threads that spin."""
    assert chosen_of(seconds) == chosen


@pytest.mark.parametrize("long", [2.0, 0.5])
def test_the_fastest_is_measured_once_and_remembered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: float
) -> None:
    """A failure would measure at every start, or keep a choice of another machine."""
    calls = []
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path))
    monkeypatch.setattr("limbeck.machine.physical_cores", lambda: 2)
    found = {USUAL: (1.0,) * 5, ONE: (2.0,) * 5, OTHER: (2.0, 2.0, long, 2.0, 2.0)}
    monkeypatch.setattr(choosing, "measured", lambda *_, **__: calls.append(1) or found)
    chosen = USUAL if long > 1 else Division(USUAL, OTHER, (LONG,))
    events = Events()
    assert [load(folder, engine="auto", progress=events).settings for _ in range(3)] == [chosen] * 3
    assert len(calls) == 1
    assert events.sentences == [f"Answering with {chosen}, the fastest of 3 settings measured on this machine"]
    (kept,) = (tmp_path / "engines").iterdir()
    assert json.loads(kept.read_text())["relative_times"]["openvino, 2 threads"] == [2, 2, long, 2, 2]
    kept.write_text("no JSON")
    load(folder, engine="auto")
    load(folder, engine="auto", at_once=2)
    monkeypatch.setattr("limbeck.machine.physical_cores", lambda: 4)
    load(folder, engine="auto")
    assert len(calls) == 4


def test_auto_measures_what_is_here(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would choose by figures of something else, or break where a text may be short only."""
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path))
    tried = choosing.candidates(1)
    assert [str(one) for one in tried] == ["onnxruntime, 1 thread", "openvino, 1 thread"]
    assert str(choosing.candidates(2)[1]) == "onnxruntime, 2 threads, spinning"
    found = choosing.measured(folder / "onnx/model_quantized.onnx", tried, longest=16, progress=Events())
    assert [len(seconds) for seconds in found.values()] == [len(LOADS)] * 2
    assert min(map(min, found.values())) > 0
    assert list(found) == tried
    assert load(folder, engine="auto", threads=1)(["stop"])


@pytest.mark.parametrize(
    ("n_tokens", "nearest"), [(1, 0), (16, 0), (22, 0), (23, 1), (64, 1), (65, 2), (256, 2), (257, 3), (9000, 3)]
)
def test_a_batch_goes_where_the_nearest_load_went(n_tokens: int, nearest: int) -> None:
    """A failure would send a batch to the engine that is slower at it."""
    for place, load_of_one in enumerate(LOADS[:-1]):
        division = Division(USUAL, OTHER, (load_of_one,))
        assert division.of_batch(n_tokens) == (OTHER if place == nearest else USUAL)
        assert division.of_several == USUAL


def test_two_engines_give_the_same_answers_and_each_has_its_share(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would answer by an engine that does not hold the graph, or mix up texts."""
    one, other = EngineSettings("onnxruntime", 1), EngineSettings("openvino", 1)
    division = Division(one, other, (LONG, SEVERAL))
    assert str(division) == (
        "onnxruntime, 1 thread; openvino, 1 thread for one batch of 128 tokens and several batches"
    )
    assert (division.threads, division.engine) == (
        1,
        "onnxruntime; openvino for one batch of 128 tokens and several batches",
    )
    monkeypatch.setattr("limbeck.runtime.model.settings_of", lambda *_, **__: division)
    model = load(folder)
    engine = model._engine
    assert isinstance(engine, DividedEngine)
    asked = []
    for settings, held in engine._engines.items():
        for name in ("compute", "run_all"):
            monkeypatch.setattr(held, name, _watched(getattr(held, name), asked, (settings, name)))
    for texts, taken in (
        (TEXTS[:1], (one, "compute")),
        (TEXTS[:12], (other, "compute")),
        (TEXTS * 60, (other, "run_all")),
    ):
        asked.clear()
        np.testing.assert_allclose(model.logits(texts).values, expected_logits(folder, texts), atol=1e-5)
        assert asked[0] == taken, texts[:5]


def _watched(call: Callable[[Any], Any], asked: list[Any], told: tuple[EngineSettings, str]) -> Callable[[Any], Any]:
    def watched(given: Any) -> Any:
        asked.append(told)
        return call(given)

    return watched
