"""What came of a comparison, as its record tells it: who stands where, what to take, what cannot be told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from limbeck import evaluate
from limbeck.evaluate.choice import Candidate, choose
from limbeck.evaluate.summary import busy_because
from limbeck.ground import machine, wording
from limbeck.records.comparison import ComparedModel, ComparedPair, ComparisonRecord
from limbeck.records.verdict import ModelScores, Timing
from limbeck.tasks import TASKS
from limbeck.text.examples import Examples
from limbeck.walk.contenders import Contender


def told(
    contenders: Sequence[Contender],
    scores: Sequence[ModelScores],
    timings: Sequence[Timing],
    cut: Sequence[int | None],
    pairs: Sequence[ComparedPair],
    *,
    teacher: Mapping[str, str],
    examples: Examples,
    notes: Sequence[str],
) -> ComparisonRecord:
    """What a comparison has to tell, with the model to take.

    Args:
        contenders: The models.
        scores: Of each, and as the last the teacher's where it is known.
        timings: Of each, and as the last the teacher's where it runs here.
        cut: How many texts each cut; None where nobody knows.
        pairs: Every two of the models.
        teacher: As in `ComparisonRecord`.
        examples: The texts.
        notes: What else a reader should know.
    """
    task = TASKS[contenders[0].task]
    n = len(contenders)
    compared = [
        ComparedModel(one.name, one.kind, one.fingerprint, scored, timing, n_cut, on_front=False)
        for one, scored, timing, n_cut in zip(contenders, scores[:n], timings[:n], cut, strict=True)
    ]
    standings = [
        evaluate.Standing(one.fidelity.value, one.scores.known_bytes, float(f"{one.timing.batch_1.p50_ms:.2g}"))
        for one in compared
    ]
    marks = evaluate.on_front(standings)
    models = tuple(replace(one, on_front=mark) for one, mark in zip(compared, marks, strict=True))
    texts = wording.counted(len(examples), "text")
    busy = busy_because(timings)
    if busy is not None:
        notes = [*notes, f"Speed could not be told, as the machine was busy and {busy}; it had no part in the choice."]
    taken, sentence = choose(
        [
            Candidate(
                one.name, replace(standing, latency_ms=one.timing.batch_1.p50_ms), _worse_than(one.name, models, pairs)
            )
            for one, standing in zip(models, standings, strict=True)
        ],
        fidelity=models[0].fidelity_name(task.score.name),
        texts=f"these {texts}",
        speed_is_known=busy is None,
    )
    return ComparisonRecord(
        limbeck_version=machine.installed_version("limbeck") or "unknown",
        choice=models[taken].name,
        sentence=sentence,
        not_told_apart=_not_told_apart(pairs, texts),
        notes=tuple(notes),
        teacher=teacher,
        teacher_scores=next(iter(scores[n:]), None),
        teacher_timing=next(iter(timings[n:]), None),
        data={"held_out": len(examples), "held_out fingerprint": examples.fingerprint},
        n_held_out=len(examples),
        task=contenders[0].task,
        models=models,
        pairs=tuple(pairs),
        machine=machine.describe(),
    )


def _worse_than(name: str, models: Sequence[ComparedModel], pairs: Sequence[ComparedPair]) -> frozenset[int]:
    """The places of the models beside which the texts show this one to be worse in some measure."""
    found = set()
    for pair in pairs:
        if name not in {pair.first, pair.second}:
            continue
        sign, other = (1, pair.second) if name == pair.first else (-1, pair.first)
        if any(one.told_apart and sign * one.difference.value < 0 for one in pair.told):
            found.add(next(index for index, model in enumerate(models) if model.name == other))
    return frozenset(found)


def _not_told_apart(pairs: Sequence[ComparedPair], texts: str) -> str:
    alike = [f"{pair.first} and {pair.second}" for pair in pairs if not pair.told_apart]
    if not alike:
        return f"These {texts} tell every two of the models apart."
    if len(alike) == len(pairs) > 1:
        return f"These {texts} cannot tell any two of the models apart."
    return f"These {texts} cannot tell apart: {'; '.join(alike)}."
