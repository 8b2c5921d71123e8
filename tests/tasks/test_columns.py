"""Which column is which: found by name, given by flag, and never guessed."""

import pytest

from limbeck.errors import DataError
from limbeck.tasks.classification import Classification
from limbeck.tasks.columns import Columns, find_columns

NONE_GIVEN = Columns(None, None, None)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["text", "label"], Columns("text", None, "label")),
        (["idx", "sentence", "label"], Columns("sentence", None, "label")),
        (["Utterance", "Intent"], Columns("Utterance", None, "Intent")),
        (["title", "content", "label"], Columns("content", None, "label")),
        (["Review Text", "Sentiment"], Columns("Review Text", None, "Sentiment")),
        (["text"], Columns("text", None, None)),
        (["sentence1", "sentence2", "label", "idx"], Columns("sentence1", "sentence2", "label")),
        (["premise", "hypothesis", "gold-label"], Columns("premise", "hypothesis", "gold-label")),
        (["question", "answer", "label"], Columns("question", "answer", "label")),
        (["query", "passage", "target"], Columns("query", "passage", "target")),
        (["text", "text_pair", "score"], Columns("text", "text_pair", None)),
        # "text" and "label" are what everybody calls them: they win.
        (["text", "comment", "label", "label_text"], Columns("text", None, "label")),
        # "text" and "Text": the exact one.
        (["Text", "text", "label"], Columns("text", None, "label")),
    ],
)
def test_columns_are_found_by_name(found: list[str], expected: Columns) -> None:
    """A user would have to name columns that anyone can see."""
    assert find_columns(found, Classification.columns, given=NONE_GIVEN, source="t.csv") == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Columns("question", None, None), Columns("question", None, "label")),
        (Columns(None, "answer", None), Columns("question", "answer", "label")),
        (Columns("answer", "question", "notes"), Columns("answer", "question", "notes")),
        (Columns("notes", "label", None), Columns("notes", "label", None)),
    ],
)
def test_given_columns_win(given: Columns, expected: Columns) -> None:
    """A flag that is not obeyed is worse than no flag: one text of a pair could not be asked for alone."""
    assert (
        find_columns(["question", "answer", "label", "notes"], Classification.columns, given=given, source="t.csv")
        == expected
    )


@pytest.mark.parametrize(
    ("found", "given", "message"),
    [
        (
            ["body_en", "label"],
            NONE_GIVEN,
            (
                "t.csv has no column that is known to hold text; its columns are 'body_en', 'label'.\n"
                "Hint: Say which one it is: --data.text NAME (for pairs also --data.text_pair NAME). "
                "A table without a header line needs one."
            ),
        ),
        (
            ["tweet", "comment", "label"],
            NONE_GIVEN,
            (
                "t.csv has several columns that could hold the text; its columns are 'tweet', 'comment', 'label'.\n"
                "Hint: Say which one it is: --data.text comment; --data.text tweet."
            ),
        ),
        (
            ["text", "question", "answer"],
            NONE_GIVEN,
            (
                "t.csv has several columns that could hold the text; its columns are 'text', 'question', 'answer'.\n"
                "Hint: Say which one it is: --data.text question --data.text_pair answer; --data.text text."
            ),
        ),
        (
            ["text", "intent", "category"],
            NONE_GIVEN,
            (
                "t.csv has several columns that could hold the label: 'intent', 'category'.\n"
                "Hint: Say which one it is: --data.label intent; --data.label category."
            ),
        ),
        (
            ["utterance", "label"],
            Columns("uterance", None, None),
            (
                "t.csv has no column 'uterance' (asked for by data.text); its columns are 'utterance', 'label'.\n"
                "Hint: Did you mean --data.text utterance?"
            ),
        ),
        (
            ["text", "label"],
            Columns(None, None, "klass"),
            (
                "t.csv has no column 'klass' (asked for by data.label); its columns are 'text', 'label'.\n"
                "Hint: Give one of them with --data.label NAME."
            ),
        ),
        (
            ["text", "label"],
            Columns("text", "text", None),
            (
                "data.text, data.text_pair and data.label must name different columns; got 'text', 'text'.\n"
                "Hint: Give each of them its own column, or leave out what the data does not have."
            ),
        ),
        (
            ["Text", "TEXT", "label"],
            NONE_GIVEN,
            (
                "t.csv has no column that is known to hold text; its columns are 'Text', 'TEXT', 'label'.\n"
                "Hint: Say which one it is: --data.text NAME (for pairs also --data.text_pair NAME). "
                "A table without a header line needs one."
            ),
        ),
    ],
)
def test_what_is_missing_or_ambiguous_is_refused(found: list[str], given: Columns, message: str) -> None:
    """Training on the wrong column costs hours before anybody sees it."""
    with pytest.raises(DataError) as caught:
        find_columns(found, Classification.columns, given=given, source="t.csv")
    assert str(caught.value) == message


def test_a_table_without_header_is_shown_in_short() -> None:
    """A first row of long texts, taken for the header, would fill the screen."""
    with pytest.raises(DataError) as caught:
        find_columns(["a" * 500, *map(str, range(30))], Classification.columns, given=NONE_GIVEN, source="t.csv")
    assert "'" + "a" * 39 + "…'" in caught.value.message
    assert caught.value.message.endswith("'18' and 11 more.")
