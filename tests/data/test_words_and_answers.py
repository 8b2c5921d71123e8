"""Rows of words with tags, and of questions with answers: every form of them, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from limbeck.data import GivenExamples, in_sentences, read_table, split, to_examples
from limbeck.errors import DataError, LabelError
from limbeck.text.examples import UNLABELLED, Examples
from limbeck.text.units import Ragged

CONTEXT = "Play the song at seven. The song is great."
TAGGED = [
    {"tokens": ["Ada", "Lovelace", "in", "New York", "."], "tags": ["B-person", "I-person", "O", "B-place", "O"]},
    {"tokens": ["seven", "songs"], "tags": ["O", "O"]},
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def given(rows: list[dict[str, Any]], task: str, names: list[str] | None = None) -> GivenExamples:
    """What these rows are as examples."""
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return to_examples(read_table("a.jsonl", task=task), names)


def asked(answers: object) -> list[tuple[tuple[int, int], ...]]:
    """Where a question's answers stand, each row as `Ragged.tolist` has it."""
    rows = [{"question": "When?", "context": CONTEXT, "answers": answers}]
    labels = given(rows, "question-answering").parts["all"].labels
    assert isinstance(labels, Ragged)
    return labels.tolist()


def test_words_keep_their_tags() -> None:
    """A blank within a word would make two words of it, and shift every tag behind."""
    part = given(TAGGED, "token-classification").parts["all"]
    assert part.texts == ("Ada Lovelace in New\N{NO-BREAK SPACE}York .", "seven songs")
    assert part.label_names == ("B-person", "B-place", "I-person", "O")
    assert isinstance(part.labels, Ragged)
    assert part.labels.tolist() == [(0, 2, 3, 1, 3), (3, 3)]


def test_tags_may_be_numbers_where_a_teacher_names_them() -> None:
    """The hub's tag sets are numbers; taken by their order in the data they would name other spans."""
    rows = [{"words": ["in", "Rome"], "ner_tags": [0, 1]}, {"words": ["Rome"], "ner_tags": [2]}]
    part = given(rows, "token-classification", ["O", "B-place", "I-place"]).parts["all"]
    assert isinstance(part.labels, Ragged)
    assert part.labels.tolist() == [(0, 1), (2,)]
    with pytest.raises(LabelError, match="numbers for tags, and nothing says which of them is the outside"):
        given(rows, "token-classification")


def test_a_table_of_plain_columns_is_parted_at_its_blanks() -> None:
    """CSV has no lists."""
    Path("a.csv").write_text("words,tags\nsee Rome.,O B-place\nin Rome,O B-place\n", encoding="utf-8")
    part = to_examples(read_table("a.csv", task="token-classification"), None).parts["all"]
    assert part.texts == ("see Rome.", "in Rome")
    assert isinstance(part.labels, Ragged)
    assert part.labels.tolist() == [(1, 0), (1, 0)]


def test_plain_texts_without_tags_are_parted_into_words() -> None:
    """A full stop that sticks to its word is a word that the teacher never saw."""
    part = given([{"text": "See  Rome, now."}], "token-classification", ["O", "B-place"]).parts["all"]
    assert part.texts == ("See Rome , now .",)
    assert part.labels is None


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "line 1: 2 words, but 1 tags in 'tags'"),
        ({"tokens": ["a", ""], "tags": ["O", "O"]}, "line 1: word 2 of 'tokens' is blank"),
        ({"tokens": ["a", 5], "tags": ["O", "O"]}, r"line 1: word 2 of 'tokens' is a number \(5\)"),
        ({"tokens": ["a", "b"], "tags": ["O", None]}, "line 1: the tag of word 2 is empty in 'tags'"),
        ({"tokens": ["a", "b"], "tags": {"a": "O"}}, "line 1: expected a list of tags, but 'tags' holds an object"),
        ({"tokens": [], "tags": []}, "line 1: expected a text, but 'tokens' is blank"),
    ],
)
def test_words_and_tags_that_do_not_fit_are_told(row: dict[str, Any], told: str) -> None:
    """A failure would train on tags of other words."""
    with pytest.raises(DataError, match=told):
        given([row, *TAGGED], "token-classification")


@pytest.mark.parametrize(
    "answers",
    [
        {"text": ["at seven"], "answer_start": [14]},
        {"text": "at seven", "answer_start": 14},
        [{"text": "at seven", "answer_start": 14}],
        [{"text": "at seven", "answer_start": 12}],  # a little off
        '{"text": ["at seven"], "answer_start": [14]}',
        ["at seven"],
        "at seven",
    ],
)
def test_every_way_to_write_an_answer(answers: object) -> None:
    """A failure would take the answer for absent, or for another piece of the context."""
    assert asked(answers) == [((14, 22),)]


def test_no_answer_and_several_answers() -> None:
    """None at all, and nothing said, are different things."""
    for none in ([], "", {"text": [], "answer_start": []}):
        assert asked(none) == [()]
    assert asked([{"text": "song", "answer_start": 28}, {"text": "song", "answer_start": 9}]) == [((28, 32), (9, 13))]
    assert asked({"text": "song", "answer_start": 28.0}) == [((28, 32),)]  # a number with decimals, as pandas writes it
    row = {"question": "When?", "context": CONTEXT}
    assert given([row], "question-answering").parts["all"].labels is None
    assert given([{**row, "answers": None}], "question-answering").parts["all"].labels is None


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ("at eight", "line 1: the answer 'at eight' does not stand in its context"),
        ({"text": ["a", "b"], "answer_start": [1]}, "line 1: expected answers, but 'answers' holds"),
        (5, "line 1: expected answers, but 'answers' holds 5"),
        ([{"text": " "}], "line 1: expected answers"),
    ],
)
def test_answers_that_cannot_be_are_told(answers: object, told: str) -> None:
    """A failure would teach a wrong place."""
    with pytest.raises(DataError, match=told):
        asked(answers)


def test_squads_own_files_are_read() -> None:
    """Impossible questions have no answers, whatever is thought plausible."""
    questions = [
        {"id": "1", "question": "When?", "answers": [{"text": "seven", "answer_start": 17}]},
        {"id": "2", "question": "Who?", "is_impossible": True, "answers": [],
         "plausible_answers": [{"text": "song", "answer_start": 9}]},
    ]  # fmt: skip
    whole = {"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": CONTEXT, "qas": questions}]}]}
    Path("a.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
    part = to_examples(read_table("a.json", task="question-answering"), None).parts["all"]
    assert part.texts == ("When?", "Who?")
    assert part.text_pairs == (CONTEXT, CONTEXT)
    assert isinstance(part.labels, Ragged)
    assert part.labels.tolist() == [((17, 22),), ()]
    questions[1] = {"id": "2", "answers": []}
    Path("a.json").write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(DataError, match="behind question 1: a paragraph or a question is not as in SQuAD"):
        read_table("a.json", task="question-answering")
    Path("a.json").write_text(json.dumps({"data": [{"paragraphs": None}]}), encoding="utf-8")
    with pytest.raises(DataError, match="behind question 0: a paragraph or a question is not as in SQuAD"):
        read_table("a.json", task="question-answering")


def test_faults_name_the_question() -> None:
    """A line number of 1 helps nobody in a file of one line."""
    qas = [{"question": "When?", "answers": [{"text": "song", "answer_start": 9}]},
           {"question": "When now?", "answers": [{"text": "eight", "answer_start": 9}]}]  # fmt: skip
    whole = {"data": [{"paragraphs": [{"context": CONTEXT, "qas": qas}]}]}
    Path("a.json").write_text(json.dumps(whole), encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.json, question 2: the answer 'eight' does not stand"):
        read_table("a.json", task="question-answering")


def test_no_context_stands_in_two_parts() -> None:
    """Other questions on a context that was trained on are no held-out questions: the student knows the text."""
    rows = [
        {"question": f"Question {number}?", "context": f"{CONTEXT} Number {number // 5}.", "answers": "song"}
        for number in range(200)
    ]
    parts = split(given(rows, "question-answering"))
    contexts = [set(part.text_pairs or ()) for part in (parts.train, parts.validation, parts.held_out)]
    assert all(contexts)
    assert sum(map(len, contexts)) == len(set.union(*contexts)) == 40
    Path("parts").mkdir()
    for name, chosen in (("train", rows[:100]), ("test", rows[98:104])):
        Path(f"parts/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")
    found = split(to_examples(read_table("parts", task="question-answering"), None))
    assert found.held_out.texts == tuple(row["question"] for row in rows[100:104])
    assert "2 texts of held_out also stood in train: removed from held_out." in in_sentences(found.leaks)


def test_rows_of_labels_are_taken_joined_and_named() -> None:
    """A failure would give made-up texts the tags of others, or the same name to other labels."""
    part = given(TAGGED, "token-classification").parts["all"]
    made_up = Examples(("seven",), None, None, part.label_names)
    joined = part.take([1, 0]).joined(made_up)
    assert isinstance(joined.labels, Ragged)
    assert joined.labels.tolist() == [(3, 3), (0, 2, 3, 1, 3), (UNLABELLED,)]
    assert part.fingerprint == given(TAGGED, "token-classification").parts["all"].fingerprint
    other = [TAGGED[0], {**TAGGED[1], "tags": ["O", "B-place"]}]
    assert part.fingerprint != given(other, "token-classification").parts["all"].fingerprint
