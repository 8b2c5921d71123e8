"""What no tokenizer takes is refused, before anything is computed: the message names its place."""

from collections.abc import Sequence

from limbeck.errors import DataError


def check_texts(texts: Sequence[str], text_pairs: Sequence[str] | None = None) -> None:
    """Refuse what no tokenizer takes.

    Args:
        texts: (n,) first texts.
        text_pairs: (n,) second texts, or None.

    Raises:
        DataError: Something is not a string, or holds half of a character (a surrogate without its partner); the
            message names its index. Or there are not as many second texts as first ones.
    """
    for name, column in (("texts", texts), ("text_pairs", () if text_pairs is None else text_pairs)):
        for index, text in enumerate(column):
            if not isinstance(text, str):
                raise DataError(
                    f"Expected a text (str) at {name}[{index}], got {type(text).__name__}.",
                    hint="Give a list of strings; leave out rows without a text.",
                )
            if not text.isascii():
                _refuse_half_characters(text, f"{name}[{index}]")
    if text_pairs is not None and len(text_pairs) != len(texts):
        raise DataError(
            f"Expected one second text for each of {len(texts)} texts, got {len(text_pairs)}.",
            hint="Give texts and text_pairs of equal length.",
        )


def _refuse_half_characters(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{place} holds half of a character (U+{ord(text[error.start]):04X}) at position {error.start}.",
            hint="A surrogate without its partner comes from broken decoding: read the source as UTF-8, or replace it "
            "with text.encode('utf-8', 'replace').decode().",
        ) from None


def check_words(given: Sequence[object]) -> None:
    """Refuse what is neither a text nor a list of words.

    Args:
        given: (n,) what a model of words was asked about.

    Raises:
        DataError: The message names its index.
    """
    for index, one in enumerate(given):
        if isinstance(one, str):
            continue
        if not isinstance(one, Sequence) or isinstance(one, bytes | bytearray):
            raise DataError(
                f"Expected a text or a list of words at texts[{index}], got {type(one).__name__}.",
                hint='Give a text, or its words: model(["Ada", "lives", "in", "Paris"]) is four texts, '
                'model([["Ada", "lives"]]) one of two words.',
            )
        for place, word in enumerate(one):
            if not isinstance(word, str) or not word.strip():
                what = repr(word) if isinstance(word, str) else type(word).__name__
                raise DataError(
                    f"Expected a word (str) at texts[{index}][{place}], got {what}.",
                    hint="Leave out what is no word; blanks stand between words, not for them.",
                )
