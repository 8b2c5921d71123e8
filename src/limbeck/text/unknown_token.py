"""The token that stands for what a tokenizer does not know."""

import json
from pathlib import Path

from tokenizers import Tokenizer


def unknown_id(path: Path) -> int | None:
    """Its id; None where the tokenizer knows everything.

    Args:
        path: A tokenizer.json.
    """
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    if model["type"] == "Unigram":
        return model["unk_id"]  # type: ignore[no-any-return]
    token = model.get("unk_token")
    return None if token is None else Tokenizer.from_file(str(path)).token_to_id(token)
