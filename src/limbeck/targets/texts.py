"""The texts that an export is checked on: the user's, or those that come with limbeck."""

import json
from pathlib import Path

from limbeck.artifact.manifest import Manifest
from limbeck.data import pocket
from limbeck.ground.progress import Progress
from limbeck.targets.agreement import CheckTexts
from limbeck.tasks import TASKS
from limbeck.text.windows import Reads
from limbeck.walk.consulting import read_held_out, recipe_of

_PASSAGES = 10
"""Texts that stand for the passages of a query, or for the context of a question."""


def check_texts(manifest: Manifest, data_source: str | Path | None, *, n_texts: int, progress: Progress) -> CheckTexts:
    """Texts of the kind that an artifact answers.

    Args:
        manifest: The artifact's.
        data_source: As for `verify`; None takes Pocket's held-out utterances, put together where a task asks for more.
        n_texts: The first so many.
        progress: Told what is read.

    Raises:
        DataError: The user's cannot be read.
    """
    if data_source is None:
        texts, pairs = _bundled(manifest.task)
        source = "utterances of Pocket, which come with limbeck"
    else:
        recipe = recipe_of(manifest)
        examples = read_held_out(
            data_source, task=manifest.task, label_names=manifest.label_names, recipe=recipe, progress=progress
        )
        texts, pairs, source = examples.texts, examples.text_pairs, Path(data_source).name
    return CheckTexts(source, texts[:n_texts], None if pairs is None else pairs[:n_texts])


def _bundled(task: str) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Pocket's held-out part; for queries and questions other utterances stand for passages and contexts."""
    lines = (pocket.folder() / "held_out.jsonl").read_text(encoding="utf-8").splitlines()
    texts = tuple(json.loads(line)["text"] for line in lines)
    groups = [texts[start : start + _PASSAGES] for start in range(0, len(texts) - _PASSAGES, _PASSAGES)]
    if TASKS[task].groups_rows:
        return tuple(group[0] for group in groups for _ in group), tuple(text for group in groups for text in group)
    if TASKS[task].reads is Reads.CONTEXT:
        contexts = tuple(". ".join(group) for group in groups for _ in group)
        return tuple(text for group in groups for text in group), contexts
    return texts, None
