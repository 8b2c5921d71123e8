"""Texts -> token ids and mask, by the tokenizer file that ships; the same code in labelling, training and serving."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from limbeck.errors import ArtifactError, DataError
from limbeck.ground import fingerprint
from limbeck.ground.forking import fork_quietly
from limbeck.text.checked import check_texts
from limbeck.text.known_words import KnownWords
from limbeck.text.masking import Masking, masking_of, windows_on_masks
from limbeck.text.units import UnitLogits
from limbeck.text.windows import (
    WHOLE_TEXTS,
    Reading,
    ReadingRules,
    Reads,
    shared_tokens,
    windows_on_contexts,
    windows_on_words,
)

TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"

Ids = NDArray[np.int64]

fork_quietly()


@dataclass(frozen=True)
class EncodedTexts:
    """Token ids of texts, not yet padded: a list for each row that a model reads.

    A row is a text; or one of several windows on it, where `reading` says which.

    Args:
        ids: Lists of token ids, special tokens included.
        type_ids: Lists of segment ids (0 for the first text of a pair, 1 for the second).
        truncated: Indices of the texts that were longer than allowed and were cut.
        reading: Where a model answers for words or tokens: which; None where it answers once a text.
    """

    ids: list[list[int]]
    type_ids: list[list[int]]
    truncated: tuple[int, ...]
    reading: Reading | None = None

    @property
    def n_truncated(self) -> int:
        """How many texts were cut."""
        return len(self.truncated)

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(ids) for ids in self.ids]

    @cached_property
    def text_lengths(self) -> list[int]:
        """Tokens of each text, in all of its rows."""
        found: list[int] = np.bincount(self.owners, weights=self.lengths, minlength=self.n_texts).astype(int).tolist()
        return found

    @property
    def n_texts(self) -> int:
        """How many texts were read."""
        return len(self.ids) if self.reading is None else len(self.reading.units)

    @cached_property
    def owners(self) -> Ids:
        """(rows,) number of each row's text; the rows of a text stand side by side."""
        return np.arange(len(self.ids)) if self.reading is None else self.reading.owners

    @property
    def n_answers(self) -> int:
        """How many rows of logits a model gives: one a text, or one a unit."""
        return len(self.ids) if self.reading is None else len(self.reading.tokens.values)

    def answers_of(self, indices: Sequence[int] | Ids) -> Ids:
        """Where the logits of these rows stand among those of all."""
        return np.asarray(indices, np.int64) if self.reading is None else self.reading.tokens.entries(indices)

    def as_logits(self, values: NDArray[np.floating]) -> NDArray[np.floating] | UnitLogits:
        """Logits as tasks take them: by text, or with the units that they belong to.

        Args:
            values: (`n_answers`, classes).
        """
        return values if self.reading is None else self.reading.logits(values)


@dataclass(frozen=True)
class TokenBatch:
    """Token ids of one batch, padded to its longest text.

    Args:
        input_ids: (texts, tokens) int64.
        attention_mask: (texts, tokens) int64, 1 for tokens and 0 for padding.
        token_type_ids: (texts, tokens) int64.
        answering: (answers,) tokens whose logits count, numbered through all rows; None where each row has its own.
        hidden: (answers,) what stood in the place of hidden tokens; None where none are hidden.
    """

    input_ids: Ids
    attention_mask: Ids
    token_type_ids: Ids
    answering: Ids | None = None
    hidden: Ids | None = None

    @property
    def rows(self) -> Ids | None:
        """(answers,) the row that each answer was found in; None where each row has its own."""
        return None if self.answering is None else self.answering // self.input_ids.shape[1]

    def read(self, logits: Any) -> Any:  # noqa: ANN401  (an array of numpy's or torch's)
        """The logits that count: (answers, classes), of (texts, classes) or of (texts, tokens, classes).

        Where tokens are hidden, logits with two axes are those that count already.
        """
        is_read = self.answering is None or (self.hidden is not None and logits.ndim == 2)
        return logits if is_read else logits.reshape(-1, logits.shape[-1])[self.answering]

    def with_hidden(self, masking: Masking, generator: "np.random.Generator") -> "TokenBatch":
        """The same batch with tokens hidden to learn from; see `Masking.drawn`."""
        drawn = masking.drawn(self.input_ids, self.attention_mask, generator)
        return replace(self, input_ids=drawn.input_ids, answering=drawn.answering, hidden=drawn.hidden)


class TextEncoder:
    """A tokenizer with its padding token and length limit, loaded from a model's folder without transformers.

    Padding and truncation that the tokenizer file itself asks for do not count: batches are padded here, and cut to
    `max_tokens`, at the side that tokenizer_config.json names as `truncation_side` (else the end). Where its
    `model_input_names` leave out token_type_ids, both texts of a pair are segment 0: so the teacher was trained.

    Args:
        folder: Holds tokenizer.json, and tokenizer_config.json where the padding token is named.
        max_tokens: Longer texts are cut to this many tokens (of a pair, the longer text is cut first); contexts are
            read in windows of as many.
        rules: What a model answers for, and how it reads on where that is more than the text.

    Raises:
        ArtifactError: A file is missing or is no tokenizer.
    """

    def __init__(self, folder: Path, *, max_tokens: int, rules: ReadingRules = WHOLE_TEXTS) -> None:
        path = folder / TOKENIZER_FILE
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # noqa: BLE001  (the binding raises bare Exception for every fault)
            raise ArtifactError(
                f"{path} is not a tokenizer file ({error}).", hint="Copy tokenizer.json from the model's own folder."
            ) from None
        settings = _read_settings(folder / TOKENIZER_CONFIG_FILE)
        self.cut_side = cut_side = "left" if settings.get("truncation_side") == "left" else "right"
        inputs = settings.get("model_input_names")
        self._has_segments = not isinstance(inputs, list) or "token_type_ids" in inputs
        self.max_tokens, self.rules, reads = max_tokens, rules, rules.reads
        self.pad_id = self._find_pad_id(settings.get("pad_token"))
        n_special = self._tokenizer.num_special_tokens_to_add(is_pair=True)
        overlap = shared_tokens(rules.overlap, max_tokens, n_special=n_special) if reads is Reads.CONTEXT else 0
        named = [fingerprint.of_file(path), str(max_tokens), cut_side, str(self._has_segments), str(self.pad_id)]
        self.fingerprint = fingerprint.of_many([*named, *([] if reads is Reads.TEXT else [reads, str(overlap)])])
        self._tokenizer.no_padding()
        self._n_met = 0
        self._masking: Masking | None = None
        if reads is Reads.MASKS:
            self._masking = masking_of(self._tokenizer, mask_token_of(folder), pad_id=self.pad_id, where=str(folder))
        if reads is Reads.CONTEXT:
            self._tokenizer.enable_truncation(max_tokens, stride=overlap, strategy="only_second")
        else:
            self._tokenizer.enable_truncation(max_tokens, strategy="longest_first", direction=cut_side)

    def encode(
        self, texts: Sequence[str], text_pairs: Sequence[str] | None = None, *, parallel: bool = True
    ) -> EncodedTexts:
        """Tokenize texts or pairs.

        Args:
            texts: (n,) first texts.
            text_pairs: (n,) second texts, or None.
            parallel: Over all cores; False keeps to one core at a time.

        Raises:
            DataError: See `check_texts`.
        """
        check_texts(texts, text_pairs)
        if self.rules.reads is not Reads.TEXT:
            return self._windows(texts, text_pairs)
        if text_pairs is None and (words := self._known_words(len(texts))) is not None:
            return self._of_known_words(words, texts, parallel=parallel)
        return self._whole(
            list(texts) if text_pairs is None else list(zip(texts, text_pairs, strict=True)), parallel=parallel
        )

    def _known_words(self, n_texts: int) -> KnownWords | None:
        """Words that are looked up, from the second text on: to gather them takes longer than to tokenize one."""
        self._n_met += n_texts
        return self._words if self._n_met > 1 else None

    @cached_property
    def _words(self) -> KnownWords | None:
        return KnownWords.of(self._tokenizer)

    def _whole(self, given: list[Any], *, parallel: bool) -> EncodedTexts:
        """Texts, or pairs of them, each in a row of its own."""
        if parallel:
            encodings = self._tokenizer.encode_batch_fast(given)
        else:
            encodings = [self._tokenizer.encode_batch_fast([one])[0] for one in given]
        return EncodedTexts(
            ids=[encoding.ids for encoding in encodings],
            type_ids=[self._segments(encoding) for encoding in encodings],
            truncated=tuple(index for index, encoding in enumerate(encodings) if self._was_cut(encoding)),
        )

    def single(self, text: str, text_pair: str | None = None) -> tuple[TokenBatch, bool]:
        """One text or pair as a batch of its own, and whether it was cut: as `encode` and `pad`, only faster.

        The texts must have passed `check_texts`.
        """
        if text_pair is None and (words := self._known_words(1)) is not None:
            encoded = self._of_known_words(words, [text], parallel=False)
            ids = np.array(encoded.ids, dtype=np.int64)
            return TokenBatch(ids, np.ones_like(ids), np.zeros_like(ids)), encoded.n_truncated > 0
        encoding = self._tokenizer.encode_batch_fast([text if text_pair is None else (text, text_pair)])[0]
        input_ids = np.array([encoding.ids], dtype=np.int64)
        type_ids = np.array([encoding.type_ids], dtype=np.int64) if self._has_segments else np.zeros_like(input_ids)
        return TokenBatch(input_ids, np.ones_like(input_ids), type_ids), self._was_cut(encoding)

    def pad(self, encoded: EncodedTexts, indices: Sequence[int] | Ids) -> TokenBatch:
        """The texts at `indices` as one batch, padded on the right to the longest of them."""
        chosen = [encoded.ids[index] for index in indices]
        lengths = [len(ids) for ids in chosen]
        width = max(lengths)
        n_tokens = sum(lengths)
        is_token = np.arange(width) < np.asarray(lengths)[:, None]
        input_ids = np.full((len(chosen), width), self.pad_id, dtype=np.int64)
        input_ids[is_token] = _flat(chosen, n_tokens)
        token_type_ids = np.zeros((len(chosen), width), dtype=np.int64)
        token_type_ids[is_token] = _flat((encoded.type_ids[index] for index in indices), n_tokens)
        answering = hidden = None
        if encoded.reading is not None:
            tokens = encoded.reading.tokens.take(indices)
            answering = tokens.values + np.repeat(np.arange(len(chosen)) * width, tokens.lengths)
            hidden = None if encoded.reading.hidden is None else encoded.reading.hidden.take(indices).values
        return TokenBatch(input_ids, is_token.astype(np.int64), token_type_ids, answering, hidden)

    @cached_property
    def uncut(self) -> Tokenizer:
        """A copy of the tokenizer that cuts nothing, to see all tokens of a text; it takes as long as many texts."""
        copy = Tokenizer.from_str(self._tokenizer.to_str())
        copy.no_truncation()
        return copy

    @property
    def masking(self) -> Masking:
        """How tokens are hidden; of an encoder that reads hidden tokens."""
        assert self._masking is not None
        return self._masking

    def to_learn_from(self, texts: Sequence[str], text_pairs: Sequence[str] | None = None) -> EncodedTexts:
        """Texts as a training reads them: as `encode`, but with no token hidden, as each pass hides others."""
        if self.rules.reads is not Reads.MASKS:
            return self.encode(texts, text_pairs)
        check_texts(texts)
        return self._whole(list(texts), parallel=True)

    def _windows(self, texts: Sequence[str], text_pairs: Sequence[str] | None) -> EncodedTexts:
        """Texts of words, or with hidden tokens, or questions with their contexts, as windows."""
        if self._masking is not None:
            within = texts
            parted = windows_on_masks(self._tokenizer, texts, self._masking, segments=self._segments)
        elif self.rules.reads is Reads.WORDS:
            within = texts
            parted = windows_on_words(self._tokenizer, texts, segments=self._segments)
        else:
            if text_pairs is None:
                raise DataError(
                    "Expected a context for each question, got questions alone.",
                    hint="Give the contexts as second texts: model(questions, contexts).",
                )
            within = text_pairs
            parted = windows_on_contexts(
                self._tokenizer,
                texts,
                text_pairs,
                uncut=self.uncut,
                max_tokens=self.max_tokens,
                segments=self._segments,
            )
        rows = [window for of_text in parted.windows for window in of_text]
        return EncodedTexts(
            ids=[window.ids for window in rows],
            type_ids=[window.type_ids for window in rows],
            truncated=parted.cut,
            reading=Reading.of(
                parted.windows,
                within,
                threshold=self.rules.threshold,
                name_of=None if self._masking is None else self._name_of,
            ),
        )

    def _segments(self, encoding: Encoding) -> list[int]:
        found: list[int] = encoding.type_ids if self._has_segments else [0] * len(encoding)
        return found

    def _of_known_words(self, words: KnownWords, texts: Sequence[str], *, parallel: bool) -> EncodedTexts:
        """As the tokenizer does it, by looking words up."""
        room = self.max_tokens - len(words.before) - len(words.behind)
        rows = words.ids_of(texts, parallel=parallel)
        truncated = tuple(index for index, row in enumerate(rows) if len(row) > room)
        for index in truncated:
            rows[index] = rows[index][-room:] if self.cut_side == "left" else rows[index][:room]
        ids = [[*words.before, *row, *words.behind] for row in rows]
        return EncodedTexts(ids, [[0] * len(row) for row in ids], truncated)

    def _was_cut(self, encoding: Encoding) -> bool:
        # What was cut off is built as Python objects when looked at, so only full-length texts are asked for it.
        return len(encoding) >= self.max_tokens and bool(encoding.overflowing)

    def _name_of(self, token: int) -> str:
        """How a token is written."""
        return str(self._tokenizer.decode([token], skip_special_tokens=False)).strip()

    def _find_pad_id(self, named: object) -> int:
        for token in (_written(named), "[PAD]", "<pad>"):
            found = self._tokenizer.token_to_id(token) if isinstance(token, str) else None
            if found is not None:
                return int(found)
        padding = self._tokenizer.padding
        return int(padding["pad_id"]) if padding else 0


def mask_token_of(folder: Path) -> str | None:
    """The mask of a tokenizer's folder, as it is written; None where its settings name none."""
    return _written(_read_settings(folder / TOKENIZER_CONFIG_FILE).get("mask_token"))


def _written(named: object) -> str | None:
    """A token of the settings, which may be an object."""
    found = named.get("content") if isinstance(named, dict) else named
    return found if isinstance(found, str) else None


def _flat(rows: Iterable[list[int]], n_tokens: int) -> Ids:
    return np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=n_tokens)


def _read_settings(path: Path) -> dict[str, object]:
    if not path.exists():
        return {}
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtifactError(
            f"{path} is not JSON ({error}).", hint=f"Copy {TOKENIZER_CONFIG_FILE} from the model's own folder."
        ) from None
    return settings if isinstance(settings, dict) else {}
