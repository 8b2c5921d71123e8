"""Asking a Hugging Face classifier: texts -> signals on disk, once, at the speed of inference, resumable."""

import time
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck.encoder.heads import asked_about, told_in
from limbeck.ground import freed_memory, machine
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import TeacherTable
from limbeck.records.run import LabellingRecord
from limbeck.teacher.load import EncoderTeacher, model_inputs
from limbeck.teacher.quick import bfloat16_copy, first_token_at_last
from limbeck.teacher.signals import Signals, SignalsKey, SignalStore
from limbeck.text import batching
from limbeck.text.examples import Examples
from limbeck.text.tokens import EncodedTexts
from limbeck.text.units import Indices, UnitLogits
from limbeck.text.windows import Reads

Rows = NDArray[np.float32]

MAX_TEXTS = 256
"""Of a batch, however short they are."""
_PART_SECONDS = 5.0


def chosen_precision(settings: TeacherTable) -> str:
    """What the teacher computes in while it labels: bfloat16 where this machine has it in hardware."""
    if settings.precision != "auto":
        return settings.precision
    return "bfloat16" if torch.cuda.is_available() or machine.has_fast_bfloat16() else "float32"


def signals_key(teacher: EncoderTeacher, *, precision: str) -> SignalsKey:
    """The key of this teacher's answers; states of every word or token would fill gigabytes, and are not kept."""
    return SignalsKey(
        teacher=teacher.fingerprint,
        tokenizer=teacher.encoder.fingerprint,
        precision=precision,
        n_classes=len(teacher.label_names),
        hidden_size=teacher.hidden_size if teacher.encoder.rules.reads is Reads.TEXT else 0,
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
    missing = store.missing(names)
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
    longest, *others = batching.by_length(encoded.lengths, max_tokens=settings.batch_tokens, max_texts=MAX_TEXTS)
    np.random.default_rng(0).shuffle(others)  # long ones first, the time left would be told several times too long
    half = store.key.precision == "bfloat16"
    model = bfloat16_copy(teacher.model) if half else teacher.model
    waiting = _Waiting(encoded, names)
    begins = np.diff(encoded.owners, prepend=-1) > 0  # a text counts with its first window
    unanswered = np.isin(encoded.owners, missing)
    last_written = time.monotonic()
    with (
        freed_memory.kept() as bound_memory,
        first_token_at_last(model),
        progress.bar(f"teacher labels {part_name}", total=len(examples), unit="texts", done=record.n_found) as bar,
    ):
        for batch in (longest, *others):
            wanted = np.flatnonzero(unanswered[batch])
            if not len(wanted):
                continue
            padded = teacher.encoder.pad(encoded, batch)
            with (
                asked_about(model, padded),
                torch.inference_mode(),
                torch.autocast(model.device.type, torch.bfloat16, enabled=half),
            ):
                output = model(**model_inputs(model, padded), output_hidden_states=store.key.hidden_size > 0)
            waiting.logits |= _by_row(told_in(output, padded), batch, wanted, rows=padded.rows)
            if store.key.hidden_size:
                waiting.hidden |= _by_row(output.hidden_states[-1][:, 0], batch, wanted)
            bar.advance(int(begins[batch[wanted]].sum()))
            bound_memory()
            if time.monotonic() - last_written > _PART_SECONDS:
                waiting.write(store)
                last_written = time.monotonic()
        waiting.write(store)
    return record


def _by_row(answers: torch.Tensor, batch: Indices, wanted: Indices, *, rows: Indices | None = None) -> dict[int, Rows]:
    """Number of a row -> what was answered for it, for the wanted rows of a batch; `rows` as `TokenBatch.rows`."""
    found = answers.float().cpu().numpy()
    rows = np.arange(len(batch)) if rows is None else rows
    return {int(batch[row]): found[rows == row] for row in wanted}


@dataclass
class _Waiting:
    """What was answered and stands on no disk yet; texts of several windows wait for the last of them.

    Args:
        encoded: All texts.
        names: (n,) their fingerprints.
        logits: Row -> (answers, classes).
        hidden: Row -> (1, hidden); empty where none is kept.
    """

    encoded: EncodedTexts
    names: tuple[str, ...]
    logits: dict[int, Rows] = field(default_factory=dict)
    hidden: dict[int, Rows] = field(default_factory=dict)

    def write(self, store: SignalStore) -> None:
        """Write the texts that are answered whole, as one more part."""
        rows_by_text: dict[int, list[int]] = defaultdict(list)
        for row in self.logits:
            rows_by_text[int(self.encoded.owners[row])].append(row)
        n_rows = np.bincount(self.encoded.owners, minlength=len(self.names))
        texts = [text for text, rows in rows_by_text.items() if len(rows) == n_rows[text]]
        rows = [row for text in texts for row in sorted(rows_by_text[text])]
        if not rows:
            return
        values = np.concatenate([self.logits.pop(row) for row in rows])
        hidden = [self.hidden.pop(row) for row in rows if self.hidden]
        reading = self.encoded.reading
        logits = values if reading is None else UnitLogits(values, reading.units.take(texts))
        store.append(
            [self.names[text] for text in texts],
            Signals(logits, np.concatenate(hidden).astype(np.float16) if hidden else None),
        )
