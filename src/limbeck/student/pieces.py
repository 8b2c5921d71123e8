"""What tokens are made of: which others a kept token cannot do without, so that texts come apart as they did before.

Why a vocabulary may lose tokens without a text that used none of them coming apart otherwise:

- WordPiece takes the longest token that fits, again and again. The longest is the longest without others too.
- BPE joins the pair of the lowest rank, again and again. As long as every join that a text needs is still there, it is
  still the lowest: all others that remain were higher before.
- Unigram takes the way through the text of the highest score. Any way that remains was there before, and lost.

Sources: Wu et al. 2016, arXiv:1609.08144, section 4.1 (WordPiece); Sennrich et al. 2016, arXiv:1508.07909 (BPE); Kudo
2018, arXiv:1804.10959, section 3 (Unigram).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from limbeck.errors import TeacherError

Pair = tuple[str, str]

_ALPHABETS_END, _BLOCK, _LATIN_END = 0x3400, 0x80, 0x100
_HINT = 'Set student.vocabulary = "whole".'


@dataclass(frozen=True)
class Pieces:
    """The tokens of one tokenizer's model, and how they hang together.

    Args:
        names: The model's tokens, in the order of their ids.
        always: Tokens that stay whatever the texts: bytes, the unknown token, and what scores are measured by.
        plain: A token without the mark that tells where in a word it stands.
        parts: Every token that must be there for this one to be found, itself included.
        rewritten: The model's table of tokenizer.json with these tokens only, in this order.
        is_bytes: All 256 bytes are tokens, so that any text can be spelled.
    """

    names: tuple[str, ...]
    always: frozenset[str]
    plain: Callable[[str], str]
    parts: Callable[[str], Iterable[str]]
    rewritten: Callable[[list[str]], dict[str, Any]]
    is_bytes: bool = False

    def letters(self, seen: Iterable[str]) -> set[str]:
        """Tokens of one character that unseen words are spelled with.

        Those are Latin ones and, of any other alphabet, all that share a block of 128 code points with a character that
        was seen. Beyond U+3400, where ideographs begin, only those seen themselves: there are too many.

        Args:
            seen: Tokens of the texts.
        """
        characters = {character for token in seen for character in self.plain(token)}
        blocks = {ord(character) // _BLOCK for character in characters} | set(range(_LATIN_END // _BLOCK))

        def is_letter(text: str) -> bool:
            if len(text) != 1:
                return False
            is_of_alphabet = ord(text) < _ALPHABETS_END and ord(text) // _BLOCK in blocks
            return self.is_bytes or text in characters or is_of_alphabet

        return {name for name in self.names if is_letter(self.plain(name))}


def pieces_of(model: Mapping[str, Any]) -> Pieces:
    """The pieces of a tokenizer's model.

    Args:
        model: The table "model" of a tokenizer.json.

    Raises:
        TeacherError: It is of a kind that cannot be trimmed.
    """
    kind = str(model.get("type"))
    if kind not in _KINDS:
        raise TeacherError(
            f"A vocabulary can be trimmed where the tokenizer is {', '.join(_KINDS)}; this teacher's is {kind}.",
            hint=_HINT,
        )
    return _KINDS[kind](model)


def _word_pieces(model: Mapping[str, Any]) -> Pieces:
    mark = str(model["continuing_subword_prefix"])
    return Pieces(
        names=_in_order(model["vocab"]),
        always=frozenset({model["unk_token"]}),
        plain=lambda token: token.removeprefix(mark) or token,
        parts=lambda token: (token,),
        rewritten=lambda kept: {**model, "vocab": _numbered(kept)},
    )


def _byte_pairs(model: Mapping[str, Any]) -> Pieces:
    for setting in ("continuing_subword_prefix", "end_of_word_suffix", "dropout"):
        if model.get(setting):
            raise TeacherError(
                f"A vocabulary of byte pairs can be trimmed without {setting}; this teacher's tokenizer has "
                f"{model[setting]!r}.",
                hint=_HINT,
            )
    given: list[Pair] = [_pair(merge) for merge in model["merges"]]
    ranks = {pair: rank for rank, pair in enumerate(given)}
    names = _in_order(model["vocab"])
    alphabet = {name for name in names if len(name) == 1}
    needed: dict[str, frozenset[Pair]] = {}

    def joins(token: str) -> frozenset[Pair]:
        if token not in needed:
            needed[token] = _joins(token, ranks)
        return needed[token]

    def rewritten(kept: list[str]) -> dict[str, Any]:
        there = set(kept)
        pairs = zip(model["merges"], given, strict=True)
        merges = [merge for merge, (left, right) in pairs if {left, right, left + right} <= there]
        return {**model, "vocab": _numbered(kept), "merges": merges}

    return Pieces(
        names=names,
        always=frozenset({*_bytes_of(model, names), *([model["unk_token"]] if model.get("unk_token") else [])}),
        plain=lambda token: token,
        parts=lambda token: {token, *(left + right for left, right in joins(token)), *(alphabet & set(token))},
        rewritten=rewritten,
        is_bytes=alphabet >= _BYTES,
    )


def _unigrams(model: Mapping[str, Any]) -> Pieces:
    scores: dict[str, float] = dict(model["vocab"])
    names = tuple(name for name, _ in model["vocab"])
    unk_id = model.get("unk_id")
    # Control pieces stand in front, up to the unknown one; transformers knows some of them by their places.
    control = () if unk_id is None else names[: unk_id + 1]
    # What an unknown character costs is measured from the lowest score of all.
    lowest = min(scores, key=lambda name: scores[name])

    def rewritten(kept: list[str]) -> dict[str, Any]:
        return {**model, "vocab": [[name, scores[name]] for name in kept], "unk_id": unk_id}

    return Pieces(
        names=names,
        always=frozenset({lowest, *control, *_bytes_of(model, names)}),
        plain=lambda token: token,
        parts=lambda token: (token,),
        rewritten=rewritten,
    )


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], Pieces]] = {
    "WordPiece": _word_pieces,
    "BPE": _byte_pairs,
    "Unigram": _unigrams,
}


def longest_matches(word: str, known: Mapping[str, int], *, mark: str) -> list[str]:
    """The tokens that WordPiece takes of a word until nothing fits: what it tried before it called a word unknown.

    Args:
        word: One word, normalized.
        known: The whole vocabulary.
        mark: What tokens inside a word begin with.
    """
    found: list[str] = []
    start = 0
    while start < len(word):
        prefix = mark if start else ""
        fitting = (end for end in range(len(word), start, -1) if prefix + word[start:end] in known)
        end = next(fitting, None)
        if end is None:
            break
        found.append(prefix + word[start:end])
        start = end
    return found


def _joins(token: str, ranks: Mapping[Pair, int]) -> frozenset[Pair]:
    """The joins that make a token of its characters, in the order of their ranks, leftmost first."""
    parts = list(token)
    done: set[Pair] = set()
    while len(parts) > 1:
        ranked = [(ranks[pair], index) for index, pair in enumerate(pairwise(parts)) if pair in ranks]
        if not ranked:
            break
        _, index = min(ranked)
        done.add((parts[index], parts[index + 1]))
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
    return frozenset(done)


def _byte_alphabet() -> frozenset[str]:
    """The 256 characters that stand for bytes in byte-level BPE: printable ones for themselves, others from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    n_others = 256 - len(printable)
    return frozenset(chr(code) for code in (*printable, *range(0x100, 0x100 + n_others)))


_BYTES = _byte_alphabet()


def _bytes_of(model: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """The tokens that stand for single bytes where a character is unknown: <0x00> to <0xFF>."""
    if not model.get("byte_fallback"):
        return set()
    return {f"<0x{byte:02X}>" for byte in range(256)} & set(names)


def _pair(merge: str | list[str]) -> Pair:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _in_order(vocabulary: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(vocabulary, key=lambda token: vocabulary[token]))


def _numbered(kept: list[str]) -> dict[str, int]:
    return {token: number for number, token in enumerate(kept)}
