"""Queries stay whole: no query stands in two parts, what is odd about them is told, and made-up passages keep them."""

from pathlib import Path

import numpy as np
import pytest

from limbeck import data
from limbeck.errors import DataError
from limbeck.recipe.knobs import DataTable
from limbeck.text.examples import Examples, Parts
from small_run import write_rows

N_QUERIES, N_PASSAGES = 120, 4


def pairs(n_queries: int = N_QUERIES, *, prefix: str = "query", labels: bool = True) -> Examples:
    """Queries with passages each, of which the first is relevant."""
    rows = [(f"{prefix} {query}", f"passage {query} {number}") for query in range(n_queries) for number in range(4)]
    grades = np.array([float(number == 0) for _ in range(n_queries) for number in range(4)])
    texts, passages = zip(*rows, strict=True)
    return Examples(texts, passages, grades if labels else None, ("number",))


def _parted(examples: Examples) -> Parts:
    return data.parts_from(examples, by_query=True)


def test_rows_of_a_query_have_one_number() -> None:
    """A failure would measure the same query as several, or several as one."""
    examples = Examples(("b", "a", " B ", "a"), ("1", "2", "3", "4"), None, ("number",))
    assert examples.groups.tolist() == [0, 1, 0, 1]


def test_no_query_stands_in_two_parts() -> None:
    """A failure would judge by queries that training has read with other passages."""
    parts = _parted(pairs())
    queries = [set(part.query_fingerprints) for part in (parts.train, parts.validation, parts.held_out)]
    assert all(queries)
    assert not queries[0] & (queries[1] | queries[2])
    assert not queries[1] & queries[2]
    assert sum(map(len, queries)) == N_QUERIES
    for part in (parts.train, parts.validation, parts.held_out):
        assert set(np.bincount(part.groups)) == {N_PASSAGES}
    pairwise = data.parts_from(pairs())
    assert set(pairwise.train.query_fingerprints) & set(pairwise.held_out.query_fingerprints)


def test_given_parts_lose_the_queries_of_earlier_ones_by_hand() -> None:
    """A failure would count a leaked pair twice, or keep a query with other passages in the held-out part."""
    held_out = Examples(
        ("query 3", "query 3", "other", "other"),
        ("passage 3 1", "a new passage", "one", "two"),
        np.array([0.0, 1.0, 1.0, 0.0]),
        ("number",),
    )
    validation = Examples(("third", "third"), ("x", "y"), np.array([0.0, 1.0]), ("number",))
    parts = data.parts_from(pairs(), validation=validation, held_out=held_out, by_query=True)
    assert parts.held_out.texts == ("other", "other")
    assert parts.leaks.leaks["held_out in train"] == 1
    assert "1 query of held_out also stood in an earlier part with other passages: 1 row removed" in " ".join(
        parts.leaks.notes
    )


def test_queries_without_a_relevant_passage_are_told() -> None:
    """A failure would give an nDCG of fewer queries than a reader believes."""
    examples = pairs()
    assert examples.labels is not None
    grades = examples.labels.copy()
    grades[:4] = 0.0
    parts = _parted(Examples(examples.texts, examples.text_pairs, grades, ("number",)))
    told = " ".join(data.in_sentences(parts.leaks))
    assert "has no relevant passage: left out of nDCG." in told


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (
            Examples(tuple(map(str, range(300))), ("a",) * 300, None, ("number",)),
            "no query of the part train has several passages",
        ),
        (
            Examples(pairs().texts, pairs().text_pairs, np.tile([0.0, -1.0], 240), ("number",)),
            "has a passage of a grade above 0",
        ),
    ],
)
def test_nothing_to_put_in_order_is_refused(examples: Examples, message: str) -> None:
    """A failure would be found out after hours of training, as a mean over nothing."""
    with pytest.raises(DataError, match=message):
        _parted(examples)


def test_single_texts_are_refused(tmp_path: Path) -> None:
    """A failure would rank texts without a query."""
    path = write_rows(tmp_path / "texts.jsonl", [{"text": f"text {n}", "label": n % 2} for n in range(20)])
    tables = data.read_table(path, columns=DataTable(), task="reranking")
    with pytest.raises(DataError, match="takes a query and a passage in each row"):
        data.to_examples(tables, None)


def test_columns_of_queries_and_passages_are_found(tmp_path: Path) -> None:
    """A failure would make users name the columns that every ranking data set has."""
    rows = [{"query": f"q {n // 2}", "passage": f"p {n}", "relevance": n % 2 * 2} for n in range(40)]
    found = data.to_examples(
        data.read_table(write_rows(tmp_path / "p.jsonl", rows), columns=DataTable(), task="reranking"), None
    )
    assert found.by_query
    assert found.parts["all"].labels is not None
    assert found.parts["all"].labels.tolist() == [0.0, 2.0] * 20


def test_made_up_passages_keep_their_queries() -> None:
    """A failure would make up queries that nobody asks."""
    examples = pairs(40)
    known = set(examples.texts)
    unread = _parted(pairs(40, prefix="unread")).held_out
    made = data.augmented(examples, n=100, seed=0, avoid=unread.content_fingerprints, keeps_first=True)
    assert len(made) == 100
    assert set(made.texts) <= known
    assert made.text_pairs is not None
    assert not set(made.content_fingerprints) & {*examples.content_fingerprints, *unread.content_fingerprints}
    assert {word for text in made.text_pairs for word in text.split()} <= {
        word for text in examples.text_pairs or () for word in text.split()
    }


def test_extra_passages_of_held_out_queries_are_left_out(tmp_path: Path) -> None:
    """A failure would teach the student the very queries that it is judged by."""
    parts = _parted(pairs())
    secret = parts.held_out.texts[0]
    path = write_rows(
        tmp_path / "extra.jsonl",
        [{"query": secret, "passage": "new"}, {"query": "fresh", "passage": "new"}],
    )
    found = data.read_extra(path, parts, columns=DataTable(), task="reranking")
    assert found.texts == ("fresh",)
