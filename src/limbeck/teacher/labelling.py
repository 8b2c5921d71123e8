"""Asking a Hugging Face classifier: texts -> signals on disk, once, at the speed of inference, resumable."""

import time

import numpy as np
import torch

from limbeck import batching, machine
from limbeck.examples import Examples
from limbeck.progress import SILENT, Progress
from limbeck.recipe import TeacherTable
from limbeck.records import LabellingRecord
from limbeck.signals import Signals, SignalsKey, SignalStore
from limbeck.teacher.load import EncoderTeacher, model_inputs
from limbeck.teacher.quick import bfloat16_copy, first_token_at_last

MAX_TEXTS = 256
"""Of a batch, however short they are."""
_PART_SECONDS = 5.0


def chosen_precision(settings: TeacherTable) -> str:
    """What the teacher computes in while it labels: bfloat16 where this machine has it in hardware."""
    if settings.precision != "auto":
        return settings.precision
    return "bfloat16" if torch.cuda.is_available() or machine.has_fast_bfloat16() else "float32"


def signals_key(teacher: EncoderTeacher, *, precision: str) -> SignalsKey:
    """The key of this teacher's answers."""
    return SignalsKey(
        teacher=teacher.fingerprint,
        tokenizer=teacher.encoder.fingerprint,
        precision=precision,
        n_classes=len(teacher.label_names),
        hidden_size=teacher.hidden_size,
    )


def label(
    teacher: EncoderTeacher,
    examples: Examples,
    store: SignalStore,
    *,
    settings: TeacherTable,
    progress: Progress = SILENT,
    part_name: str = "texts",
) -> LabellingRecord:
    """Ask the teacher for every text that the store has no answer to.

    Batches are cut from the whole set, whatever is answered already, so that a text always has the same companions: a
    killed and resumed labelling gives the same bits as an undisturbed one.

    Args:
        teacher: Frozen; computes in the precision of the store's key.
        examples: The texts; their labels are not looked at.
        store: Where answers go, a part every few seconds.
        settings: Batch size.
        progress: Told of each batch.
        part_name: What the bar says is being labelled.

    Raises:
        OutputError: The disk is full; what was written stays, and the next call goes on from there.
    """
    names = examples.text_fingerprints
    missing = set(store.missing(names))
    encoded = teacher.encoder.encode(examples.texts, examples.text_pairs)
    record = LabellingRecord(
        n_texts=len(examples),
        n_found=len(examples) - len(missing),
        n_asked=len(missing),
        n_truncated=encoded.n_truncated,
        folder=str(store.folder),
    )
    if not missing:
        return record
    batches = batching.by_length(encoded.lengths, max_tokens=settings.batch_tokens, max_texts=MAX_TEXTS)
    half = store.key.precision == "bfloat16"
    model = bfloat16_copy(teacher.model) if half else teacher.model
    waiting: list[tuple[list[int], Signals]] = []
    last_written = time.monotonic()
    with (
        first_token_at_last(model),
        progress.bar(f"teacher labels {part_name}", total=len(examples), unit="texts", done=record.n_found) as bar,
    ):
        for batch in batches:
            wanted = [row for row, position in enumerate(batch) if int(position) in missing]
            if not wanted:
                continue
            inputs = model_inputs(model, teacher.encoder.pad(encoded, batch))
            with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, enabled=half):
                output = model(**inputs, output_hidden_states=True)
            answers = Signals(
                logits=output.logits[wanted].float().cpu().numpy(),
                first_hidden=output.hidden_states[-1][wanted, 0].float().cpu().numpy().astype(np.float16),
            )
            waiting.append(([int(batch[row]) for row in wanted], answers))
            bar.advance(len(wanted))
            if time.monotonic() - last_written > _PART_SECONDS:
                _write(store, names, waiting)
                last_written = time.monotonic()
        _write(store, names, waiting)
    return record


def _write(store: SignalStore, names: tuple[str, ...], waiting: list[tuple[list[int], Signals]]) -> None:
    if not waiting:
        return
    positions = [position for batch, _ in waiting for position in batch]
    answers = Signals(
        logits=np.concatenate([signals.logits for _, signals in waiting]),
        first_hidden=np.concatenate(
            [signals.first_hidden for _, signals in waiting if signals.first_hidden is not None]
        ),
    )
    store.append([names[position] for position in positions], answers)
    waiting.clear()
