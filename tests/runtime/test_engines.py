"""Engines: the same answers from each, from many threads, and the fastest measured once."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limbeck.errors import MissingExtraError, RecipeError
from limbeck.runtime import engines, load
from limbeck.runtime.graph_engine import EngineSettings
from limbeck.runtime.turns import in_turns
from small_artifact import expected_logits, write_artifact
from watching import Events

TEXTS = ["play a song", "wake me at seven", "", "is rain very awful today or tomorrow?", "stop"] * 3
USUAL, ONE, OTHER = (
    EngineSettings("onnxruntime", 2), EngineSettings("onnxruntime", 1), EngineSettings("openvino", 2)
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact."""
    return write_artifact(tmp_path_factory.mktemp("artifact"))


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_every_engine_gives_the_arithmetic(folder: Path, engine: str) -> None:
    """A failure would give other answers because of an engine."""
    model = load(folder, threads=1, engine=engine)
    np.testing.assert_allclose(model.logits(TEXTS).values, expected_logits(folder, TEXTS), atol=1e-5)
    assert model.settings == EngineSettings(engine, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_many_threads_and_many_waiting_get_their_own_answers(folder: Path, engine: str) -> None:
    """A failure would mix the answers of two requests of one server."""
    model = load(folder, threads=1, engine=engine)
    asked = [TEXTS[at : at + 1 + at % 4] for at in range(len(TEXTS))] * 4
    alone = [model(texts) for texts in asked]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(model, asked)) == alone

    async def all_at_once() -> list[Any]:
        return [found.answers for found in await asyncio.gather(*(model.answer_async(texts) for texts in asked))]

    assert asyncio.run(all_at_once()) == alone


def test_openvino_computes_as_many_calls_at_once_as_it_is_told(folder: Path) -> None:
    """A failure would have a server's workers wait for each other, each with a core of its own."""
    streams = [
        load(folder, threads=1, engine="openvino", at_once=n)._engine._compiled.get_property("NUM_STREAMS")  # type: ignore[attr-defined]
        for n in (1, 2)  # never more than cores
    ]
    assert streams == [1, 2]


def test_batches_are_computed_side_by_side_with_the_same_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would put a batch's answers in another one's place, or change them with the number of threads."""
    texts = [" ".join(TEXTS[at % 5].split() * (1 + at % 7)) for at in range(240)]  # several batches
    alone = load(folder, threads=1).logits(texts).values
    assert len({row.tobytes() for row in alone}) > 10
    several = load(folder, threads=3)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(several.logits, [texts] * 8):
            assert (found.values == alone).all()
    few = load(folder, threads=1).logits(texts[:9]).values
    assert (several.logits(texts[:9]).values == few).all()
    assert "_shared" not in vars(several._engine)  # little work: nothing is loaded twice for it
    monkeypatch.setattr("limbeck.runtime.engine._ALONE_TOKEN_BYTES", 0)
    shared = load(folder, threads=3)
    assert (shared.logits(texts[:9]).values == few).all()
    assert "_shared" in vars(shared._engine)
    assert "_alone" not in vars(shared._engine)  # a large model is not held twice before batches need it
    assert (shared.logits(texts).values == alone).all()
    assert "_alone" in vars(shared._engine)


@pytest.mark.parametrize("threads", [1, 3])
def test_memory_is_planned_or_not_with_the_same_answers(
    folder: Path, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would let a server keep a plan for every shape of batch that it ever met: a seventh of its memory."""
    monkeypatch.setattr("limbeck.runtime.engine._ALONE_TOKEN_BYTES", 0)
    answers = []
    for plans in (True, False):
        model = load(folder, threads=threads, plans_memory=plans)
        answers.append(model.logits(TEXTS).values)
        sessions = [one for name, one in vars(model._engine).items() if name in {"_alone", "_shared"}]
        assert [one.get_session_options().enable_mem_pattern for one in sessions] == [plans]
    assert (answers[0] == answers[1]).all()


def test_what_cannot_be_loaded_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would show an import error of a package that nobody named."""
    with pytest.raises(RecipeError, match="at_once is 0"):
        load(folder, at_once=0)
    with pytest.raises(RecipeError) as caught:
        load(folder, engine="tensorrt")
    assert str(caught.value) == "engine is 'tensorrt'.\nHint: Give one of: onnxruntime, openvino, auto."
    monkeypatch.setattr("limbeck.ground.extras.importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="Answering with OpenVINO needs packages") as missing:
        load(folder, engine="openvino")
    assert missing.value.hint == "pip install 'limbeck[openvino]'"


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [((1.0, 2.0, 0.5), OTHER), ((1.0, 0.97, 0.96), USUAL), ((1.0, 0.94, 2.0), ONE)],
)
def test_the_fastest_is_measured_once_and_remembered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, ...], chosen: EngineSettings
) -> None:
    """A failure would measure at every start, change engines for noise, or keep a choice of another machine."""
    calls = []
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path))
    monkeypatch.setattr("limbeck.ground.machine.physical_cores", lambda: 2)
    monkeypatch.setattr(
        engines, "measured", lambda *_, **__: calls.append(1) or dict(zip((USUAL, ONE, OTHER), seconds, strict=True))
    )
    events = Events()
    assert [load(folder, engine="auto", progress=events).settings for _ in range(3)] == [chosen] * 3
    assert len(calls) == 1
    assert events.sentences == [f"Answering with {chosen}, the fastest of 3 settings measured on this machine"]
    (kept,) = (tmp_path / "engines").iterdir()
    assert json.loads(kept.read_text())["relative_time"]["openvino, 2 threads"] == seconds[2]
    kept.write_text("no JSON")
    load(folder, engine="auto")
    load(folder, engine="auto", at_once=2)  # other settings of OpenVINO
    monkeypatch.setattr("limbeck.ground.machine.physical_cores", lambda: 4)
    load(folder, engine="auto")
    assert len(calls) == 4


def test_auto_measures_what_is_here(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would choose by figures of something else, or break where a text may be short only."""
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path))
    tried = engines.candidates(1)
    assert [str(one) for one in tried] == ["onnxruntime, 1 thread", "openvino, 1 thread"]
    assert str(engines.candidates(2)[1]) == "onnxruntime, 2 threads, spinning"
    events = Events()
    found = engines.measured(folder / "onnx/model_quantized.onnx", tried, longest=16, progress=events)
    assert all(value > 0 for value in found.values())
    assert list(found) == tried
    assert load(folder, engine="auto", threads=1)(["stop"])


def test_calls_are_timed_in_turns() -> None:
    """A failure would time one side on a warm machine and the other on a cold one. By hand: a clock that counts."""
    order: list[str] = []
    ticks = iter(range(1000))
    found = in_turns(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")},
        rounds=3,
        warm_up=1,
        clock=lambda: float(next(ticks)),
    )
    assert order == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert {key: list(seconds) for key, seconds in found.items()} == {"a": [1, 1, 1], "b": [1, 1, 1]}


def test_whoever_comes_after_threads_that_spin_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would take a core from the next side in turn, for 50 ms, and so choose whoever spins."""
    order: list[object] = []
    monkeypatch.setattr("limbeck.runtime.turns.time.sleep", order.append)
    calls = {"spins": lambda: order.append("spins"), "sleeps": lambda: order.append("sleeps")}
    in_turns(calls, rounds=2, warm_up=0, rests={"spins": 0.25})
    assert order == ["spins", 0.25, "sleeps", "sleeps", "spins", 0.25]
