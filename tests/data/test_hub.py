"""Data sets of the hub: with a double for the network, and what is said when it cannot be reached."""

import sys
from pathlib import Path
from typing import Any

import datasets
import pytest

from limbeck.data import read_table, split, to_examples
from limbeck.errors import DataError, MissingExtraError

HINT = (
    "Check the spelling and the network (HF_HUB_OFFLINE forbids it). A private data set needs HF_TOKEN; "
    "one with several configurations is named owner/name:configuration."
)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def a_split(texts: list[str], labels: list[int]) -> datasets.Dataset:
    """A split whose labels are numbers with names."""
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    return datasets.Dataset.from_dict({"sentence": texts, "label": labels}, features=features)


def serve(monkeypatch: pytest.MonkeyPatch, **splits: datasets.Dataset) -> list[tuple[Any, ...]]:
    """Put these splits in the place of the hub; gives the list of what was asked of it."""
    asked: list[tuple[Any, ...]] = []

    def load_dataset(*arguments: Any) -> datasets.DatasetDict:
        asked.append(arguments)
        return datasets.DatasetDict(splits)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def test_glue_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best known data set: names for its numbers, and a test part whose labels are all -1."""
    asked = serve(
        monkeypatch,
        train=a_split([f"text {at}" for at in range(2500)], [at % 2 for at in range(2500)]),
        validation=a_split(["fine", "poor"], [1, 0]),
        test=a_split(["secret 1", "secret 2"], [-1, -1]),
        validation_mismatched=a_split(["other"], [0]),
    )
    tables = read_table("nyu-mll/glue:sst2")
    assert asked == [("nyu-mll/glue", "sst2")]
    assert tables.parts["train"].place(2400) == "data set nyu-mll/glue (sst2), split train, row 2401"
    parts = split(to_examples(tables, ["POSITIVE", "NEGATIVE"]))
    assert parts.held_out.texts == ("fine", "poor")
    assert parts.held_out.labels is not None
    assert parts.held_out.labels.tolist() == [0, 1]
    assert len(parts.train) + len(parts.validation) == 2500


def test_a_single_split_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a data set of one split could not be used at all."""
    asked = serve(monkeypatch, corpus=a_split(["a", "b"], [0, 1]))
    assert read_table("someone/texts").parts["all"].texts == ("a", "b")
    assert asked == [("someone/texts", None)]


def test_splits_of_which_none_is_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be guessed from names that nobody knows."""
    serve(monkeypatch, red=a_split(["a"], [0]), blue=a_split(["b"], [1]))
    with pytest.raises(DataError) as caught:
        read_table("someone/texts")
    assert str(caught.value) == (
        "The data set someone/texts has no split called train; its splits are red, blue.\n"
        "Hint: Save the splits that you want as train.parquet and test.parquet in a folder, and give the folder."
    )


def test_a_bad_row_of_the_hub_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same checks as for files, with split and row in the place of the line."""
    serve(monkeypatch, train=a_split(["a", ""], [0, 1]))
    with pytest.raises(DataError) as caught:
        read_table("imdb")
    assert str(caught.value) == (
        "data set imdb, split train, row 2: expected a text, but 'sentence' is blank.\n"
        "Hint: Give every row a text, or remove the rows without one."
    )


def test_offline_it_says_what_it_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE is honoured, and the user learns that neither file nor data set was found."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError) as caught:
        read_table("limbeck-tests/no-such-data-set")
    assert caught.value.message.startswith(
        "There is no file or folder limbeck-tests/no-such-data-set, and no data set of that name could be read from "
        "the hub: Couldn't reach 'limbeck-tests/no-such-data-set' on the Hub"
    )
    assert caught.value.hint == HINT


def test_without_the_library_the_install_line_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base install has no `datasets`: an ImportError would be read as a defect."""
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError) as caught:
        read_table("imdb")
    assert str(caught.value) == (
        "There is no file or folder imdb; reading a Hugging Face data set of that name needs packages that are not "
        "installed.\nHint: pip install 'limbeck[train]'"
    )
