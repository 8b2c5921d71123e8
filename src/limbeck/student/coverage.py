"""How two tokenizers take the same texts apart: what a trimmed one costs on texts that it was not trimmed for."""

from collections.abc import Sequence
from pathlib import Path

from limbeck.student.trimming import ids_of, untouched
from limbeck.text.tokens import TOKENIZER_FILE
from limbeck.text.unknown_token import unknown_id
from limbeck.text.vocabulary import Coverage, VocabularyRecord


def compared(
    whole: Path, trimmed: Path, texts: Sequence[str], *, kept: Sequence[int], n_used: int, rows_before: int
) -> VocabularyRecord:
    """Compare a trimmed vocabulary with the whole one.

    Args:
        whole: Folder of the tokenizer that was trimmed.
        trimmed: Folder of what came of it.
        texts: Texts that had no say in it.
        kept: The old id of each new one.
        n_used: How many of them the corpus used.
        rows_before: Rows of the table for the whole vocabulary.
    """
    before, after = (list(ids_of(untouched(folder), texts)) for folder in (whole, trimmed))
    return VocabularyRecord(
        rows_before=rows_before,
        rows=len(kept),
        n_used=n_used,
        n_held_out=len(texts),
        n_changed=sum(old != [kept[token] for token in new] for old, new in zip(before, after, strict=True)),
        before=_coverage(before, unknown_id(whole / TOKENIZER_FILE)),
        after=_coverage(after, unknown_id(trimmed / TOKENIZER_FILE)),
    )


def _coverage(tokens: list[list[int]], unknown_id: int | None) -> Coverage:
    n_tokens = sum(len(ids) for ids in tokens)
    n_unknown = sum(ids.count(unknown_id) for ids in tokens) if unknown_id is not None else 0
    return Coverage(tokens_per_text=n_tokens / len(tokens), unknown_share=n_unknown / n_tokens)
