"""How long a run will take on this machine: a few real batches of each stage, timed, and the rest reckoned from them.

Each stage is timed by the code that the walk runs, in three rounds of texts of all lengths. A round tells seconds for
each token, padding included, as texts of other lengths are padded otherwise; the whole stage has so many tokens. The
rounds differ as the machine does: the estimate is by the median round, its range from the quickest to the slowest. What
judging takes is reckoned by `limbeck.walk.reckoning`.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from limbeck.distill import Objective, TrainingPlan, lessons_of, train
from limbeck.encoder import heads
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.teacher import Teacher
from limbeck.teacher.labelling import MAX_TEXTS
from limbeck.teacher.signals import Signals
from limbeck.text import batching
from limbeck.text.examples import Examples
from limbeck.text.kept_tokens import KEPT, kept_rows
from limbeck.text.tokens import TextEncoder
from limbeck.walk.shaping import Shaped
from limbeck.walk.stopwatch import N_ROUNDS, Rounds, Stopwatch, padded, spread

_ROUND_SECONDS = 1.5
_FIRST_TEXTS, _MOST_TEXTS = 16, 1024
_FEWEST_BATCHES, _MOST_BATCHES, _COMPARED_TEXTS = 2, 8, 128


def time_labelling(
    master: Teacher,
    texts: Examples,
    *,
    lengths: Sequence[int],
    n_asked: int,
    judges: bool,
    settings: TeacherTable,
    work: Path,
    progress: Progress = SILENT,
) -> Rounds:
    """Time how the teacher answers.

    Args:
        master: A teacher that answers on this machine.
        texts: Those of the part; some of them are asked about.
        lengths: (texts,) tokens of each.
        n_asked: So many of them have no answer on disk.
        judges: As in `Teacher.label`.
        settings: How it is asked.
        work: An existing folder for the answers, which nobody reads.
        progress: Told how far it is.

    Raises:
        LimbeckError: It cannot answer.
    """

    def label(positions: list[int], name: str) -> float:
        watch, start = Stopwatch(progress), time.perf_counter()
        master.label(
            texts.take(positions), work / name, settings=settings, part_name="texts", judges=judges, progress=watch
        )
        return watch.seconds or time.perf_counter() - start

    def tokens(positions: Sequence[int]) -> int:
        some = [lengths[position] for position in positions]
        return padded(some, batching.by_length(some, max_tokens=settings.batch_tokens, max_texts=MAX_TEXTS))

    first = spread(lengths, _FIRST_TEXTS)
    label(first, "cold")
    n = round(_ROUND_SECONDS * len(first) / label(first, "warm"))
    n = max(_FIRST_TEXTS, min(_MOST_TEXTS, n))
    whole = tokens(range(len(texts))) * n_asked / len(texts)
    taken = [spread(lengths, n, shift=number) for number in range(N_ROUNDS)]
    return Rounds(tuple(label(some, str(number)) / tokens(some) * whole for number, some in enumerate(taken)))


@dataclass(frozen=True)
class Trial:
    """A training that is tried.

    Args:
        shaped: The student.
        texts: What it learns from.
        objective: What it is pulled to.
        plan: The whole training, of which a few steps are done.
        has_answers: Whether the teacher's answers teach it, or labels alone.
    """

    shaped: Shaped
    texts: Examples
    objective: Objective
    plan: TrainingPlan
    has_answers: bool = True


def time_training(
    trial: Trial,
    recipe: Recipe,
    *,
    validation: Examples,
    work: Path,
    progress: Progress = SILENT,
) -> Rounds:
    """Time a training; answers of the teacher that nobody has yet are made up, as only their shapes count.

    Args:
        trial: What is tried.
        recipe: Where hidden states are computed as training goes, its table distill.
        validation: What it is compared on.
        work: An existing folder.
        progress: Told how far it is.

    Returns: Of the whole training, evaluations included.
    """
    plan, encoder = trial.plan, trial.shaped.origin.encoder
    lengths, compared_lengths = (_lengths(encoder, texts) for texts in (trial.texts, validation))
    compared = spread(compared_lengths, _COMPARED_TEXTS)
    live = trial.shaped.live_teacher(trial.objective, recipe)

    def laps(texts: Examples, steps: int) -> list[float]:
        watch, some = Stopwatch(progress), validation.take(compared)
        lessons = lessons_of(
            encoder,
            (texts, _stand_ins(trial, texts) if trial.has_answers and not trial.objective.answered_live else None),
            (some, _stand_ins(trial, some)),
            task=recipe.task,
            live_teacher=live,
        )
        few = replace(plan, steps=steps, evaluate_every=steps, patience=None, checkpoint_seconds=math.inf)
        train(trial.shaped.build(), lessons, objective=trial.objective, plan=few, work=work, progress=watch)
        return watch.laps

    def epoch(some: Sequence[int]) -> int:
        generator = np.random.default_rng([plan.seed, 0])
        return padded(some, batching.shuffled_by_length(some, batch_size=plan.batch_size, generator=generator))

    _, step, _ = laps(trial.texts.take(spread(lengths, _FEWEST_BATCHES * plan.batch_size)), 3)
    n_batches = max(_FEWEST_BATCHES, min(_MOST_BATCHES, round(_ROUND_SECONDS / step)))
    taken = spread(lengths, n_batches * plan.batch_size)
    n_batches = -(-len(taken) // plan.batch_size)
    *steps, last = laps(trial.texts.take(taken), N_ROUNDS * n_batches + 1)
    n_epochs = plan.steps / -(-len(trial.texts) // plan.batch_size)
    factor = n_epochs * epoch(lengths) / epoch([lengths[position] for position in taken])
    evaluation = max(0.0, last - float(np.median(steps)))
    evaluation *= sum(compared_lengths) / sum(compared_lengths[position] for position in compared)
    n_evaluations = -(-plan.steps // plan.evaluate_every)
    rounds = [sum(steps[start : start + n_batches]) for start in range(0, len(steps), n_batches)]
    return Rounds(tuple(factor * seconds + n_evaluations * evaluation for seconds in rounds))


def _lengths(encoder: TextEncoder, texts: Examples) -> list[int]:
    return encoder.encode(texts.texts, texts.text_pairs).text_lengths


def _stand_ins(trial: Trial, texts: Examples) -> Signals:
    """Answers to texts, of the shapes that the teacher's have."""
    generator, origin = np.random.default_rng(0), trial.shaped.origin
    read = origin.encoder.encode(texts.texts, texts.text_pairs)
    logits = generator.standard_normal((read.n_answers, heads.n_outputs(origin.model)), np.float32)
    if read.reading is not None and read.reading.hidden is not None:
        logits = kept_rows(
            generator.standard_normal((read.n_answers, KEPT), np.float32), read.reading.hidden.values % KEPT
        )
    states = generator.standard_normal((len(texts), origin.hidden_size), np.float32).astype(np.float16)
    keeps_states = origin.is_teacher and read.reading is None
    return Signals(read.as_logits(logits), states if keeps_states else None)
