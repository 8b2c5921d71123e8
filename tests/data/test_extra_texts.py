"""Extra texts without labels: read from anywhere, and never one that something else reads."""

from pathlib import Path

import pytest

from limbeck.data import parts_from, read_extra
from limbeck.errors import DataError
from limbeck.recipe.knobs import DataTable
from limbeck.text.examples import Examples, Parts
from small_run import write_rows
from watching import Events


def _parts(*, pairs: bool = False) -> Parts:
    def examples(*texts: str) -> Examples:
        return Examples(texts, tuple("x" for _ in texts) if pairs else None, None, ("a", "b"))

    return parts_from(examples("one", "two"), validation=examples("three"), held_out=examples("four", "five"))


def test_nothing_held_out_and_nothing_twice_is_kept(tmp_path: Path) -> None:
    """A failure would teach the student the texts that it is judged by."""
    rows = [{"text": text} for text in ("six", "FOUR ", "one", "three", "seven", "six", "five")]
    events = Events()
    source = write_rows(tmp_path / "extra.jsonl", rows)
    found = read_extra(source, _parts(), columns=DataTable(), task="classification", progress=events)
    assert found.texts == ("six", "seven")
    assert found.labels is None
    assert any("5 extra texts stood in the data or twice" in sentence for sentence in events.sentences)


def test_labels_are_not_looked_at(tmp_path: Path) -> None:
    """A failure would ask for labels that the teacher knows, of texts that need none."""
    source = write_rows(tmp_path / "extra.jsonl", [{"text": "six", "label": "unknown"}, {"text": "7", "label": 3}])
    columns = DataTable(label="label")
    assert read_extra(source, _parts(), columns=columns, task="classification").texts == ("six", "7")


def test_labels_of_some_rows_are_not_looked_at(tmp_path: Path) -> None:
    """As above: that some rows have labels and others none is nobody's fault here."""
    source = write_rows(tmp_path / "extra.jsonl", [{"text": "six"}, {"text": "7", "label": "unknown"}])
    assert read_extra(source, _parts(), columns=DataTable(), task="classification").texts == ("six", "7")


def test_no_question_on_a_held_out_context_is_kept(tmp_path: Path) -> None:
    """A failure would have the student read the very contexts that it is judged by, with other questions."""
    contexts = ("learned", "chosen by", "judged by")
    train, validation, held_out = (Examples((f"q{c}",), (c,), None, ("start", "end")) for c in contexts)
    parts = parts_from(train, validation=validation, held_out=held_out)
    rows = [{"question": "another", "context": context} for context in (*contexts, "JUDGED BY ", "new")]
    source = write_rows(tmp_path / "extra.jsonl", rows)
    found = read_extra(source, parts, columns=DataTable(), task="question-answering")
    assert found.text_pairs == ("learned", "new")


def test_held_out_words_are_known_whatever_parts_them(tmp_path: Path) -> None:
    """A failure would keep plain texts, whose marks are words of their own, that are held out as tagged words."""

    def examples(*texts: str) -> Examples:
        return Examples(texts, None, None, ("O", "B-place"))

    parts = parts_from(examples("one"), validation=examples("in Rome."), held_out=examples("at 12 in Oslo."))
    source = write_rows(tmp_path / "extra.jsonl", [{"text": text} for text in ("at 12 in Oslo.", "in Rome.", "new.")])
    found = read_extra(source, parts, columns=DataTable(), task="token-classification")
    assert found.texts == ("new .",)


def test_extra_texts_of_another_kind_are_refused(tmp_path: Path) -> None:
    """A failure would read one text of a pair alone."""
    source = write_rows(tmp_path / "extra.jsonl", [{"text": "six"}])
    with pytest.raises(DataError, match="holds single texts, and the data holds pairs"):
        read_extra(source, _parts(pairs=True), columns=DataTable(), task="classification")


def test_nothing_new_is_refused(tmp_path: Path) -> None:
    """A failure would let a user believe that these texts were of use."""
    source = write_rows(tmp_path / "extra.jsonl", [{"text": "one"}, {"text": "two"}])
    with pytest.raises(DataError, match="each of its 2 texts stands in the data already"):
        read_extra(source, _parts(), columns=DataTable(), task="classification")
