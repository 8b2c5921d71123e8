"""How long judging an artifact will take: its models timed on some texts, processes started once, the rest reckoned.

What is judged does not exist yet, so an untrained artifact of the same shape stands for it. Rounds and tokens are told
as in `limbeck.walk.estimating`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from limbeck import evaluate, student, teacher
from limbeck.artifact.manifest import FLOAT_MODEL_FILE, Manifest, quantized_model_file
from limbeck.artifact.sealed import seal
from limbeck.encoder import heads
from limbeck.evaluate import fresh
from limbeck.evaluate.time_budget import Cost, Extent, affordable
from limbeck.evaluate.timing import LENGTH_CALLS, Answer
from limbeck.export import write_artifact
from limbeck.ground import machine
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import Recipe
from limbeck.recipe.scheme import Scheme
from limbeck.recipe.verify import VerifyTable
from limbeck.records.verdict import TEACHER, Timing
from limbeck.runtime.engine import Engine
from limbeck.teacher import Teacher
from limbeck.text import batching
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder
from limbeck.walk import mixing
from limbeck.walk.respelling import runs_here
from limbeck.walk.shaping import Shaped
from limbeck.walk.stopwatch import N_ROUNDS, Rounds, Stopwatch, padded, spread

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_TIMED_TEXTS, _WARM_UP = 24, 2
_SCHEME, _FLOAT, _BASELINE = "scheme", "float", "baseline"


def time_verification(
    master: Teacher,
    shaped: Shaped,
    recipe: Recipe,
    *,
    texts: Examples,
    n_held_out: int,
    has_baseline: bool,
    work: Path,
    progress: Progress = SILENT,
) -> Rounds:
    """Time what judges an artifact: its two graphs, the baseline and the teacher, on texts that may be read.

    Reckoned are the answers to the held-out texts, the timing within its own bound, the texts in other spellings, and
    the processes that answer one text; the statistics beside are not.

    Args:
        master: The teacher; one that does not run here is not timed, as it is not when the artifact is judged.
        shaped: The student, whose graphs are written untrained.
        recipe: Its tables quantize and verify.
        texts: The validation texts.
        n_held_out: Texts that will judge.
        has_baseline: Whether a baseline will answer them too.
        work: An existing folder.
        progress: Told how far it is.
    """
    settings = recipe.verify
    model, encoder = shaped.build().eval(), shaped.origin.encoder
    artifact = _untrained(model, shaped, recipe, work / "artifact")
    threads = settings.threads or machine.physical_cores()
    lengths = encoder.encode(texts.texts, texts.text_pairs).text_lengths
    taken = spread(lengths, _TIMED_TEXTS)
    some, padding = texts.take(taken), _padding(lengths, [lengths[position] for position in taken])
    sides = [
        evaluate.Side(name, _answering(artifact / file, encoder, threads), threads)
        for name, file in ((_SCHEME, _model_file(recipe)), (_FLOAT, FLOAT_MODEL_FILE))
    ]
    starts = [fresh.of_artifact(artifact, threads=threads)]
    if has_baseline:
        sides.append(evaluate.Side(_BASELINE, lambda *given: teacher.float32_logits(model, encoder, *given), threads))
    judging = _Judging(
        settings,
        n_held_out=n_held_out,
        n_respelled=evaluate.n_respelled(recipe.task, settings, n_texts=n_held_out),
        asks_teacher=runs_here(master),
        lengths=[length / float(np.median(lengths)) for length in evaluate.LENGTHS if length <= encoder.max_tokens],
    )
    rounds = []
    with master.timed(threads) as answers:
        if answers is not None:
            sides.append(evaluate.Side(TEACHER, answers.logits, threads))
            starts += [] if answers.fresh is None else [fresh.Start(answers.fresh)]
        for number in range(N_ROUNDS):
            warm_up = 0 if number else _WARM_UP
            found = evaluate.time_sides(
                sides, some.texts, some.text_pairs, rounds=1, warm_up=warm_up, progress=Stopwatch(progress)
            )
            rounds.append(judging.seconds(found, padding=padding))
    beside = fresh.reckoned(starts, some, n=settings.fresh_starts, seconds=settings.timing_seconds, progress=progress)
    return Rounds(tuple(seconds + beside for seconds in rounds))


@dataclass(frozen=True)
class _Judging:
    """What judging asks of the models.

    Args:
        settings: The recipe's.
        n_held_out: Texts that all but the teacher answer; what it said of them is known by then.
        n_respelled: Texts in other spellings, which the artifact answers.
        asks_teacher: Whether the teacher answers these too.
        lengths: The chosen lengths that are timed, each over the usual length of a text.
    """

    settings: VerifyTable
    n_held_out: int
    n_respelled: int
    asks_teacher: bool
    lengths: Sequence[float]

    def seconds(self, timings: Sequence[Timing], *, padding: float) -> float:
        """By the timings of one round.

        Args:
            timings: Of every side.
            padding: See `_padding`.
        """
        in_batch = {one.name: padding / one.texts_per_second_batch_32 for one in timings}
        n_texts = min(self.settings.timing_texts, self.n_held_out)
        n_sizes = 1 + sum(size <= n_texts for size in evaluate.CALL_SIZES)
        cost = Cost(0.0)
        for timing in timings:
            if timing.name in {_SCHEME, TEACHER}:
                single = timing.batch_1.p50_ms / 1000
                of_lengths = single * sum(max(1.0, length) for length in self.lengths)
                cost += Cost(single + n_sizes * in_batch[timing.name], of_lengths)
        wanted = Extent(n_texts, self.settings.timing_rounds, LENGTH_CALLS)
        seconds = cost.of(affordable(wanted, cost, seconds=self.settings.timing_seconds))
        for name, each in in_batch.items():
            seconds += each * (self.n_held_out if name != TEACHER else 0)
            if name == _SCHEME or (name == TEACHER and self.asks_teacher):
                seconds += each * self.n_respelled
        return seconds


def _model_file(recipe: Recipe) -> str:
    return quantized_model_file(Scheme.parse(recipe.quantize.scheme))


def _untrained(model: "PreTrainedModel", shaped: Shaped, recipe: Recipe, folder: Path) -> Path:
    """An artifact of the recipe's shape that a process can load, though it has learned nothing."""
    folder.mkdir()
    max_tokens, model_file = shaped.origin.encoder.max_tokens, _model_file(recipe)
    inputs = write_artifact(
        model,
        folder,
        tokenizer_folder=shaped.origin.tokenizer_folder,
        packed=mixing.blank_student(model, recipe.quantize),
        max_tokens=max_tokens,
        model_file=model_file,
    )
    shape = student.shape_of(model).to_json()
    manifest = Manifest(
        limbeck_version="",
        task=recipe.task,
        label_names=tuple(map(str, range(heads.n_outputs(model)))),
        max_tokens=max_tokens,
        scheme=recipe.quantize.scheme,
        inputs=inputs,
        shape=shape,
        n_parameters=shape["parameters"],
        fingerprints={},
        recipe=recipe.told(),
        versions={},
        instruction_set="",
        model_file=model_file,
    )
    seal(folder, manifest)
    return folder


def _padding(lengths: Sequence[int], some: Sequence[int]) -> float:
    """Tokens a text in batches of all texts, padding included, over those in batches of some, which are padded more."""
    each = [
        padded(these, batching.by_length(these, max_tokens=sum(these), max_texts=evaluate.BATCH_SIZE)) / len(these)
        for these in (lengths, some)
    ]
    return each[0] / each[1]


def _answering(path: Path, encoder: TextEncoder, threads: int) -> Answer:
    engine = Engine(path, threads=threads)
    return lambda texts, text_pairs: engine.run_by_length(encoder, encoder.encode(texts, text_pairs))
