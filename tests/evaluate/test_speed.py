"""Speed beyond single texts: texts of chosen lengths, and what a process of its own takes."""

from pathlib import Path

import pytest

from limbeck import runtime
from limbeck.evaluate import fresh, measure_speed
from limbeck.evaluate.speed import texts_of_lengths
from limbeck.recipe.knobs import Recipe
from limbeck.text.examples import Examples
from small_artifact import write_artifact
from watching import Events

_TEXTS = ("play some music", "wake me at seven tomorrow", "will it rain today", "stop the alarm")
_SETTINGS = {"timing_texts": 4, "timing_rounds": 1, "threads": 1, "fresh_starts": 0}


def _examples(texts: tuple[str, ...] = _TEXTS, pairs: tuple[str, ...] | None = None) -> Examples:
    return Examples(texts, pairs, None, ("alarm", "music", "weather"))


@pytest.mark.parametrize("pairs", [None, _TEXTS])
def test_texts_of_chosen_lengths_have_that_many_tokens(tmp_path: Path, pairs: tuple[str, ...] | None) -> None:
    """A failure would tell the latency of one length as that of another. By the tokenizer itself."""
    encoder = runtime.load(write_artifact(tmp_path / "artifact")).encoder
    found = texts_of_lengths(encoder, _examples(pairs=pairs), (5, 9, 16, 400))
    assert [one.n_tokens for one in found] == [5, 9, 16]  # the encoder reads no more than 16
    for one in found:
        assert (one.text_pair is None) is (pairs is None)
        encoded = encoder.encode([one.text], None if one.text_pair is None else [one.text_pair])
        assert encoded.lengths == [one.n_tokens]
        assert not encoded.truncated


def test_what_no_words_can_make_is_left_out(tmp_path: Path) -> None:
    """A failure would time a shorter text under the name of a longer one."""
    encoder = runtime.load(write_artifact(tmp_path / "artifact")).encoder
    assert [one.n_tokens for one in texts_of_lengths(encoder, _examples(("wake me",)), (4, 12))] == [4]


def test_an_artifact_starts_and_answers_in_a_process_of_its_own(tmp_path: Path) -> None:
    """A failure would report nothing, or the memory of this process, which holds PyTorch. By limits of both sides."""
    folder = write_artifact(tmp_path / "artifact")
    (found,) = fresh.measure([fresh.of_artifact(folder, threads=1)], _examples(), n=2)
    assert found is not None
    assert found.n == 2
    assert found.seconds > 0.02  # no Python starts faster
    assert found.peak_bytes is not None
    assert 20e6 < found.peak_bytes < 400e6


def test_slow_starts_are_fewer_on_all_sides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A failure would start a teacher of 20 seconds four times. By hand: two sides of 10 s; 45 s are two rounds."""
    monkeypatch.setattr(fresh, "_run", lambda *_: (10.0, {"peak_bytes": 1}))
    starts = [fresh.Start(("a",)), fresh.Start(("b",))]
    assert [one.n for one in fresh.measure(starts, _examples(), n=3, seconds=45) if one] == [1, 1]
    assert [one.n for one in fresh.measure(starts, _examples(), n=3, seconds=60) if one] == [2, 2]
    assert [one.n for one in fresh.measure(starts, _examples(), n=3, seconds=1) if one] == [1, 1]
    assert [one.n for one in fresh.measure(starts, _examples(), n=3) if one] == [3, 3]


def test_a_process_that_does_not_answer_is_told_and_left_out(tmp_path: Path) -> None:
    """A failure would stop a verdict for a measurement beside it, or pass over its absence in silence."""
    events = Events()
    gone = fresh.of_artifact(tmp_path / "not there", threads=1)
    whole = fresh.of_artifact(write_artifact(tmp_path / "artifact"), threads=1)
    found = fresh.measure([None, gone, whole], _examples(), n=1, progress=events)
    assert found[:2] == [None, None]
    assert found[2] is not None
    (sentence,) = events.sentences
    assert "did not" in sentence
    assert "not there does not exist" in sentence


def test_a_fresh_process_loads_the_engine_that_is_asked_for(tmp_path: Path) -> None:
    """A failure would tell the start of another engine than the one that is judged."""
    events = Events()
    folder = write_artifact(tmp_path / "artifact")
    starts = [fresh.of_artifact(folder, threads=1, engine=name) for name in ("openvino", "none")]
    found = fresh.measure(starts, _examples(), n=1, progress=events)
    assert [one is None for one in found] == [False, True]
    assert "engine is 'none'" in events.sentences[0]


def test_what_is_measured_of_an_artifact(tmp_path: Path) -> None:
    """A failure would leave a table of the report empty, or time sides on other threads than they say."""
    folder = write_artifact(tmp_path / "artifact")
    settings = Recipe.from_dict({"verify": _SETTINGS}).verify
    (timing,) = measure_speed({"artifact (int8)": folder}, None, _examples(40 * _TEXTS), settings=settings)
    assert (timing.name, timing.threads, timing.batch_1.n) == ("artifact (int8)", 1, 4)
    assert [one.n_tokens for one in timing.at_lengths] == [16]
    assert timing.throughputs == ()  # four texts are fewer than any of the sizes
    assert timing.lengths is not None
    counted = runtime.load(folder).encoder.encode(_TEXTS).lengths
    assert (timing.lengths.n, timing.lengths.largest) == (4, max(counted))
    assert min(counted) <= timing.lengths.p5 <= timing.lengths.p50 <= timing.lengths.p95 <= max(counted)
    assert timing.fresh is None
    more = settings.model_copy(update={"timing_texts": 40})
    (timing,) = measure_speed({"artifact (int8)": folder}, None, _examples(40 * _TEXTS), settings=more)
    assert [one.texts_per_call for one in timing.throughputs] == [8, 32]
    assert timing.batch_1.p50_ms <= (timing.batch_1.p95_ms or 0) <= timing.batch_1.p99_ms
