"""Artifacts and their teacher measured side by side: latency, throughput, lengths, and what a fresh process takes."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from limbeck import runtime
from limbeck.evaluate import fresh
from limbeck.evaluate.time_budget import spread_rows
from limbeck.evaluate.timing import LengthText, Side, time_sides
from limbeck.ground import machine
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.verify import VerifyTable
from limbeck.records.speed import TextLengths
from limbeck.records.verdict import TEACHER, Timing
from limbeck.teacher.answering import Teacher, TimedAnswers
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder
from limbeck.text.windows import Reads

CALL_SIZES = (8, 32, 128)
LENGTHS = (16, 32, 128)
_MOST_WORDS = 2_000
"""Of the texts' words, as many are tried when a text of a chosen length is put together."""


def measure_speed(
    artifacts: Mapping[str, Path],
    master: Teacher | None,
    held_out: Examples,
    *,
    settings: VerifyTable,
    engine: str = "onnxruntime",
    progress: Progress = SILENT,
) -> tuple[Timing, ...]:
    """Artifacts and, as the last, their teacher on the same real texts with equal threads, in turn.

    A teacher that does not run on this machine is not timed. Then each side that can answers one text in a process of
    its own, `settings.fresh_starts` times. Either takes `settings.timing_seconds` for each artifact at most, about.

    Args:
        artifacts: What each is called in its timing, and its folder.
        master: The teacher; None where it is not at hand.
        held_out: The texts, of which `settings.timing_texts` are taken.
        settings: The recipe's table verify.
        engine: What computes the artifacts; see `limbeck.load`.
        progress: Told what goes on.
    """
    threads = settings.threads or machine.physical_cores()
    some = held_out.take(range(min(settings.timing_texts, len(held_out))))
    models = {
        name: runtime.load(folder, threads=threads, check=False, engine=engine) for name, folder in artifacts.items()
    }
    sides = [Side(name, model.logits, threads) for name, model in models.items()]
    starts: list[fresh.Start | None] = [
        fresh.of_artifact(folder, threads=threads, engine=engine) for folder in artifacts.values()
    ]
    encoder = next(iter(models.values())).encoder
    timings, answers = time_beside_teacher(
        sides,
        master,
        some,
        settings=settings,
        call_sizes=CALL_SIZES,
        at_lengths=texts_of_lengths(encoder, some, LENGTHS),
        progress=progress,
    )
    if answers is not None:
        starts.append(None if answers.fresh is None else fresh.Start(answers.fresh))
    seconds = settings.timing_seconds * len(sides)
    found = fresh.measure(starts, some, n=settings.fresh_starts, seconds=seconds, progress=progress)
    lengths = _lengths(encoder, some.take(spread_rows(len(some), timings[0].n_texts or len(some))))
    return tuple(replace(timing, lengths=lengths, fresh=one) for timing, one in zip(timings, found, strict=True))


def time_beside_teacher(
    sides: Sequence[Side],
    master: Teacher | None,
    held_out: Examples,
    *,
    settings: VerifyTable,
    call_sizes: Sequence[int] = (),
    at_lengths: Sequence[LengthText] = (),
    progress: Progress = SILENT,
) -> tuple[tuple[Timing, ...], TimedAnswers | None]:
    """Sides and, as the last, their teacher, timed in turns on the same real texts; see `time_sides`.

    Args:
        sides: At least one; the teacher computes with as many threads.
        master: The teacher; None where it is not at hand.
        held_out: The texts, of which `settings.timing_texts` are taken.
        settings: The recipe's table verify; timing may take its `timing_seconds` for each side but the teacher.
        call_sizes: See `time_sides`.
        at_lengths: See `time_sides`.
        progress: Told how far it is.

    Returns: A timing a side, and what answered for the teacher; None where it does not run on this machine.
    """
    some = held_out.take(range(min(settings.timing_texts, len(held_out))))
    threads = sides[0].threads
    with nullcontext() if master is None else master.timed(threads) as answers:
        theirs = () if answers is None else (Side(f"{TEACHER} ({answers.engine})", answers.logits, threads),)
        timings = time_sides(
            [*sides, *theirs],
            some.texts,
            some.text_pairs,
            rounds=settings.timing_rounds,
            call_sizes=call_sizes,
            at_lengths=at_lengths,
            seconds=settings.timing_seconds * len(sides),
            progress=progress,
        )
    return timings, answers


def texts_of_lengths(encoder: TextEncoder, examples: Examples, lengths: Sequence[int]) -> tuple[LengthText, ...]:
    """Texts of just so many tokens, put together of the words of real ones; of pairs, both texts together are as long.

    Args:
        encoder: Counts the tokens, special ones included.
        examples: Whose words are taken.
        lengths: What is wanted; one beyond the encoder's limit, or that these words cannot make, is left out.

    Returns: In the order of `lengths`; none for tasks that read contexts in windows, or hide tokens.
    """
    if encoder.rules.reads in {Reads.CONTEXT, Reads.MASKS}:
        return ()
    words = [word for text in examples.texts for word in text.split()][:_MOST_WORDS]
    first = None if examples.text_pairs is None else (words[0] if words else "")
    found = []
    for wanted in lengths:
        text = _grown(encoder, words, first, wanted) if wanted <= encoder.max_tokens else None
        if text is not None:
            found.append(LengthText(wanted, text, None) if first is None else LengthText(wanted, first, text))
    return tuple(found)


def _grown(encoder: TextEncoder, words: Sequence[str], first: str | None, wanted: int) -> str | None:
    """A text of these words, from the first on, without those that would make it too long; None where none fits."""

    def count(text: str) -> int:
        found = encoder.encode([text] if first is None else [first], None if first is None else [text])
        return wanted + 1 if found.truncated else found.lengths[0]

    text = ""
    for word in words:
        longer = f"{text} {word}".strip()
        n_tokens = count(longer)
        if n_tokens <= wanted:
            text = longer
        if n_tokens == wanted:
            return text
    return None


def _lengths(encoder: TextEncoder, some: Examples) -> TextLengths:
    counts = encoder.encode(some.texts, some.text_pairs).text_lengths
    p5, p50, p95 = np.percentile(counts, [5, 50, 95])
    return TextLengths(float(p5), float(p50), float(p95), max(counts), len(counts))
