"""Comparisons as the page must show them: four models with their teacher, two by labels alone, two of numbers."""

from dataclasses import replace

from sample_record import MODELS, N_HELD_OUT, TIMINGS, passed_record, ratio, share

from limbeck.records.comparison import ComparedModel, ComparedPair, ComparisonRecord
from limbeck.records.score import Interval, Score
from limbeck.records.verdict import Latency, ModelScores, PairedDifference, Timing

# name, kind, right answers, retention, answers as the teacher's, bytes, parameters, p50 in ms, on the front
_FIGURES = (
    ("a", "artifact (int8)", 780, 0.9936, 817, 18_303_871, 17_392_130, 1.1834, True),
    ("b", "artifact (w4a8e4)", 777, 0.9898, 809, 10_113_402, 17_392_130, 1.1791, True),
    ("peers/onnxruntime-int8", "ONNX Runtime", 783, 0.9975, 860, 23_150_000, None, 3.4111, True),
    ("peers/float", "ONNX Runtime", 784, 0.9987, 858, 91_200_000, None, 6.0321, False),
)


def sample_comparison() -> ComparisonRecord:
    """Four models, two of them other people's, with their teacher."""
    run = passed_record()
    models = tuple(
        ComparedModel(
            name=name,
            kind=kind,
            fingerprint=f"{number}c1f" * 8,
            scores=ModelScores(name, size_bytes, n_parameters, share(right), ratio(retention), share(agreeing)),
            timing=Timing(name, Latency(p50_ms, 1.5 * p50_ms, 600), 1043.77, 0.021, 2),
            n_truncated=3 if number == 2 else 0,
            on_front=on_front,
        )
        for number, (name, kind, right, retention, agreeing, size_bytes, n_parameters, p50_ms, on_front) in enumerate(
            _FIGURES
        )
    )
    return ComparisonRecord(
        limbeck_version="0.1.0",
        choice="b",
        sentence=(
            "Take b (10.1 MB, 1.18 ms a text): these 872 texts do not tell its retention 99.0 % from the best, "
            "peers/float's 99.9 %, and it is smaller."
        ),
        not_told_apart="These 872 texts cannot tell apart: a and b; peers/onnxruntime-int8 and peers/float.",
        notes=(),
        teacher={"name": "models/minilm-sst2", "fingerprint": "7c1f0d2b9a64e8f35d7c1f0d2b9a64e8"},
        teacher_scores=run.verdict.models[0],
        teacher_timing=TIMINGS[0],
        data={"held_out": N_HELD_OUT, "held_out fingerprint": "c30f7f4e2a1149f2b4d1f6a5e3ce8d70"},
        n_held_out=N_HELD_OUT,
        task="classification",
        models=models,
        pairs=tuple(
            ComparedPair(one.name, other.name, _paired("accuracy", 0.003, 0.51), _paired("agreement", -0.05, 0.0002))
            for number, one in enumerate(models)
            for other in models[number + 1 :]
        ),
        machine=run.machine,
    )


def labels_alone() -> ComparisonRecord:
    """Two models on labelled texts without a teacher."""
    record = sample_comparison()
    models = tuple(
        replace(model, scores=replace(model.scores, retention=None, agreement=None)) for model in record.models[:2]
    )
    pairs = (replace(record.pairs[0], agreement=None),)
    note = (
        "Agreement was not measured, as the teacher's answers to these texts are not on this disk; --teacher asks it."
    )
    return replace(
        record, models=models, pairs=pairs, teacher={}, teacher_scores=None, teacher_timing=None, notes=(note,)
    )


def of_numbers() -> ComparisonRecord:
    """Two models that answer with numbers: no text is won or lost."""
    record = sample_comparison()
    untested = PairedDifference(
        "rank correlation", _difference(0.012, "paired percentile bootstrap"), *(None,) * 4, True
    )
    alike = replace(untested, name="agreement", told_apart=False)
    return replace(
        record,
        task="regression",
        models=record.models[:2],
        pairs=(replace(record.pairs[0], score=untested, agreement=alike),),
        teacher_scores=MODELS[0],
    )


def _paired(name: str, value: float, p_value: float) -> PairedDifference:
    corrected = min(1.0, 6 * p_value)
    return PairedDifference(name, _difference(value), 18, 15, p_value, corrected, corrected < 0.05)


def _difference(value: float, method: str = "paired percentile bootstrap") -> Score:
    return Score(value, Interval(value - 0.011, value + 0.012, 0.95, method), N_HELD_OUT)
