"""Asking a teacher that answers a list of texts at once, piece by piece; answers are kept every few seconds."""

import time
from collections.abc import Callable, Sequence

from limbeck.ground.progress import SILENT, Progress
from limbeck.records.run import LabellingRecord
from limbeck.tasks.task import AnyLogits
from limbeck.teacher.answering import Labelled
from limbeck.teacher.signals import Signals, SignalStore
from limbeck.text.examples import Examples
from limbeck.text.units import together

_PIECE_TEXTS = 256
_PART_SECONDS = 5.0

Answering = Callable[[Sequence[str], Sequence[str] | None], AnyLogits]


def ask_in_pieces(
    answer: Answering,
    examples: Examples,
    store: SignalStore,
    *,
    part_name: str,
    n_truncated: int = 0,
    progress: Progress = SILENT,
) -> Labelled:
    """Ask about every text that the store has no answer to.

    Args:
        answer: (k,) texts and second texts, or None -> (k, classes) logits.
        examples: The texts.
        store: Where answers go.
        part_name: What the bar says is being labelled.
        n_truncated: How many of the texts the teacher's tokenizer cuts.
        progress: Told of each piece.

    Raises:
        OutputError: The disk is full; what was written stays.
    """
    names = examples.text_fingerprints
    missing = store.missing(names)
    record = LabellingRecord(
        n_texts=len(examples),
        n_found=len(examples) - len(missing),
        n_asked=len(missing),
        n_truncated=n_truncated,
        folder=str(store.folder),
    )
    if not missing:
        return Labelled(store, record)
    waiting: list[tuple[list[int], AnyLogits]] = []
    last_written = time.monotonic()

    def write() -> None:
        positions = [position for piece, _ in waiting for position in piece]
        if positions:
            logits = together([logits for _, logits in waiting])
            store.append([names[position] for position in positions], Signals(logits))
            waiting.clear()

    try:
        with progress.bar(f"teacher labels {part_name}", total=len(examples), unit="texts", done=record.n_found) as bar:
            for start in range(0, len(missing), _PIECE_TEXTS):
                piece = missing[start : start + _PIECE_TEXTS]
                some = examples.take(piece)
                waiting.append((piece, answer(some.texts, some.text_pairs)))
                bar.advance(len(piece))
                if time.monotonic() - last_written > _PART_SECONDS:
                    write()
                    last_written = time.monotonic()
    finally:
        write()
    return Labelled(store, record)
