"""Where Pocket, the demo's data set, lies on disk; README.md beside this file is its data card."""

from pathlib import Path


def folder() -> Path:
    """The folder with `train.jsonl`, `validation.jsonl` and `held_out.jsonl`, ready for `limbeck compress --data`."""
    return Path(__file__).resolve().parent
