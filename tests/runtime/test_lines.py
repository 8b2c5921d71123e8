"""A stream of lines is answered in order, in constant memory, and a bad line is named."""

import io
import json
from pathlib import Path

import pytest

from limbeck.errors import DataError
from limbeck.runtime import Model, load, predict_lines
from small_artifact import write_artifact


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A loaded artifact."""
    return load(write_artifact(tmp_path_factory.mktemp("artifact")), threads=1)


def test_each_line_is_answered_in_its_place(model: Model) -> None:
    """A failure would put answers beside other lines, as when blank lines were skipped."""
    stream = io.BytesIO("\ufeffplay a song\n\nwake me\r\n你好 🎵\nstop".encode())
    texts = ["play a song", "", "wake me", "你好 🎵", "stop"]
    found = list(predict_lines(model, stream, chunk=2))
    assert [(one.line, one.told) for one in found] == [(n, {"text": t}) for n, t in enumerate(texts, start=1)]
    assert [one.answer.label for one in found] == [answer.label for answer in model(texts)]


def test_json_lines_may_hold_texts_and_pairs(model: Model) -> None:
    """A failure would answer a pair as a single text, or lose the order where both stand in one file."""
    rows = [{"text": "play", "id": 7}, {"text": "play", "text_pair": "stop"}, {"text": "rain", "text_pair": None}]
    stream = io.BytesIO("\n\n".join(map(json.dumps, rows)).encode())
    found = list(predict_lines(model, stream, json_lines=True))
    assert [one.line for one in found] == [1, 3, 5]
    assert [one.told.get("text_pair") for one in found] == [None, "stop", None]
    expected = [model("play")[0], model("play", "stop")[0], model("rain")[0]]
    assert [one.answer.label for one in found] == [one.label for one in expected]
    assert [one.answer.probability for one in found] == pytest.approx([one.probability for one in expected], abs=1e-6)


def test_a_row_to_print(model: Model) -> None:
    """A failure would change what scripts read from `limbeck predict`."""
    plain, pair = predict_lines(
        model, io.BytesIO(b'{"text": "play"}\n{"text": "play", "text_pair": "stop"}'), json_lines=True
    )
    assert plain.as_json(model.label_names) == {
        "text": "play",
        "label": plain.answer.label,
        "probability": plain.answer.probability,
    }
    row = pair.as_json(model.label_names, in_full=True)
    assert list(row) == ["text", "text_pair", "label", "probability", "probabilities"]
    assert row["probabilities"][row["label"]] == row["probability"] == max(row["probabilities"].values())
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-9)


def test_cut_lines_are_marked(model: Model) -> None:
    """A failure would hide from the summary that a line was not read to its end."""
    found = list(predict_lines(model, io.BytesIO(b"play\n" + b"a " * 15 + b"\nstop"), chunk=2))
    assert [one.is_truncated for one in found] == [False, True, False]


def test_no_more_is_read_than_is_answered(model: Model) -> None:
    """A failure would hold a whole file of texts in memory before the first answer comes."""
    stream = io.BytesIO(b"play a song\n" * 1000)
    next(predict_lines(model, stream, chunk=10))
    assert stream.tell() == 10 * len(b"play a song\n")


def test_long_lines_make_small_chunks(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would need a gigabyte for a thousand texts of a megabyte."""
    monkeypatch.setattr("limbeck.runtime.lines._MAX_CHUNK_BYTES", 100)
    stream = io.BytesIO((b"x" * 60 + b"\n") * 10)
    next(predict_lines(model, stream))
    assert stream.tell() == 2 * 61


@pytest.mark.parametrize(
    ("content", "as_json", "message"),
    [
        (b"play\nl\xe4uft\n", False, "Line 2 is not UTF-8: byte 0xe4 at position 1."),
        (b'{"text": "a"}\n{"text": "l\xe4uft"}', True, "Line 2 is not UTF-8: byte 0xe4 at position 11."),
        (
            b'{"text": "a"}\n\n{"text": "b"',
            True,
            "Line 3 is not JSON (Expecting ',' delimiter: line 1 column 13 (char 12)).",
        ),
        (b"[" * 100_000, True, "Line 1 is not JSON ("),
        (b'{"txt": "a"}', True, 'Line 1 is not a JSON object with a string under "text".'),
        (b'["a"]', True, 'Line 1 is not a JSON object with a string under "text".'),
        (b'{"text": 3}', True, 'Line 1 is not a JSON object with a string under "text".'),
        (b'{"text": "a", "text_pair": [1]}', True, 'Line 1 has no string under "text_pair" but [1].'),
        (b'{"text": "\\ud83d"}', True, "Line 1 holds half of a character: a \\ud800 to \\udfff without its partner."),
    ],
)
def test_a_bad_line_is_named(model: Model, content: bytes, message: str, *, as_json: bool) -> None:
    """A failure would leave a user to find one bad line of a million."""
    with pytest.raises(DataError) as caught:
        list(predict_lines(model, io.BytesIO(content), json_lines=as_json))
    assert caught.value.message.startswith(message) if message.endswith("(") else caught.value.message == message
    assert caught.value.hint


def test_a_line_without_end_is_refused(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would read a binary file of gigabytes as one text."""
    monkeypatch.setattr("limbeck.runtime.lines._MAX_LINE_BYTES", 1 << 20)
    with pytest.raises(DataError) as caught:
        list(predict_lines(model, io.BytesIO(b"play\n" + b"x" * (1 << 21))))
    assert str(caught.value) == "Line 2 is longer than 1 MiB.\nHint: Give one text a line, not a whole file."


def test_answers_before_a_bad_line_are_given(model: Model) -> None:
    """A failure would lose the work done before a bad line of the next chunk."""
    lines = predict_lines(model, io.BytesIO(b"play\nstop\n\xff\n"), chunk=2)
    assert [next(lines).told["text"], next(lines).told["text"]] == ["play", "stop"]
    with pytest.raises(DataError, match=r"^Line 3 is not UTF-8"):
        next(lines)


def test_a_megabyte_text_is_answered(model: Model, tmp_path: Path) -> None:
    """A failure would let one absurd line end a whole job."""
    (tmp_path / "texts").write_bytes(b"play a song " * 90_000 + b"\nstop\n")
    with (tmp_path / "texts").open("rb") as stream:
        found = list(predict_lines(model, stream))
    assert [(len(one.told["text"]), one.is_truncated) for one in found] == [(12 * 90_000, True), (4, False)]
