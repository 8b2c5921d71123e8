"""What a student starts from: the teacher as it is, or with the part of its vocabulary that the texts need."""

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from limbeck.encoder.families import POSITIONS_BEHIND_PADDING
from limbeck.encoder.origin import Origin
from limbeck.errors import TeacherError
from limbeck.ground import files, fingerprint, wording
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.student import StudentTable
from limbeck.student.coverage import compared
from limbeck.student.likeness import by_likeness
from limbeck.student.trimming import trim
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder
from limbeck.text.vocabulary import VocabularyRecord

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_KEPT_FILE = "vocabulary.json"


def trimmed(
    whole: Origin, wanted: StudentTable, *, corpus: Examples, work: Path, progress: Progress = SILENT
) -> Origin:
    """The origin, with as much of its vocabulary as the recipe wants.

    What was trimmed once lies in `work` and is read back, so that a run that goes on meets the same rows.

    Args:
        whole: With all of its vocabulary. It is not changed.
        wanted: The recipe's student table.
        corpus: The texts that the student will learn from.
        work: Where the rewritten tokenizer lies.
        progress: Told what goes on.

    Raises:
        TeacherError: Its tokenizer or its head does not allow it.
        OutputError: The disk is full.
    """
    if wanted.vocabulary == "whole":
        return whole
    if whole.model.get_output_embeddings() is not None:
        raise TeacherError(
            "A vocabulary is trimmed where answers are not tokens; this teacher answers with tokens of its own.",
            hint='Set student.vocabulary = "whole".',
        )
    settings = {
        "corpus": corpus.fingerprint,
        "tokenizer": whole.encoder.fingerprint,
        "share": wanted.vocabulary_share,
    }
    named = fingerprint.of_settings(settings)
    folder = work / "vocabulary"
    if _kept(folder).get("named") != named:
        progress.say("Trimming the vocabulary")
        _write_trimmed(whole, wanted, corpus=corpus, folder=folder, named=named)
    kept = _kept(folder)["kept"]
    progress.say(f"Of {wording.counted(_rows(whole.model), 'token')}, the student keeps {wording.count(len(kept))}")
    return replace(
        whole,
        model=with_rows(whole.model, kept),
        encoder=TextEncoder(folder, max_tokens=whole.encoder.max_tokens, rules=whole.encoder.rules),
        tokenizer_folder=folder,
        whole=whole,
    )


def vocabulary_of(origin: Origin, unread: Examples) -> VocabularyRecord | None:
    """How a trimmed vocabulary fares on texts that nothing was chosen by; None where it is whole."""
    if origin.whole is None:
        return None
    kept = _kept(origin.tokenizer_folder)
    return compared(
        origin.whole.tokenizer_folder,
        origin.tokenizer_folder,
        _all_texts(unread),
        kept=kept["kept"],
        n_used=kept["n_used"],
        rows_before=_rows(origin.whole.model),
    )


def with_rows(model: "PreTrainedModel", kept: Sequence[int]) -> "PreTrainedModel":
    """A model with some of its embedding rows, which shares every other weight with the given one.

    Args:
        model: It is not changed.
        kept: The old row of each new one.

    Raises:
        TeacherError: Its positions would move.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    found = copy.deepcopy(model, shared)
    table = _table(found)
    # A tokenizer may know added tokens that the model has no row for; no text of a working teacher holds one.
    rows = table.weight.detach()[torch.as_tensor(kept).clamp(max=len(table.weight) - 1)]
    table.weight = torch.nn.Parameter(rows, requires_grad=False)
    table.num_embeddings = len(kept)
    new_ids = {old: new for new, old in enumerate(kept)}
    for name, value in _token_ids(model).items():
        if isinstance(value, list):
            setattr(found.config, name, [new_ids[id_] for id_ in value if id_ in new_ids])
        else:
            setattr(found.config, name, new_ids.get(value))
    if model.config.model_type in POSITIONS_BEHIND_PADDING and found.config.pad_token_id != model.config.pad_token_id:
        raise TeacherError(
            f"Its positions are counted from the padding's id, {model.config.pad_token_id}, which trimming would move.",
            hint='Set student.vocabulary = "whole".',
        )
    found.config.vocab_size = len(kept)
    table.padding_idx = None if table.padding_idx is None else new_ids.get(table.padding_idx)
    return found


def _write_trimmed(whole: Origin, wanted: StudentTable, *, corpus: Examples, folder: Path, named: str) -> None:
    vectors = _table(whole.model).weight.detach().float().cpu().numpy()
    trimmed = trim(
        whole.tokenizer_folder,
        _all_texts(corpus),
        n_wanted=round(wanted.vocabulary_share * len(vectors)),
        ranking=lambda counts: by_likeness(vectors, counts),
        fixed=_fixed_ids(whole.model),
    )
    with files.folder_written_whole(folder) as temporary:
        trimmed.write(temporary, source=whole.tokenizer_folder)
        files.write_json(temporary / _KEPT_FILE, {"named": named, "n_used": trimmed.n_used, "kept": trimmed.kept})


def _fixed_ids(model: "PreTrainedModel") -> set[int]:
    """The ids that the config names; and, where positions are counted from the padding's id, all before it."""
    config = model.config
    found = {id_ for value in _token_ids(model).values() for id_ in (value if isinstance(value, list) else [value])}
    return found | set(range(int(config.pad_token_id or 0) if config.model_type in POSITIONS_BEHIND_PADDING else 0))


def _token_ids(model: "PreTrainedModel") -> dict[str, int | list[int]]:
    """The ids that the config names, by field."""
    told = model.config.to_dict()
    return {name: value for name, value in told.items() if name.endswith("_token_id") and value is not None}


def _rows(model: "PreTrainedModel") -> int:
    """Rows of the embedding table."""
    return _table(model).num_embeddings


def _table(model: "PreTrainedModel") -> torch.nn.Embedding:
    """The embedding table of the tokens."""
    return model.get_input_embeddings()  # type: ignore[return-value]


def _all_texts(examples: Examples) -> tuple[str, ...]:
    return (*examples.texts, *(examples.text_pairs or ()))


def _kept(folder: Path) -> dict[str, Any]:
    """What was written beside a rewritten tokenizer; nothing where there is none."""
    path = folder / _KEPT_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
