"""One way to name content: texts, files, folders, settings.

A fingerprint is 32 hexadecimal digits (128 bits of BLAKE2b): equal content gives equal names on every machine.
Files that ship are also named by their whole SHA-256, because that is what other people's tools check.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DIGEST_BYTES = 16
_BLANKS = re.compile(r"\s+")
_CHUNK_BYTES = 1 << 20


def of_bytes(content: bytes) -> str:
    """Fingerprint of raw bytes, as 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()


def of_text(text: str, text_pair: str | None = None) -> str:
    """Fingerprint of exactly this text (or pair): the key of a teacher's answer."""
    return of_bytes(json.dumps([text, text_pair], ensure_ascii=False).encode("utf-8", "surrogatepass"))


def of_content(text: str, text_pair: str | None = None) -> str:
    """Fingerprint of a text as a reader sees it: case and runs of blanks do not count.

    Splits and leak checks use it, so that "Hello " in training and "hello" in the held-out part count as one text.
    """
    folded = [_BLANKS.sub(" ", part).strip().casefold() if part is not None else None for part in (text, text_pair)]
    return of_bytes(json.dumps(folded, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def of_settings(settings: Any) -> str:  # noqa: ANN401  (anything that JSON can hold)
    """Fingerprint of a JSON value; the order of keys does not count."""
    return of_bytes(json.dumps(settings, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode())


def of_many(fingerprints: Iterable[str]) -> str:
    """Fingerprint of a sequence of fingerprints; the order counts."""
    return of_bytes("\n".join(fingerprints).encode())


def of_file(path: Path) -> str:
    """Fingerprint of a file's bytes, read in pieces of a megabyte."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
