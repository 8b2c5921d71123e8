"""Sweeps as the page must be able to show them: two students in four schemes, one pair alone, texts without labels."""

from dataclasses import replace

from sample_record import CHECKS, N_HELD_OUT, TIMINGS, passed_record, ratio, share

from limbeck.records.speed import Latency
from limbeck.records.sweep import SweepRecord, SweptPair
from limbeck.records.verdict import Check, ModelScores, Timing

# layers, scheme, right answers, retention, answers as the teacher's, bytes, p50 in ms, on the front
_FIGURES = (
    (3, "w8a8e8", 780, 0.9936, 817, 18_303_871, 1.1834, True),
    (3, "w4a8e4", 777, 0.9898, 809, 10_113_402, 1.1791, True),
    (3, "w3a8e4", 769, 0.9796, 796, 9_411_020, 1.1902, False),
    (3, "w2a8e4", 741, 0.9439, 751, 8_760_913, 1.1810, False),
    (2, "w8a8e8", 774, 0.9860, 801, 16_502_771, 0.8122, True),
    (2, "w4a8e4", 771, 0.9822, 795, 9_202_114, 0.8150, True),
    (2, "w3a8e4", 748, 0.9529, 772, 8_701_550, 0.8101, True),
    (2, "w2a8e4", 702, 0.8943, 720, 8_250_002, 0.8204, True),
)


def sample_sweep() -> SweepRecord:
    """Two students in four schemes; half of the pairs passed, two are beaten."""
    run = passed_record()
    recipe = {name: dict(table) if isinstance(table, dict) else table for name, table in run.recipe.items()}
    del recipe["student"]["layers"]
    del recipe["quantize"]["scheme"]
    return SweepRecord(
        limbeck_version="0.1.0",
        sentence=(
            "4 of 8 pairs are within the tolerances; the smallest of these is 2 layers, w4a8e4: 9.20 MB where the "
            "teacher has 91.6 MB, with 98.2 % of its accuracy."
        ),
        teacher=run.teacher,
        teacher_scores=run.verdict.models[0],
        teacher_timing=TIMINGS[0],
        data=run.data,
        recipe=recipe,
        n_held_out=N_HELD_OUT,
        task="classification",
        pairs=tuple(_pair(figures) for figures in _FIGURES),
        machine=run.machine,
    )


def one_pair_sweep() -> SweepRecord:
    """A sweep of one pair, which was refused."""
    record = sample_sweep()
    return replace(record, pairs=(replace(record.pairs[3], on_front=True),), sentence="None of 1 pair is good enough.")


def unlabelled_sweep() -> SweepRecord:
    """A sweep on texts that nobody labelled."""
    record = sample_sweep()
    pairs = tuple(
        replace(
            pair,
            scores=replace(pair.scores, score=None, retention=None),
            checks=tuple(check for check in pair.checks if check.tolerance != "min_retention"),
        )
        for pair in record.pairs
    )
    return replace(record, pairs=pairs, teacher_scores=replace(record.teacher_scores, score=None))


def _pair(figures: tuple[int, str, int, float, int, int, float, bool]) -> SweptPair:
    layers, scheme, right, retention, agreeing, size_bytes, p50_ms, on_front = figures
    agreement = share(agreeing)
    checks = (
        Check("min_retention", 0.98, retention, retention >= 0.98, "retention"),
        Check("min_agreement", 0.90, agreement.value, agreement.value >= 0.90, "agreement"),
        CHECKS[2],
    )
    return SweptPair(
        layers=layers,
        scheme=scheme,
        shipped_scheme=f"{scheme}-static" if scheme == "w2a8e4" else scheme,
        folder=f"runs/{layers}-layers-{scheme}",
        scores=ModelScores("artifact (int8)", size_bytes, 17_392_130, share(right), ratio(retention), agreement),
        timing=Timing(f"artifact ({layers} layers, {scheme})", Latency(p50_ms, 1.5 * p50_ms, 600), 1043.77, 0.021, 2),
        checks=checks,
        passed=all(check.passed for check in checks),
        on_front=on_front,
    )
