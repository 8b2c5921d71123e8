"""Words whose tokens are known: texts of them become ids by looking words up, several times as fast as tokenizing.

Tokenizers of BERT's kind treat what stands between two spaces by itself: they clean and split it character by
character, drop the spaces, and cut each word into pieces. So the ids of a text are the ids of its words, one after the
other, and a word has to be tokenized only once. Other tokenizers (byte-level BPE, SentencePiece) keep spaces inside of
tokens; for them nothing here applies.
"""

from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import Self

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, Whitespace, WhitespaceSplit

Ids = tuple[int, ...]

_MOST_WORDS = 1 << 16
_LONGEST_WORD = 64
_SPLITS_AT_SPACES = (BertPreTokenizer, Whitespace, WhitespaceSplit)
_PROBE = "a"


class KnownWords:
    """What a tokenizer makes of words, kept as they come; made by `of`. May be called from many threads at once.

    Whole words of the vocabulary are known from the start. Memory is bounded: at 65,536 words those that were learned
    are forgotten.

    Args:
        tokenizer: Without padding; what it cuts off of a word is more than a text has room for.
        vocabulary: Words that are known from the start.
        before: Special tokens in front of a text.
        behind: Special tokens at its end.
    """

    def __init__(self, tokenizer: Tokenizer, *, vocabulary: dict[str, Ids], before: Ids, behind: Ids) -> None:
        self._tokenizer, self._n_given = tokenizer, len(vocabulary)
        self._known = vocabulary
        self.before, self.behind = before, behind

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self | None:
        """The words of a tokenizer; None for one that keeps spaces inside of tokens, or has no special tokens.

        The tokenizer must stay as it is: a copy of its own would take megabytes. Where it cuts texts to some number of
        tokens, words are cut to it too, which is more than special tokens leave to them.
        """
        added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        if not _is_wordwise(tokenizer) or any(" " in content for content in added):
            return None
        bare, probe = tokenizer.encode(_PROBE, add_special_tokens=False).ids, tokenizer.encode(_PROBE)
        whole = probe.ids
        starts = [at for at in range(len(whole)) if whole[at : at + len(bare)] == bare]
        if not bare or whole == bare or len(starts) != 1 or any(probe.type_ids):
            return None
        vocabulary = _whole_words(tokenizer, added)
        behind = starts[0] + len(bare)
        return cls(tokenizer, vocabulary=vocabulary, before=tuple(whole[: starts[0]]), behind=tuple(whole[behind:]))

    def ids_of(self, texts: Sequence[str], *, parallel: bool) -> list[list[int]]:
        """The ids of each text, whole, without special tokens.

        Args:
            texts: (n,) texts.
            parallel: Tokenize words that are not known yet over all cores.
        """
        rows = [text.split(" ") for text in texts]
        known = self._known  # read once: another thread may begin anew
        try:
            return _looked_up(rows, known)
        except KeyError:  # which words are new is asked only where one is
            absent = list(set[str]().union(*rows).difference(known))
            return _looked_up(rows, self._learned(absent, known, parallel=parallel))

    def _learned(self, words: list[str], known: dict[str, Ids], *, parallel: bool) -> dict[str, Ids]:
        """What is known, and these words besides; long ones are not kept."""
        if parallel:
            encodings = self._tokenizer.encode_batch_fast(words, add_special_tokens=False)
        else:
            encodings = [self._tokenizer.encode_batch_fast([word], add_special_tokens=False)[0] for word in words]
        found = {word: tuple(encoding.ids) for word, encoding in zip(words, encodings, strict=True)}
        lasting = {word: ids for word, ids in found.items() if len(word) <= _LONGEST_WORD}
        if len(known) + len(lasting) > _MOST_WORDS:
            whole = {**known, **found}  # which no other thread changes; in the order in which they came
            self._known = dict(islice(whole.items(), self._n_given))
            return whole
        known.update(lasting)
        return known if len(lasting) == len(found) else {**known, **found}


def _looked_up(rows: list[list[str]], known: Mapping[str, Ids]) -> list[list[int]]:
    look_up = known.__getitem__
    return [list(chain.from_iterable(map(look_up, row))) for row in rows]


def _is_wordwise(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer treats what stands between two spaces by itself."""
    is_local = tokenizer.normalizer is None or isinstance(tokenizer.normalizer, BertNormalizer)
    return (
        is_local and isinstance(tokenizer.pre_tokenizer, _SPLITS_AT_SPACES) and isinstance(tokenizer.model, WordPiece)
    )


def _whole_words(tokenizer: Tokenizer, added: Sequence[str]) -> dict[str, Ids]:
    """Words that are one token for certain: plain letters and digits, in lower case, with no added token in them."""
    if any(content.isalnum() for content in added):
        return {"": ()}
    longest = min(_LONGEST_WORD, tokenizer.model.max_input_chars_per_word)
    return {"": ()} | {
        word: (number,)
        for word, number in tokenizer.get_vocab(with_added_tokens=False).items()
        if word.isascii() and word.isalnum() and word == word.lower() and len(word) <= longest
    }
