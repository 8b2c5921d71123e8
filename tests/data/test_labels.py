"""Labels of the data against the label names of a teacher: by name, by number, never by chance."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.data import GivenExamples, read_table, to_examples
from limbeck.errors import LabelError


class Heard:
    """A progress that keeps what it was told."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        """Keep it."""
        self.sentences.append(sentence)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def examples(
    labels: Sequence[object], names: Sequence[str] | None, heard: Heard | None = None, *, file: str = "a.jsonl"
) -> GivenExamples:
    """Rows "text 1", "text 2" ... with these labels, read and matched."""
    lines = [json.dumps({"text": f"text {at}", "label": label}) for at, label in enumerate(labels, start=1)]
    Path(file).write_text("\n".join(lines), encoding="utf-8")
    return to_examples(read_table(file), names, progress=heard or Heard())  # type: ignore[arg-type]


def indices(given: GivenExamples, part: str = "all") -> list[int]:
    """The labels of a part."""
    labels = given.parts[part].labels
    assert labels is not None
    found: list[int] = labels.tolist()
    return found


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        (["good", "bad", "good"], ["bad", "good"], [1, 0, 1]),
        ([1, 0, 1], ["bad", "good"], [1, 0, 1]),
        (["1", "0", "1"], ["bad", "good"], [1, 0, 1]),
        (["LABEL_1", "label_0"], ["bad", "good"], [1, 0]),
        (["LABEL_1", "LABEL_0"], ["LABEL_0", "LABEL_1"], [1, 0]),
        ([1, 0], ["LABEL_0", "LABEL_1"], [1, 0]),
        # Names that are numbers are names first: stars from 1 to 3.
        ([1, 3], ["1", "2", "3"], [0, 2]),
        # ... unless not all of the labels are such names: then all of them are indices.
        ([0, 2, 1], ["1", "2", "3"], [0, 2, 1]),
    ],
)
def test_labels_are_found(labels: Sequence[object], names: Sequence[str], expected: list[int]) -> None:
    """A label off by one turns every figure of the report into noise."""
    heard = Heard()
    assert indices(examples(labels, names, heard)) == expected
    assert heard.sentences in ([], ["Labels matched although written in another case: 'label_0' as 'LABEL_0'."])


def test_all_parts_are_matched_in_the_same_way() -> None:
    """1, 2 and 3 alone read as names, beside 0 as indices: two parts must not be read in two ways."""
    Path("d").mkdir()
    Path("d/train.csv").write_text("text,label\na,0\nb,1\nc,2\n")
    Path("d/test.csv").write_text("text,label\nd,1\ne,2\n")
    given = to_examples(read_table("d"), ["1", "2", "3"])
    assert indices(given, "train") == [0, 1, 2]
    assert indices(given, "held_out") == [1, 2]


def test_another_case_is_matched_and_told() -> None:
    """A teacher with POSITIVE and data with positive mean the same, but the user should see that it was assumed."""
    heard = Heard()
    assert indices(examples(["positive", "Negative"], ["NEGATIVE", "POSITIVE"], heard)) == [1, 0]
    assert heard.sentences == [
        "Labels matched although written in another case: 'positive' as 'POSITIVE', 'Negative' as 'NEGATIVE'."
    ]


def test_unlabelled_parts_stay_unlabelled() -> None:
    """Distillation needs no labels; made-up ones would be scored."""
    Path("a.csv").write_text("text\nx\ny\n")
    part = to_examples(read_table("a.csv"), ["bad", "good"]).parts["all"]
    assert (part.labels, part.label_names) == (None, ("bad", "good"))


def test_unknown_names_are_told_with_place_text_and_nearest_name() -> None:
    """Without a place, the user searches; without the nearest name, he does not see the typo."""
    with pytest.raises(LabelError) as caught:
        examples(["positive", "positiv", "negative", "positiv", "???"], ["negative", "positive"])
    assert str(caught.value) == (
        "a.jsonl: 3 rows have a label that the teacher does not know:\n"
        "  - 'positiv' in 2 rows, first in a.jsonl, line 2: 'text 2'; did you mean 'positive'?\n"
        "  - '???' in 1 row, first in a.jsonl, line 5: 'text 5'\n"
        "Hint: The teacher knows 'negative', 'positive'. Write these names, or their numbers 0 to 1 in this order."
    )


def test_numbers_out_of_range_are_told_as_numbers() -> None:
    """Labels counted from 1 are the usual cause; the others of them are fine and must not be listed."""
    with pytest.raises(LabelError) as caught:
        examples([1, 2, 1], ["negative", "positive"])
    assert str(caught.value) == (
        "a.jsonl: 1 row has a label that the teacher does not know:\n"
        "  - 2 in 1 row, first in a.jsonl, line 2: 'text 2'\n"
        "Hint: The teacher knows 'negative', 'positive'. Write these names, or their numbers 0 to 1 in this order."
    )


def test_many_unknown_labels_and_many_names_are_cut_short() -> None:
    """The wrong label column may have a thousand values."""
    with pytest.raises(LabelError) as caught:
        examples([f"topic {at}" for at in range(1200)], [f"class {at}" for at in range(77)])
    lines = str(caught.value).splitlines()
    assert len(lines) == 8
    assert lines[6] == "  - and 1,195 more labels"
    assert "'class 19' and 57 more." in lines[7]


def test_names_of_a_data_set_are_not_matched_with_other_names_by_order() -> None:
    """0 is "positive" in the data and "negative" in the teacher: by number, every answer would be turned round."""
    features = {"label": {"names": ["positive", "negative"], "_type": "ClassLabel"}}
    schema = pa.schema(
        [("text", pa.string()), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    pq.write_table(pa.table({"text": ["a", "b"], "label": [0, 1]}, schema=schema), "a.parquet")
    tables = read_table("a.parquet")
    assert indices(to_examples(tables, ["negative", "positive"])) == [1, 0]
    assert indices(to_examples(tables, ["LABEL_0", "LABEL_1"])) == [0, 1]
    assert to_examples(tables, None).label_names == ("positive", "negative")
    with pytest.raises(LabelError) as caught:
        to_examples(tables, ["calm", "angry"])
    assert str(caught.value) == (
        "a.parquet: 2 rows have a label that the teacher does not know:\n"
        "  - 'positive' in 1 row, first in a.parquet, row 1: 'a'\n"
        "  - 'negative' in 1 row, first in a.parquet, row 2: 'b'\n"
        "Hint: The teacher knows 'calm', 'angry'. Write these names, or their numbers 0 to 1 in this order."
    )


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["b", "a", "b"], ("a", "b")),
        ([10, 9, 10], ("9", "10")),
        (["10", 9, -1], ("-1", "9", "10")),
        (["class 10", "class 9"], ("class 9", "class 10")),
        (["2", "x", "10"], ("2", "10", "x")),
    ],
)
def test_without_a_teacher_names_come_from_the_data(labels: Sequence[object], names: tuple[str, ...]) -> None:
    """The order of the rows must not decide the order of the logits."""
    given = examples(labels, None)
    assert given.label_names == names
    assert [names[index] for index in indices(given)] == [str(label) for label in labels]
    assert examples(labels[::-1], None).label_names == names


def test_names_that_differ_in_case_only_are_told() -> None:
    """Nearly always one class written in two ways."""
    heard = Heard()
    examples(["Good", "bad", "good"], None, heard)
    assert heard.sentences == ["Labels that differ in case only are taken for different ones: 'Good', 'good'."]


def test_teaching_needs_labels() -> None:
    """A label column of an unusual name is the usual cause."""
    Path("a.csv").write_text("text,klass\nx,1\ny,0\n")
    with pytest.raises(LabelError) as caught:
        to_examples(read_table("a.csv"), None)
    assert str(caught.value) == (
        "a.csv has no labels.\nHint: If a column holds them under an unusual name: --data.label NAME."
    )


def test_teaching_needs_two_labels() -> None:
    """A teacher of one class is always right and good for nothing."""
    with pytest.raises(LabelError) as caught:
        examples(["spam", "spam"], None)
    assert str(caught.value) == (
        "a.jsonl: every row has the label 'spam', and there is nothing to tell it from.\n"
        "Hint: Classification needs rows of at least two labels. Is the right column named? --data.label NAME."
    )
