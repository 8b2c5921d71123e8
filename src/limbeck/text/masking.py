"""Hidden tokens: which ones a masked language model must guess; the same for everybody, or drawn anew in each pass."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from limbeck.errors import ArtifactError
from limbeck.ground import fingerprint
from limbeck.text.kept_tokens import UNKNOWN
from limbeck.text.windows import Parted, Segments, Window, without_blanks

SHARE = 0.15
"""Of a text's tokens."""
_MASKED, _OTHER = 0.8, 0.1
"""Of the tokens to guess while a model learns: covered by the mask, or another token in their place; the rest stay."""
_KEY_BYTES = 8

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Drawn:
    """A batch with hidden tokens.

    Args:
        input_ids: (texts, tokens) with other tokens in the place of the hidden ones.
        answering: (hidden,) where they stand, numbered through all rows.
        hidden: (hidden,) what stood there.
    """

    input_ids: Ids
    answering: Ids
    hidden: Ids


@dataclass(frozen=True)
class Masking:
    """How tokens of a vocabulary are hidden.

    Args:
        mask_token: As it is written in a text.
        mask_id: Its id.
        special_ids: Tokens that are never hidden: the mask, padding, what stands around texts, the unknown token.
        n_tokens: Ids of the vocabulary, 0 to n - 1.
    """

    mask_token: str
    mask_id: int
    special_ids: tuple[int, ...]
    n_tokens: int

    @cached_property
    def plain_ids(self) -> Ids:
        """All ids but the special ones."""
        return np.setdiff1d(np.arange(self.n_tokens), self.special_ids)

    def fixed(self, text: str, ids: Sequence[int]) -> list[int]:
        """Positions of the tokens of a text that judge a model: `SHARE` of them, at least one, by a hash of the text.

        Each position gets a number that depends on text and position alone; those with the smallest ones are hidden.

        Args:
            text: The text.
            ids: Its tokens.
        """
        special = set(self.special_ids)
        plain = [position for position, token in enumerate(ids) if token not in special]
        key = bytes.fromhex(fingerprint.of_text(text))
        numbers = {
            position: hashlib.blake2b(position.to_bytes(_KEY_BYTES, "little"), key=key, digest_size=_KEY_BYTES).digest()
            for position in plain
        }
        n_hidden = min(len(plain), max(1, round(SHARE * len(plain))))
        return sorted(sorted(plain, key=numbers.__getitem__)[:n_hidden])

    def drawn(self, input_ids: Ids, attention_mask: Ids, generator: "np.random.Generator") -> Drawn:
        """Hide tokens of a batch to learn from: each with a chance of `SHARE`, at least one of each text.

        Of these 80 % are covered by the mask, 10 % replaced by any other token, and 10 % left as they are, so that a
        model also says something about tokens that it can see.

        Args:
            input_ids: (texts, tokens).
            attention_mask: (texts, tokens) 0 for padding.
            generator: Where chance comes from; the same state hides the same tokens.

        Source: Devlin et al. 2019, "BERT", arXiv:1810.04805, section 3.1; drawn anew for each pass as in Liu et al.
        2019, "RoBERTa", arXiv:1907.11692, section 4.1.
        """
        may_hide = (attention_mask == 1) & ~np.isin(input_ids, self.special_ids)
        chances = np.where(may_hide, generator.random(input_ids.shape), np.inf)
        least = np.arange(input_ids.shape[1]) == chances.argmin(axis=1)[:, None]
        is_hidden = may_hide & ((chances < SHARE) | least)
        answering = np.flatnonzero(is_hidden)
        hidden = input_ids.reshape(-1)[answering]
        fates = generator.random(len(answering))
        others = generator.choice(self.plain_ids, len(answering))
        shown = input_ids.reshape(-1).copy()
        shown[answering] = np.where(fates < _MASKED, self.mask_id, np.where(fates < _MASKED + _OTHER, others, hidden))
        return Drawn(shown.reshape(input_ids.shape), answering, hidden)


def masking_of(tokenizer: Tokenizer, mask_token: str | None, *, pad_id: int, where: str) -> Masking:
    """What hides the tokens of a tokenizer.

    Args:
        tokenizer: Any.
        mask_token: What its settings name.
        pad_id: Its padding.
        where: Its folder, for the message.

    Raises:
        ArtifactError: The settings name no mask, or one that the tokenizer does not have.
    """
    mask_id = None if mask_token is None else tokenizer.token_to_id(mask_token)
    if mask_token is None or mask_id is None:
        raise ArtifactError(
            f"The tokenizer in {where} names no mask_token that it knows, so no token can be hidden.",
            hint="Give a masked language model with its own tokenizer_config.json.",
        )
    added = tokenizer.get_added_tokens_decoder()
    special = {id_ for id_, token in added.items() if token.special} | {mask_id, pad_id}
    # Tokens that were added later may have no row in the model.
    return Masking(mask_token, mask_id, tuple(sorted(special)), tokenizer.get_vocab_size(with_added_tokens=False))


def windows_on_masks(tokenizer: Tokenizer, texts: Sequence[str], masking: Masking, *, segments: Segments) -> Parted:
    """One window on each text, with some tokens hidden; a text that holds the mask is read as it stands.

    Args:
        tokenizer: Cuts texts to one window.
        texts: (n,) the texts.
        masking: Which tokens are hidden, and by what.
        segments: Segment ids of an encoding.
    """
    encodings = tokenizer.encode_batch(list(texts))
    windows = []
    for text, encoding in zip(texts, encodings, strict=True):
        ids: list[int] = list(encoding.ids)
        if masking.mask_token in text:
            positions = [position for position, token in enumerate(ids) if token == masking.mask_id]
            hidden = [UNKNOWN] * len(positions)
        else:
            positions = masking.fixed(text, ids)
            hidden = [ids[position] for position in positions]
            for position in positions:
                ids[position] = masking.mask_id
        spans = [without_blanks(text, *encoding.offsets[position]) for position in positions]
        windows.append([Window(ids, segments(encoding), positions, spans, hidden)])
    return Parted(windows, tuple(index for index, encoding in enumerate(encodings) if encoding.overflowing))
