"""Texts -> token ids and mask, by the tokenizer file that ships; the same code in labelling, training and serving."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from limbeck import fingerprint
from limbeck.errors import ArtifactError

TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class EncodedTexts:
    """Token ids of texts, not yet padded.

    Args:
        ids: n lists of token ids, special tokens included.
        type_ids: n lists of segment ids (0 for the first text of a pair, 1 for the second).
        n_truncated: How many texts were longer than allowed and were cut.
    """

    ids: list[list[int]]
    type_ids: list[list[int]]
    n_truncated: int

    @property
    def lengths(self) -> list[int]:
        """(n,) tokens of each text."""
        return [len(ids) for ids in self.ids]


@dataclass(frozen=True)
class TokenBatch:
    """Token ids of one batch, padded to its longest text.

    Args:
        input_ids: (texts, tokens) int64.
        attention_mask: (texts, tokens) int64, 1 for tokens and 0 for padding.
        token_type_ids: (texts, tokens) int64.
    """

    input_ids: Ids
    attention_mask: Ids
    token_type_ids: Ids


class TextEncoder:
    """A tokenizer with its padding token and length limit, loaded from a model's folder without transformers.

    Args:
        folder: Holds tokenizer.json, and tokenizer_config.json where the padding token is named.
        max_tokens: Longer texts are cut to this many tokens (of a pair, the longer text is cut first).

    Raises:
        ArtifactError: A file is missing or is no tokenizer.
    """

    def __init__(self, folder: Path, *, max_tokens: int) -> None:
        path = folder / TOKENIZER_FILE
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the binding raises bare Exception for every fault
            raise ArtifactError(
                f"{path} is not a tokenizer file ({error}).", hint="Copy tokenizer.json from the model's own folder."
            ) from None
        self.max_tokens = max_tokens
        self.fingerprint = fingerprint.of_many([fingerprint.of_file(path), str(max_tokens)])
        self.pad_id = self._find_pad_id(folder)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens, strategy="longest_first")

    def encode(self, texts: Sequence[str], text_pairs: Sequence[str] | None = None) -> EncodedTexts:
        """Tokenize texts or pairs, in parallel over the cores.

        Args:
            texts: (n,) first texts.
            text_pairs: (n,) second texts, or None.
        """
        given = list(texts) if text_pairs is None else list(zip(texts, text_pairs, strict=True))
        encodings = self._tokenizer.encode_batch(given)
        return EncodedTexts(
            ids=[encoding.ids for encoding in encodings],
            type_ids=[encoding.type_ids for encoding in encodings],
            n_truncated=sum(bool(encoding.overflowing) for encoding in encodings),
        )

    def pad(self, encoded: EncodedTexts, indices: Sequence[int] | Ids) -> TokenBatch:
        """The texts at `indices` as one batch, padded on the right to the longest of them."""
        chosen = [encoded.ids[index] for index in indices]
        width = max(len(ids) for ids in chosen)
        input_ids = np.full((len(chosen), width), self.pad_id, dtype=np.int64)
        attention_mask = np.zeros((len(chosen), width), dtype=np.int64)
        token_type_ids = np.zeros((len(chosen), width), dtype=np.int64)
        for row, index in enumerate(indices):
            ids = encoded.ids[index]
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
            token_type_ids[row, : len(ids)] = encoded.type_ids[index]
        return TokenBatch(input_ids, attention_mask, token_type_ids)

    def _find_pad_id(self, folder: Path) -> int:
        config_path = folder / TOKENIZER_CONFIG_FILE
        named = None
        if config_path.exists():
            named = json.loads(config_path.read_text(encoding="utf-8")).get("pad_token")
        if isinstance(named, dict):
            named = named.get("content")
        for token in (named, "[PAD]", "<pad>"):
            found = self._tokenizer.token_to_id(token) if token else None
            if found is not None:
                return int(found)
        padding = self._tokenizer.padding
        return int(padding["pad_id"]) if padding else 0
