"""What outputs are called that are no labels."""

import pytest

from limbeck.tasks import TASKS, output_names


@pytest.mark.parametrize(
    ("task", "n_outputs", "names"),
    [
        ("classification", 3, ()),
        ("multi-label", None, ()),
        ("token-classification", 5, ()),
        ("regression", None, ("number",)),
        ("regression", 1, ("number",)),
        ("reranking", None, ("number",)),
        ("reranking", 0, ("number",)),
        ("reranking", 1, ("number",)),
        ("reranking", 2, ()),  # relevant or not: labels with names of their own
        ("embeddings", 3, ("0", "1", "2")),
        ("embeddings", None, ("number",)),
        ("question-answering", 2, ("start", "end")),
    ],
)
def test_names_of_outputs(task: str, n_outputs: int | None, names: tuple[str, ...]) -> None:
    """A failure would part a model from its signals, which are matched by these names."""
    assert task in TASKS
    assert output_names(task, n_outputs) == names
