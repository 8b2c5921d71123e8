"""A tokenizer as the page's library computes it: what that library does otherwise is said in its terms, or refused.

The page's tokenizers are @huggingface/tokenizers, an implementation of its own. Of some parts it knows a part only:
`Whitespace` knows ASCII letters alone, `Punctuation` and `Split` know some behaviours, `single_word` of added tokens is
not looked at. `Precompiled`, which XLM-RoBERTa's kind have, is computed as NFKC with a few characters more.
"""

from collections.abc import Mapping
from typing import Any

from limbeck.errors import SchemeError

_LETTERS = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}" + "\u200c\u200d"
_BLANKS = "\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_WORDS_AND_MARKS = f"[{_LETTERS}]+|[^{_LETTERS}{_BLANKS}]+"
"""What the pre-tokenizer `Whitespace` keeps, as the Rust library defines letters and blanks."""
_MARK = r"[\p{P}$+<=>^`|~]"
"""What the pre-tokenizer `Punctuation` parts at: all punctuation, and the symbols of ASCII."""
_KNOWN = {
    "normalizer": {"BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Precompiled", "Prepend", "Replace",
                   "Sequence", "Strip", "StripAccents"},
    "pre_tokenizer": {"BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Sequence", "Split", "WhitespaceSplit"},
    "post_processor": {"BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"},
    "model": {"BPE", "Unigram", "WordPiece"},
}  # fmt: skip
_PARTS_OF_A_SEQUENCE = ("normalizers", "pretokenizers", "processors")


def for_the_page(settings: Mapping[str, Any]) -> dict[str, Any]:
    """tokenizer.json as the page takes it: texts get the same tokens as from the artifact's own.

    Args:
        settings: The artifact's tokenizer.json.

    Raises:
        SchemeError: A part that the page's library computes otherwise, and that cannot be said in its terms.
    """
    found = dict(settings)
    for role, known in _KNOWN.items():
        found[role] = _checked(settings.get(role), role, known)
    alone = [token["content"] for token in settings.get("added_tokens") or () if token.get("single_word")]
    if alone:
        raise _refusal(f"the added token {alone[0]!r}, which stands for whole words only")
    return found


def _checked(part: Any, role: str, known: set[str]) -> Any:  # noqa: ANN401  (parsed JSON)
    if part is None:
        return None
    kind = part.get("type")
    if role == "pre_tokenizer":
        part = _in_its_terms(part)
    if part["type"] not in known:
        raise _refusal(f"the {role} {kind!r}")
    return {
        key: [_checked(one, role, known) for one in value] if key in _PARTS_OF_A_SEQUENCE else value
        for key, value in part.items()
    }


def _in_its_terms(part: Mapping[str, Any]) -> dict[str, Any]:
    match part:
        case {"type": "Whitespace"}:
            return _split(_WORDS_AND_MARKS, "Removed", invert=True)
        case {"type": "Punctuation", "behavior": "Isolated" | "Removed" as behavior}:
            return _split(_MARK, behavior)
        case {"type": "Punctuation", "behavior": "Contiguous"}:
            return _split(f"{_MARK}+", "Isolated")
        case {"type": "Punctuation", "behavior": behavior}:
            raise _refusal(f"the pre_tokenizer 'Punctuation' with the behavior {behavior}")
        case {"type": "Split", "behavior": "Removed"} | {"type": "Split", "behavior": "Isolated", "invert": False}:
            pass
        case {"type": "Split", "behavior": behavior}:
            raise _refusal(f"the pre_tokenizer 'Split' with the behavior {behavior}")
    return dict(part)


def _split(pattern: str, behavior: str, *, invert: bool = False) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def _refusal(what: str) -> SchemeError:
    return SchemeError(
        f"A page would cut texts otherwise than this artifact: its tokenizers do not know {what}.",
        hint="Answer on a server with `limbeck serve`, or in a browser by a library that has what is missing.",
    )
