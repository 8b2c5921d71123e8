"""A tokenizer with fewer tokens, under which the texts of a corpus come apart exactly as before."""

import copy
import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from limbeck.errors import DataError, TeacherError
from limbeck.ground import files
from limbeck.student.pieces import Pieces, longest_matches, pieces_of
from limbeck.text.tokens import TOKENIZER_CONFIG_FILE, TOKENIZER_FILE

_CHUNK = 4096
_COPIED = ("special_tokens_map.json",)
_ROLES = ("cls", "sep")
"""What Bert's and Roberta's own post-processors name; others have templates."""

Ranking = Callable[[Mapping[int, int]], Sequence[int]]
"""Tokens and how often a corpus uses them -> other tokens, the likeliest to be used first."""


@dataclass(frozen=True)
class Trimmed:
    """A smaller vocabulary.

    Args:
        kept: The old id of each new id, in rising order.
        n_used: How many of them the corpus uses.
        tokenizer: The rewritten tokenizer.json.
        config: The rewritten tokenizer_config.json; None where there was none.
    """

    kept: tuple[int, ...]
    n_used: int
    tokenizer: Mapping[str, Any]
    config: Mapping[str, Any] | None

    def write(self, folder: Path, *, source: Path) -> None:
        """Write the tokenizer's files into an existing folder.

        Args:
            folder: Where to.
            source: The folder that was trimmed; files without ids in them are copied from there.

        Raises:
            OutputError: The disk is full.
        """
        with files.written_whole(folder / TOKENIZER_FILE) as temporary:  # it ships, so without blanks
            told = json.dumps(self.tokenizer, ensure_ascii=False, separators=(",", ":"))
            temporary.write_text(told, encoding="utf-8")
        if self.config is not None:
            files.write_json(folder / TOKENIZER_CONFIG_FILE, self.config)
        for name in _COPIED:
            if (source / name).exists():
                shutil.copyfile(source / name, folder / name)


def trim(
    folder: Path, texts: Sequence[str], *, n_wanted: int, ranking: Ranking, fixed: Collection[int] = ()
) -> Trimmed:
    """Keep the tokens that a corpus uses, the letters to spell other words with, and the likeliest others.

    Added and special tokens stay too, and what the kept ones cannot be found without. The order of the tokens stays.

    Args:
        folder: Holds tokenizer.json, and tokenizer_config.json where there is one. It is only read.
        texts: The corpus. Every text of it comes apart into the same tokens as before; that is looked up, text by text.
        n_wanted: So many tokens are kept at least, where there are so many.
        ranking: Which to keep besides the corpus's own.
        fixed: Ids that stay in any case.

    Raises:
        DataError: The corpus is empty.
        TeacherError: The tokenizer cannot be trimmed.

    Source: after Abdaoui et al. 2020, "Load What You Need: Smaller Versions of Multilingual BERT", arXiv:2010.05609,
    section 2.
    """
    if not texts:
        raise DataError(
            "A vocabulary is trimmed to the tokens of a corpus, and this corpus has no text.",
            hint='Give texts, or set student.vocabulary = "whole".',
        )
    told = json.loads((folder / TOKENIZER_FILE).read_text(encoding="utf-8"))
    before = untouched(folder)
    pieces = pieces_of(told["model"])
    ids: Mapping[str, int] = before.get_vocab(with_added_tokens=True)
    counts = _counts(before, texts)
    words = _words_not_found(before, texts, told["model"]) if told["model"]["type"] == "WordPiece" else set()

    names = {token_id: name for name, token_id in ids.items()}
    seen = {*(names[token_id] for token_id in counts), *words}
    kept = {names[token_id] for token_id in fixed if token_id in names} | _named_in(told)
    of_model = set(pieces.names)
    for name in (*seen, *pieces.always, *pieces.letters(seen & of_model)):
        kept |= _with_parts(name, pieces, of_model)
    for token_id in ranking(counts):
        if len(kept) >= n_wanted:
            break
        if token_id in names:
            kept |= _with_parts(names[token_id], pieces, of_model)

    in_order = sorted(kept & set(ids), key=lambda name: ids[name])
    new_ids = {name: number for number, name in enumerate(in_order)}
    found = Trimmed(
        kept=tuple(ids[name] for name in in_order),
        n_used=len(counts),
        tokenizer=_rewritten(told, pieces, in_order, new_ids, of_model),
        config=_rewritten_config(folder / TOKENIZER_CONFIG_FILE, new_ids),
    )
    _refuse_changed(found, before, texts)
    return found


def untouched(folder: Path) -> Tokenizer:
    """The folder's tokenizer, without padding and cutting."""
    return _whole_texts(Tokenizer.from_file(str(folder / TOKENIZER_FILE)))


def ids_of(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[list[int]]:
    """The tokens of each text, special ones included."""
    for start in range(0, len(texts), _CHUNK):
        for encoding in tokenizer.encode_batch_fast(list(texts[start : start + _CHUNK])):
            yield encoding.ids


def _whole_texts(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _counts(tokenizer: Tokenizer, texts: Sequence[str]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for ids in ids_of(tokenizer, texts):
        counts.update(ids)
    return counts


def _words_not_found(tokenizer: Tokenizer, texts: Sequence[str], model: Mapping[str, Any]) -> set[str]:
    """What WordPiece took of words before it called them unknown: without it, it might take another way and succeed."""
    unknown, vocabulary, mark = model["unk_token"], model["vocab"], model["continuing_subword_prefix"]
    unknown_id = vocabulary.get(unknown)
    found: set[str] = set()
    for text, ids in zip(texts, ids_of(tokenizer, texts), strict=True):
        if unknown_id in ids:
            for word in _words(tokenizer, text):
                found.update(longest_matches(word, vocabulary, mark=mark))
    return found


def _words(tokenizer: Tokenizer, text: str) -> list[str]:
    if tokenizer.normalizer is not None:
        text = tokenizer.normalizer.normalize_str(text)
    if tokenizer.pre_tokenizer is None:
        return [text]
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]


def _with_parts(name: str, pieces: Pieces, of_model: Collection[str]) -> set[str]:
    return {name, *(part for part in pieces.parts(name) if part in of_model)} if name in of_model else {name}


def _rewritten(
    told: Mapping[str, Any],
    pieces: Pieces,
    in_order: list[str],
    new_ids: Mapping[str, int],
    of_model: Collection[str],
) -> dict[str, Any]:
    """tokenizer.json with new ids; what holds no id stays as it is."""
    found = copy.deepcopy({name: value for name, value in told.items() if name != "model"})
    found["model"] = pieces.rewritten([name for name in in_order if name in of_model])
    for added in found["added_tokens"]:
        added["id"] = new_ids[added["content"]]
    if found.get("padding"):
        found["padding"]["pad_id"] = new_ids[found["padding"]["pad_token"]]
    _renumber_processor(found.get("post_processor"), new_ids)
    return found


def _named_in(told: Mapping[str, Any]) -> set[str]:
    """Tokens that tokenizer.json names outside of its model's table."""
    found = {added["content"] for added in told["added_tokens"]}
    if told.get("padding"):
        found.add(told["padding"]["pad_token"])
    return found | _named_in_processor(told.get("post_processor"))


def _named_in_processor(processor: Mapping[str, Any] | None) -> set[str]:
    if processor is None:
        return set()
    below = (_named_in_processor(one) for one in processor.get("processors", ()))
    templates = (special["tokens"] for special in processor.get("special_tokens", {}).values())
    return {*(processor[role][0] for role in _ROLES if role in processor), *chain(*below, *templates)}


def _renumber_processor(processor: dict[str, Any] | None, new_ids: Mapping[str, int]) -> None:
    if processor is None:
        return
    for below in processor.get("processors", ()):  # a sequence of them
        _renumber_processor(below, new_ids)
    for special in processor.get("special_tokens", {}).values():  # templates
        special["ids"] = [new_ids[token] for token in special["tokens"]]
    for role in _ROLES:
        if role in processor:
            processor[role] = [processor[role][0], new_ids[processor[role][0]]]


def _rewritten_config(path: Path, new_ids: Mapping[str, int]) -> dict[str, Any] | None:
    if not path.exists():
        return None
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    added = config.get("added_tokens_decoder")
    if added is not None:
        by_id = {new_ids[token["content"]]: token for token in added.values() if token["content"] in new_ids}
        config["added_tokens_decoder"] = {str(token_id): by_id[token_id] for token_id in sorted(by_id)}
    return config


def _refuse_changed(found: Trimmed, before: Tokenizer, texts: Sequence[str]) -> None:
    after = _whole_texts(Tokenizer.from_str(json.dumps(found.tokenizer)))
    for text, old, new in zip(texts, ids_of(before, texts), ids_of(after, texts), strict=True):
        if old != [found.kept[token_id] for token_id in new]:
            raise TeacherError(
                f"After trimming, this teacher's tokenizer takes {text[:60]!r} apart otherwise than before.",
                hint='Set student.vocabulary = "whole", and report the tokenizer.',
            )
