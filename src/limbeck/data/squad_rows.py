"""Rows of SQuAD's own files: articles hold paragraphs, paragraphs hold questions. One question is one row.

Source: Rajpurkar et al. 2016, arXiv:1606.05250; with unanswerable questions, Rajpurkar, Jia, Liang 2018,
arXiv:1806.03822.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from limbeck.data.tables import Row
from limbeck.errors import DataError

_UNIT = "question"


def is_squad(value: object) -> bool:
    """Whether a JSON value is the whole of such a file."""
    if not isinstance(value, dict):
        return False
    articles = value.get("data")
    return isinstance(articles, list) and all(isinstance(one, dict) and "paragraphs" in one for one in articles)


def squad_rows(value: Mapping[str, Any], name: str) -> Iterator[Row]:
    """A row for each question: question, context, and answers where the file has them.

    Answers of impossible questions are none, whatever is thought to be plausible.

    Raises:
        DataError: A paragraph or a question is not built as SQuAD's are; the message names the question before it.
    """
    number = 0
    for article in value["data"]:
        try:
            for row in _rows_of(article):
                number += 1
                yield Row(number, row, _UNIT)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{name}, behind question {number}: a paragraph or a question is not as in SQuAD ({error}).",
                hint='Articles have "paragraphs"; these "context" and "qas"; each of these "question" and "answers".',
            ) from None


def _rows_of(article: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for paragraph in article["paragraphs"]:
        for asked in paragraph["qas"]:
            row = {"question": asked["question"], "context": paragraph["context"]}
            if asked.get("is_impossible"):
                row["answers"] = []
            elif "answers" in asked:
                row["answers"] = asked["answers"]
            yield row
