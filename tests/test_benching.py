"""A benchmark of an artifact: every case that was asked for, once, whatever kills it; and refusals before the work."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from limbeck.benching import bench
from limbeck.errors import DataError, LimbeckError, OutputError, RecipeError
from limbeck.ground import machine, places
from limbeck.records.run import to_json
from limbeck.walk.bench_memory import KEPT_SECONDS
from small_artifact import write_artifact
from watching import Events, Interrupted


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact that reads 16 tokens."""
    return write_artifact(tmp_path_factory.mktemp("artifact"))


def test_every_case_is_timed(folder: Path, tmp_path: Path) -> None:
    """A failure would leave a case out, or give a mean of other calls."""
    events = Events()
    found = bench(
        folder,
        threads=(1, 2),
        lengths=(16, 8, 128),
        call_sizes=(1, 3),
        rounds=10,
        out=tmp_path / "bench.html",
        progress=events,
    )
    assert {(cell.engine, cell.threads) for cell in found.cells} == {
        (engine, threads) for engine in ("onnxruntime", "openvino") for threads in (1, 2)
    }
    cases = [(cell.n_tokens, cell.n_texts) for cell in found.cells[::4]]
    assert cases == [(8, 1), (8, 3), (16, 1), (16, 3)]  # texts of 128 tokens would be cut
    assert all(cell.n == 10 and 0 < cell.p50_ms <= cell.p95_ms <= cell.p99_ms for cell in found.cells)
    assert (tmp_path / "bench.html").read_text().startswith("<!DOCTYPE html>")
    assert events.bars == [("bench", 40, "rounds", 0, 40)]
    assert (found.n_earlier, events.sentences) == (0, [])


def test_killed_half_way_the_same_command_goes_on(folder: Path, tmp_path: Path) -> None:
    """A failure would time minutes of finished cases again, or mix other figures into a complete record."""
    asked: dict[str, Any] = {"engines": ("onnxruntime",), "threads": (1,), "call_sizes": (1, 2), "rounds": 10}
    with pytest.raises(Interrupted):  # in the third case, of four
        bench(folder, **asked, lengths=(8, 16), progress=Events(interrupt_in="bench", after=2 * 10 + 4))
    (kept,) = places.benches_root().iterdir()
    timed_before = json.loads(kept.read_text())["cells"]
    assert [(cell["n_tokens"], cell["n_texts"]) for cell in timed_before] == [(8, 1), (8, 2)]

    other = bench(folder, **asked, lengths=(8,))
    assert other.n_earlier == 0
    assert kept.exists()

    events = Events()
    found = bench(folder, **asked, lengths=(8, 16), out=tmp_path / "bench.html", progress=events)
    assert events.sentences == ["2 of 4 cases timed by this command before it was killed"]
    assert events.bars == [("bench", 40, "rounds", 20, 20)]
    assert [to_json(cell) for cell in found.cells[:2]] == timed_before
    assert [(cell.n_tokens, cell.n_texts) for cell in found.cells] == [
        (n_tokens, n_texts) for n_tokens in (8, 16) for n_texts in (1, 2)
    ]
    assert found.n_earlier == 2
    assert "2 of 4 cases were timed by an earlier attempt" in (tmp_path / "bench.html").read_text()

    assert not kept.exists()
    assert bench(folder, **asked, lengths=(8, 16)).n_earlier == 0


def test_a_page_that_cannot_be_written_costs_no_figures(folder: Path, tmp_path: Path) -> None:
    """A failure would time all again because a folder of the page was misspelt."""
    asked: dict[str, Any] = {"engines": ("onnxruntime",), "threads": (1,), "lengths": (8,), "call_sizes": (1,)}
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        bench(folder, **asked, out=tmp_path / "file" / "bench.html")
    assert bench(folder, **asked).n_earlier == 1


@pytest.mark.parametrize("what", ["old", "damaged", "of another machine", "of another artifact", "of another engine"])
def test_what_other_benchmarks_timed_is_not_read(
    what: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would tell figures of yesterday, of another machine or of other weights as this benchmark's own."""
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    asked: dict[str, Any] = {"threads": (1,), "lengths": (8,), "call_sizes": (1, 2), "rounds": 10}
    with pytest.raises(Interrupted):
        bench(folder, **asked, engines=("onnxruntime",), progress=Events(interrupt_in="bench", after=10))
    (kept,) = places.benches_root().iterdir()
    engines: tuple[str, ...] = ("onnxruntime",)
    if what == "old":
        long_ago = time.time() - KEPT_SECONDS - 60
        os.utime(kept, (long_ago, long_ago))
    if what == "damaged":
        kept.write_bytes(kept.read_bytes()[:-40])
    if what == "of another machine":
        here = machine.describe()
        monkeypatch.setattr(machine, "describe", lambda: here | {"processor": "another"})
    if what == "of another artifact":
        folder = write_artifact(tmp_path, seed=1)
    if what == "of another engine":
        engines = ("openvino",)
    assert bench(folder, **asked, engines=engines).n_earlier == 0
    assert kept.exists() == what.startswith("of")


def test_another_clock_is_the_same_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would time all again wherever the system tells of a clock the speed that it has just now."""
    asked: dict[str, Any] = {"engines": ("onnxruntime",), "threads": (1,), "lengths": (8,), "call_sizes": (1, 2)}
    with pytest.raises(Interrupted):
        bench(folder, **asked, rounds=10, progress=Events(interrupt_in="bench", after=10))
    here = machine.describe()
    monkeypatch.setattr(machine, "describe", lambda: here | {"clock": "1.23 GHz"})
    assert bench(folder, **asked, rounds=10).n_earlier == 1


def test_a_home_that_cannot_be_written_stops_nobody(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would refuse to time an artifact on a read-only system, such as a container."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "file"))
    assert (
        len(bench(folder, engines=("onnxruntime",), threads=(1,), lengths=(8,), call_sizes=(1,), rounds=10).cells) == 1
    )


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"engines": ("tensorrt",)}, RecipeError, "There is no engine 'tensorrt'."),
        ({"rounds": 0}, RecipeError, "rounds are 0."),
        ({"call_sizes": ()}, RecipeError, "No call_sizes are given."),
        ({"threads": (1, -1)}, RecipeError, "threads are 1, -1."),
        (
            {"lengths": (64,)},
            DataError,
            "No text of 64 tokens can be made for this artifact, whose task is classification and whose limit is 16 "
            "tokens.",
        ),
        ({"out": Path()}, OutputError, ". is a folder."),
        ({"out": Path(__file__)}, OutputError, f"{__file__} is there already, and is no page of limbeck."),
    ],
)
def test_what_cannot_be_timed_is_refused(
    folder: Path, settings: dict[str, object], error: type[LimbeckError], message: str
) -> None:
    """A failure would show a stack trace, or time for a minute and then write nothing."""
    with pytest.raises(error) as caught:
        bench(folder, **settings)  # type: ignore[arg-type]
    assert caught.value.message == message
