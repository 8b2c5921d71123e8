"""Parts in which no content stands twice: by law, by hand, by refusal."""

from collections.abc import Sequence

import numpy as np
import pytest

from limbeck.data import GivenExamples, held_out_of, in_sentences, parts_from, split
from limbeck.errors import DataError, RecipeError
from limbeck.ground import fingerprint
from limbeck.recipe.knobs import DataTable
from limbeck.text.examples import Examples, LeakReport, Parts

NAMES = ("a", "b")


def some(
    texts: Sequence[str], labels: Sequence[int] | None = None, *, pairs: Sequence[str] | None = None,
    names: tuple[str, ...] = NAMES,
) -> Examples:  # fmt: skip
    """Examples of these texts and labels."""
    return Examples(
        texts=tuple(texts),
        text_pairs=None if pairs is None else tuple(pairs),
        labels=None if labels is None else np.array(labels, dtype=np.int64),
        label_names=names,
    )


def many(n: int, *, start: int = 0) -> Examples:
    """Different texts, labelled in turn."""
    return some([f"text {at}" for at in range(start, start + n)], [at % 2 for at in range(start, start + n)])


def whole(examples: Examples) -> GivenExamples:
    """As if read from a single file."""
    return GivenExamples("texts.jsonl", {"all": examples})


def three(parts: Parts) -> dict[str, Examples]:
    """The parts by name."""
    return {"train": parts.train, "validation": parts.validation, "held_out": parts.held_out}


def test_every_content_lands_in_exactly_one_part() -> None:
    """A text in two parts makes the verdict a lie."""
    texts = [f"Text {at % 700}" if at % 3 else f" text   {at % 700}\n" for at in range(2100)]
    parts = split(whole(some(texts, [at % 2 for at in range(2100)])))
    contents = [set(part.content_fingerprints) for part in three(parts).values()]
    assert sum(map(len, contents)) == len(set.union(*contents)) == 700
    assert [len(part) for part in three(parts).values()] == [len(found) for found in contents]
    assert parts.leaks.repeats == {"train": 1400}


def test_shares_are_those_of_the_recipe() -> None:
    """Within four standard deviations of a binomial: sqrt(10000 * 0.2 * 0.8) = 40, sqrt(10000 * 0.1 * 0.9) = 30."""
    parts = split(whole(many(10_000)))
    assert abs(len(parts.held_out) - 2000) < 160
    assert abs(len(parts.validation) - 1000) < 120
    parts = split(whole(many(10_000)), settings=DataTable(validation_share=0.3, held_out_share=0.5))
    assert abs(len(parts.held_out) - 5000) < 200
    assert abs(len(parts.validation) - 3000) < 184


def test_the_order_of_the_rows_does_not_decide() -> None:
    """A file sorted by label, or shuffled anew, must not move a held-out text into train."""
    examples = many(500)
    shuffled = examples.take(np.random.default_rng(0).permutation(500))
    one, two = three(split(whole(examples))), three(split(whole(shuffled)))
    for part in one:
        assert set(one[part].texts) == set(two[part].texts)


def test_rows_that_are_added_move_no_other_row() -> None:
    """Next month's data would turn texts that the student has learned from into held-out ones."""
    before, after = three(split(whole(many(500)))), three(split(whole(many(900))))
    for part in before:
        assert set(before[part].texts) <= set(after[part].texts)


def test_the_choice_is_the_same_on_every_machine() -> None:
    """By hand: BLAKE2b of "held_out <content>" below share * 2^64 is held out; a changed hash would part anew."""
    held = set(split(whole(many(200))).held_out.texts)
    expected = {
        text
        for text in many(200).texts
        if int(fingerprint.of_bytes(b"held_out " + fingerprint.of_content(text).encode())[:16], 16) < 0.2 * 2**64
    }
    assert held == expected
    assert sorted(held)[:4] == ["text 0", "text 10", "text 101", "text 102"]


def test_a_train_part_from_an_earlier_parting_can_be_parted_again() -> None:
    """With one hash for all parts, train would hold no text below the bound, and validation would stay empty."""
    train = split(whole(many(5000))).train
    again = parts_from(train, held_out=many(50, start=10_000))
    assert abs(len(again.validation) - 0.1 * len(train)) < 4 * (0.09 * len(train)) ** 0.5


def test_labels_stay_with_their_texts() -> None:
    """Labels shifted against texts would train a coin."""
    for part in three(split(whole(many(300)))).values():
        assert part.labels is not None
        assert [int(text.split()[1]) % 2 for text in part.texts] == part.labels.tolist()


def test_given_parts_are_cleaned_by_hand() -> None:
    """Leaks flatter the student; they are taken from the part that judges, never from the one that learns."""
    parts = parts_from(
        some(["one", "two", "ONE ", "three"], [0, 1, 1, 0]),
        validation=some(["four", "Two", "four", "five"], [0, 1, 0, 1]),
        held_out=some(["six", "three", "FIVE", "six", "seven", "Two"], [0, 1, 1, 0, 1, 1]),
    )
    assert parts.train.texts == ("one", "two", "three")
    assert parts.validation.texts == ("four", "five")
    assert parts.held_out.texts == ("six", "seven")
    assert parts.train.labels is not None
    assert parts.train.labels.tolist() == [0, 1, 0]  # the first label of "one" stays
    assert parts.leaks == LeakReport(
        repeats={"train": 1, "validation": 1, "held_out": 1},
        leaks={"validation in train": 1, "held_out in train": 2, "held_out in validation": 1},
        contradictions=2,  # "ONE " and the held-out "three"
    )
    assert in_sentences(parts.leaks) == (
        "1 repeated row was dropped from train.",
        "1 repeated row was dropped from validation.",
        "1 repeated row was dropped from held_out.",
        "1 text of validation also stood in train: removed from validation.",
        "2 texts of held_out also stood in train: removed from held_out.",
        "1 text of held_out also stood in validation: removed from held_out.",
        "2 rows have another label than an earlier row of its text; the first one counts.",
    )


def test_pairs_are_compared_as_pairs() -> None:
    """The same question with another answer is another content."""
    parts = parts_from(
        some(["q", "q", "q"], [0, 1, 0], pairs=["x", "y", " X"]),
        validation=some(["q"], [1], pairs=["z"]),
        held_out=some(["x", "q"], [1, 0], pairs=["q", "Y"]),
    )
    assert parts.train.text_pairs == ("x", "y")
    assert (parts.held_out.texts, parts.held_out.text_pairs) == (("x",), ("q",))


def test_nothing_found_is_told_too() -> None:
    """Silence would not say whether anybody looked."""
    parts = parts_from(many(10), validation=many(10, start=10), held_out=many(10, start=20))
    assert in_sentences(parts.leaks) == ("No text stands twice.",)


def test_train_and_validation_alone_as_in_glue() -> None:
    """The part that chose the checkpoint must not judge it."""
    parts = split(GivenExamples("glue", {"train": many(400), "validation": many(60, start=1000)}))
    assert parts.held_out.texts == many(60, start=1000).texts
    assert set(parts.validation.texts) | set(parts.train.texts) == set(many(400).texts)
    assert 20 < len(parts.validation) < 60
    assert parts.leaks.notes == (
        "No labelled held-out part was given: validation is held out, and a new validation part comes from train.",
    )


def test_train_and_held_out_alone() -> None:
    """A given test set stays whole."""
    parts = split(GivenExamples("x", {"train": many(400), "held_out": many(60, start=1000)}))
    assert parts.held_out.texts == many(60, start=1000).texts
    assert set(parts.validation.texts) | set(parts.train.texts) == set(many(400).texts)
    assert 20 < len(parts.validation) < 60
    assert parts.leaks.notes == ()


def test_a_test_part_whose_labels_are_withheld_is_left_out() -> None:
    """GLUE on the hub: judged by its test part, nothing could be said about accuracy."""
    secret = some(["s 1", "s 2"])
    parts = split(GivenExamples("glue", {"train": many(400), "validation": many(60, start=1000), "held_out": secret}))
    assert parts.held_out.texts == many(60, start=1000).texts
    assert parts.leaks.notes == (
        "The held-out part has no labels and is left out (2 texts).",
        "No labelled held-out part was given: validation is held out, and a new validation part comes from train.",
    )


def test_texts_without_any_labels_are_parted_all_the_same() -> None:
    """Distillation from unlabelled texts."""
    parts = split(whole(some(many(300).texts)))
    assert all(part.labels is None and len(part) for part in three(parts).values())
    three_given = {"train": some(many(9).texts), "validation": some(["v"]), "held_out": some(["h"])}
    assert split(GivenExamples("x", three_given)).held_out.texts == ("h",)


def test_labels_that_train_lacks_are_told() -> None:
    """The student cannot learn what it never sees, and its errors there need no other reason."""
    parts = parts_from(
        some(["one", "two"], [0, 2], names=("a", "b", "c", "d")),
        validation=some(["three"], [1], names=("a", "b", "c", "d")),
        held_out=some(["four"], [3], names=("a", "b", "c", "d")),
    )
    assert parts.leaks.notes == ("2 of 4 labels have no text in train: 'b', 'd'.",)


def test_what_an_artifact_is_judged_by() -> None:
    """A new file counts whole; of a folder, only what training did not see."""
    assert held_out_of(whole(many(5)))[0].texts == many(5).texts
    folder = GivenExamples("x", {"train": many(50), "held_out": many(9, start=45)})
    assert held_out_of(folder)[0].texts == many(4, start=50).texts


def test_a_text_judges_once_however_often_it_stands_there() -> None:
    """A failure would prove a verdict by thirty texts a hundred times over."""
    given = some(["one", "two", "one", "one"], [0, 1, 0, 1])
    examples, leaks = held_out_of(whole(given))
    assert (examples.texts, leaks.contradictions) == (("one", "two"), 1)
    assert in_sentences(leaks) == (
        "2 repeated rows were dropped from the texts.",
        "1 row has another label than an earlier row of its text; the first one counts.",
    )


@pytest.mark.parametrize(
    ("train", "others", "message"),
    [
        (
            some(["one", "two", "three"], [1, 1, 1]),
            {"validation": many(5, start=10), "held_out": many(5)},
            (
                "d: every row has the label 'b', and there is nothing to tell it from.\n"
                "Hint: Classification needs rows of at least two labels. Is the right column named? --data.label NAME."
            ),
        ),
        (
            some(["one", "Two", "one", "two"], [0, 1, 0, 1]),
            {},
            (
                "d: 2 different texts cannot be parted, as the train part would be empty.\n"
                "Hint: Give at least a hundred different texts, or a folder with train, validation and test files."
            ),
        ),
        (
            some(["one", "two", "three"], [0, 1, 0]),
            {},
            (
                "d: 3 different texts cannot be parted, as train would hold one label only.\n"
                "Hint: Give at least a hundred different texts, or a folder with train, validation and test files."
            ),
        ),
        (
            many(50),
            {"held_out": many(20)},
            (
                "d: nothing is left of the held_out part, as each of its texts stands in an earlier part too.\n"
                "Hint: Give other texts for it, or leave it out: then it is carved out of train."
            ),
        ),
        (
            many(50),
            {"held_out": some(["q"], [0], pairs=["a"])},
            (
                "d: some parts hold pairs of texts, others single texts.\n"
                "Hint: Give all parts the same columns, or name them: --data.text NAME --data.text_pair NAME."
            ),
        ),
        (
            many(50),
            {"held_out": some(["q"], [0], names=("x", "y"))},
            "d: the parts have different label names.\nHint: Give all parts the label names of one teacher.",
        ),
    ],
)
def test_parts_that_cannot_be_made(train: Examples, others: dict[str, Examples], message: str) -> None:
    """An empty held-out part would pass every tolerance."""
    with pytest.raises(DataError) as caught:
        parts_from(train, source="d", **others)
    assert str(caught.value) == message


def test_shares_that_leave_nothing() -> None:
    """Both shares are fine alone."""
    with pytest.raises(RecipeError) as caught:
        split(whole(many(100)), settings=DataTable(validation_share=0.4, held_out_share=0.6))
    assert str(caught.value) == (
        "data.validation_share = 0.4 and data.held_out_share = 0.6 leave nothing to train on.\n"
        "Hint: Together they must be less than 1; 0.1 and 0.2 are the defaults."
    )
