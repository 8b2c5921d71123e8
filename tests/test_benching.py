"""A benchmark of an artifact: every case that was asked for, and refusals before the work."""

from pathlib import Path

import pytest

from limbeck.benching import bench
from limbeck.errors import DataError, LimbeckError, OutputError, RecipeError
from small_artifact import write_artifact
from watching import Events


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
    assert events.bars == [("bench", 4, "cases", 0, 4)]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"engines": ("tensorrt",)}, RecipeError, "There is no engine 'tensorrt'."),
        ({"rounds": 0}, RecipeError, "rounds are 0."),
        ({"threads": (1, 0)}, RecipeError, "threads are 1, 0."),
        (
            {"lengths": (64,)},
            DataError,
            "No text of 64 tokens can be made for this artifact, whose task is classification and whose limit is 16 "
            "tokens.",
        ),
        ({"out": Path()}, OutputError, ". is a folder."),
    ],
)
def test_what_cannot_be_timed_is_refused(
    folder: Path, settings: dict[str, object], error: type[LimbeckError], message: str
) -> None:
    """A failure would show a stack trace, or time for a minute and then write nothing."""
    with pytest.raises(error) as caught:
        bench(folder, **settings)  # type: ignore[arg-type]
    assert caught.value.message == message
