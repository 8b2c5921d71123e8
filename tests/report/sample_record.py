"""Run records with SST-2-like numbers: passed, refused, without labels, bare, with 77 labels."""

import math
from collections.abc import Sequence
from dataclasses import replace

from sample_lines import HOSTILE_LINES, MIXED_LINES
from sample_stages import sample_bytes, sample_stages

from limbeck.recipe.knobs import Recipe
from limbeck.records.bits import LayerBits, QuantizationRecord
from limbeck.records.proof import McNemar, NonInferiority
from limbeck.records.run import CurvePoint, LabellingRecord, RunRecord, TrainingRecord
from limbeck.records.score import Interval, Score
from limbeck.records.speed import FreshStart, Latency, LatencyAt, TextLengths, Throughput
from limbeck.records.verdict import ChangedAnswer, Check, Confusion, DistillationGain, ModelScores, Timing, Verdict

N_HELD_OUT = 872
HIDDEN, INTERMEDIATE, VOCABULARY, POSITIONS = 384, 1536, 30_522, 512


def share(n_right: int, n: int = N_HELD_OUT) -> Score:
    """A share of texts with its Wilson interval."""
    z, p = 1.959964, n_right / n
    middle, half = (
        (p + z * z / (2 * n)) / (1 + z * z / n),
        z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n),
    )
    return Score(p, Interval(max(0.0, middle - half), min(1.0, middle + half), 0.95, "wilson"), n)


def ratio(value: float, half_width: float = 0.0114) -> Score:
    """A retention with an interval about it."""
    interval = Interval(value - half_width, value + half_width * 0.93, 0.95, "score")
    return Score(value, interval, N_HELD_OUT)


def training(name: str, *, objectives: Sequence[str], last_agreement: float, last_accuracy: float) -> TrainingRecord:
    """A curve of eight comparisons and forty points, falling as such curves fall."""
    starts = {"soft_labels": 0.212, "true_labels": 0.594, "last_hidden": 0.418, "total": 0.688}
    ends = {"soft_labels": 0.0143, "true_labels": 0.0521, "last_hidden": 0.1187, "total": 0.1381}
    n_points, step = 40, 105
    curve = []
    for point in range(1, n_points + 1):
        fall = math.exp(-point / 9) * (1 + 0.08 * math.sin(point * 2.3))
        losses = {key: round(ends[key] + (starts[key] - ends[key]) * fall, 4) for key in (*objectives, "total")}
        is_comparison = point % 5 == 0
        gain = 1 - math.exp(-point / 8) + 0.004 * math.sin(point)
        curve.append(
            CurvePoint(
                step=point * step,
                losses=losses,
                validation_agreement=round(0.86 + (last_agreement - 0.86) * gain, 4) if is_comparison else None,
                validation_score=round(0.82 + (last_accuracy - 0.82) * gain, 4) if is_comparison else None,
            )
        )
    return TrainingRecord(name, 67_122, 4, n_points * step, 35 * step, tuple(curve))


def layer_bits(n_layers: int = 3) -> tuple[LayerBits, ...]:
    """The weights of a small BERT, as stored by w8a8e8."""
    embeddings = [("word", VOCABULARY), ("position", POSITIONS), ("token_type", 2)]
    layers = [
        LayerBits(
            f"bert.embeddings.{name}_embeddings.weight",
            "embedding",
            (rows, HIDDEN),
            8,
            4 * rows * HIDDEN,
            rows * (HIDDEN + 4),
            0.0061,
        )
        for name, rows in embeddings
    ]
    layers.append(LayerBits("bert.embeddings.LayerNorm.weight", "kept", (HIDDEN,), 32, 4 * HIDDEN, 4 * HIDDEN, 0.0))
    shapes = {
        "attention.self.query": (HIDDEN, HIDDEN),
        "attention.self.key": (HIDDEN, HIDDEN),
        "attention.self.value": (HIDDEN, HIDDEN),
        "attention.output.dense": (HIDDEN, HIDDEN),
        "intermediate.dense": (INTERMEDIATE, HIDDEN),
        "output.dense": (HIDDEN, INTERMEDIATE),
    }
    for layer in range(n_layers):
        for index, (name, (outputs, inputs)) in enumerate(shapes.items()):
            error = round(0.0068 + 0.0011 * index + 0.0004 * layer, 5)
            full = f"bert.encoder.layer.{layer}.{name}.weight"
            layers.append(
                LayerBits(full, "linear", (outputs, inputs), 8, 4 * outputs * inputs, outputs * (inputs + 4), error)
            )
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            full = f"bert.encoder.layer.{layer}.{name}.weight"
            layers.append(LayerBits(full, "kept", (HIDDEN,), 32, 4 * HIDDEN, 4 * HIDDEN, 0.0))
    layers.append(
        LayerBits(
            "bert.pooler.dense.weight", "linear", (HIDDEN, HIDDEN), 8, 4 * HIDDEN**2, HIDDEN * (HIDDEN + 4), 0.0079
        )
    )
    layers.append(LayerBits("classifier.weight", "kept", (2, HIDDEN), 32, 8 * HIDDEN, 8 * HIDDEN, 0.0))
    return tuple(layers)


def changed_answers(n: int = 55) -> tuple[ChangedAnswer, ...]:
    """`n` changed answers among two labels, the hostile lines among them, the surest changes first."""
    lines = (*HOSTILE_LINES, *MIXED_LINES)
    answers = []
    for index in range(n):
        pair = ("positive", "negative") if index % 5 in (1, 3) else ("negative", "positive")
        text = lines[index % len(lines)] + (f" (take {index // len(lines) + 1})" if index >= len(lines) else "")
        label = pair[(index * 7 // 3) % 2]
        confidence = 0.951 - 0.0073 * (index % 53)
        answers.append(ChangedAnswer(text, None, label, pair[0], confidence, pair[1], 1.3737 - confidence * 0.8))
    return tuple(answers)


def confusions_of(answers: Sequence[ChangedAnswer]) -> tuple[Confusion, ...]:
    """The answers by pair of labels, the most frequent pair first, with up to three examples each."""
    by_pair: dict[tuple[str, str], list[ChangedAnswer]] = {}
    for answer in answers:
        by_pair.setdefault((answer.teacher_label, answer.artifact_label), []).append(answer)
    ordered = sorted(by_pair.items(), key=lambda item: -len(item[1]))
    return tuple(Confusion(*pair, len(found), tuple(found[:3])) for pair, found in ordered)


MODELS = (
    ModelScores("teacher", 91_620_412, 22_714_370, share(785), None, None),
    ModelScores("no-teacher baseline", 70_321_004, 17_392_130, share(772), ratio(0.9834), share(804)),
    ModelScores("student (float32)", 70_321_004, 17_392_130, share(783), ratio(0.9975), share(837)),
    ModelScores("artifact (int8)", 18_303_871, 17_392_130, share(780), ratio(0.9936), share(817)),
)
CHECKS = (
    Check("min_retention", 0.98, 0.9936, True, "retention 99.4 % is at least the accepted 98 %"),
    Check("min_agreement", 0.90, 817 / 872, True, "agreement 93.7 % is at least the accepted 90 %"),
    Check("max_size_mb", 20.0, 18.303871, True, "size 18.3 MB is within the accepted 20 MB"),
    Check("max_latency_ms", 5.0, 1.1834, True, "latency at batch 1 1.2 ms is within the accepted 5 ms"),
)
GAIN = DistillationGain(
    student="student (float32)",
    baseline="no-teacher baseline",
    agreement=Score(33 / 872, Interval(0.0206, 0.0551, 0.95, "score"), N_HELD_OUT),
    score=Score(11 / 872, Interval(-0.0023, 0.0275, 0.95, "score"), N_HELD_OUT),
    sentence=(
        "Distillation brought +3.8 points of agreement (+2.1 to +5.5) over the same shape trained on labels alone; "
        "it brought no gain in accuracy that 872 texts can show (+1.3 points, −0.2 to +2.8)."
    ),
)
_LENGTHS = TextLengths(5, 22, 41, 55, 200)
PROOF = NonInferiority(
    measure="accuracy",
    margin=0.005,
    confidence=0.95,
    answer="not decidable",
    difference=-5 / 872,
    low=-0.0181,
    high=0.0066,
    n=N_HELD_OUT,
    n_needed=161_000,
    spread=0.22,
    method="exact unconditional test",
    sentence=(
        "Not decidable with 872 texts: whether the artifact's accuracy is at most 0.5 points below the teacher's. "
        "The difference is −0.57 points, −1.81 at worst and +0.66 at best; about 170,000 would be needed if that were "
        "the true difference."
    ),
    mcnemar=McNemar(
        19,
        24,
        0.542,
        "Only the artifact is right on 19 texts, only the teacher on 24. Were both right equally often, chance alone "
        "would split them as unevenly in 54 % of cases (exact McNemar test, p = 0.542).",
    ),
)
TIMINGS = (
    Timing(
        "teacher (PyTorch float32)",
        Latency(16.1274, 21.9318, 600, 19.5512),
        128.41,
        0.034,
        2,
        throughputs=(Throughput(8, 97.2, 0.031), Throughput(32, 120.6, 0.044), Throughput(128, 127.9, 0.027)),
        at_lengths=(LatencyAt(16, Latency(13.012, 17.7, 60, 15.31)), LatencyAt(128, Latency(61.3, 70.2, 60, 66.4))),
        lengths=_LENGTHS,
        fresh=FreshStart(5.713, 0.062, 612_433_920, 3),
    ),
    Timing(
        "artifact (int8)",
        Latency(1.1834, 1.7426, 600, 1.5118),
        1043.77,
        0.021,
        2,
        throughputs=(Throughput(8, 911.4, 0.012), Throughput(32, 1020.2, 0.019), Throughput(128, 1040.1, 0.023)),
        at_lengths=(LatencyAt(16, Latency(0.917, 1.33, 60, 1.12)), LatencyAt(128, Latency(5.41, 6.73, 60, 6.02))),
        lengths=_LENGTHS,
        fresh=FreshStart(0.418, 0.044, 118_292_480, 3),
    ),
)


def passed_record(n_changed: int = 55) -> RunRecord:
    """A run whose artifact held every tolerance."""
    answers = changed_answers(n_changed)
    verdict = Verdict(
        passed=True,
        sentence=(
            "The artifact passed: it answers 93.7 % of 872 held-out texts as the teacher does "
            "(95 % interval 91.9–95.1 %), keeps 99.4 % of its accuracy, is 5.0 times smaller "
            "and 14 times faster at batch 1."
        ),
        checks=CHECKS,
        models=MODELS,
        confusions=confusions_of(answers),
        n_changed=n_changed,
        n_held_out=max(N_HELD_OUT, n_changed),
        n_truncated=3,
        timings=TIMINGS,
        changed_answers=answers,
        gain=GAIN,
        non_inferiority=PROOF,
        stages=sample_stages(),
    )
    shape = {"heads": 12, "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE, "vocabulary": VOCABULARY}
    return RunRecord(
        limbeck_version="0.1.0",
        teacher={"name": "models/minilm-sst2", "fingerprint": "7c1f0d2b9a64e8f35d7c1f0d2b9a64e8"},
        shapes={
            "teacher": {"layers": 6, **shape, "parameters": 22_714_370},
            "student": {"layers": 3, **shape, "parameters": 17_392_130},
        },
        data={
            "train": 67_122,
            "validation": 6_715,
            "held-out": N_HELD_OUT,
            "train fingerprint": "1a5e0c77c2be4d0aa90f3f0f61b7d0c4",
            "validation fingerprint": "9be24415d0f6433a8a6f27cf5c2dcb7e",
            "held-out fingerprint": "c30f7f4e2a1149f2b4d1f6a5e3ce8d70",
        },
        leaks=(
            "17 held-out texts stand in the training part too; they were taken out of the held-out part.",
            "204 texts stand twice in the training part; one of each was kept.",
        ),
        recipe=Recipe.from_dict(
            {"student": {"layers": 3}, "verify": {"tolerances": {"max_size_mb": 20, "max_latency_ms": 5}}}
        ).model_dump(mode="json"),
        labelling=LabellingRecord(74_709, 0, 74_709, 41, "runs/a/signals"),
        trainings=(
            training(
                "student",
                objectives=("soft_labels", "true_labels", "last_hidden"),
                last_agreement=0.962,
                last_accuracy=0.899,
            ),
            training("no-teacher baseline", objectives=("true_labels",), last_agreement=0.924, last_accuracy=0.887),
        ),
        quantization=QuantizationRecord("w8a8e8", layer_bits()),
        verdict=verdict,
        files={
            "config.json": "5d3f" * 16,
            "model.safetensors": "a07c" * 16,
            "onnx/model.onnx": "91be" * 16,
            "onnx/model_quantized.onnx": "e2d4" * 16,
            "special_tokens_map.json": "0c6a" * 16,
            "tokenizer.json": "77f1" * 16,
            "tokenizer_config.json": "b358" * 16,
        },
        machine={
            "processor": "Intel(R) Xeon(R) Platinum 8581C CPU @ 2.30GHz",
            "architecture": "x86_64",
            "instruction sets": "avx2 avx512 avx512_vnni",
            "physical cores": "2",
            "operating system": "Linux 6.1.0",
            "python": "3.11.9",
            "onnxruntime": "1.31.0",
            "torch": "2.13.0+cpu",
        },
        seconds={"label": 132.4, "distill": 1184.0, "baseline": 897.2, "quantize": 3.1, "export": 6.4, "verify": 71.9},
        bytes_by_part=sample_bytes(),
    )


def refused_record() -> RunRecord:
    """A run whose artifact missed two tolerances, and whose baseline did as well as the student."""
    record = passed_record()
    checks = (
        CHECKS[0],
        Check("min_agreement", 0.95, 817 / 872, False, "agreement 93.7 % is below the accepted 95 %"),
        Check("min_score", 0.90, 780 / 872, False, "accuracy 89.4 % is below the accepted 90 %"),
        CHECKS[2],
    )
    sentence = f"The artifact was refused: {checks[1].sentence}; {checks[2].sentence}."
    return replace(record, verdict=replace(record.verdict, passed=False, sentence=sentence, checks=checks))


def unlabelled_record() -> RunRecord:
    """A run on texts that nobody labelled: agreement is all there is to say."""
    record = passed_record()
    models = tuple(replace(model, score=None, retention=None) for model in MODELS if "baseline" not in model.name)
    answers = tuple(replace(answer, label=None) for answer in record.verdict.changed_answers)
    sentence = (
        "The artifact passed: it answers 93.7 % of 872 held-out texts as the teacher does (95 % interval 91.9–95.1 %)."
    )
    verdict = replace(
        record.verdict,
        sentence=sentence,
        checks=CHECKS[1:2],
        models=models,
        confusions=confusions_of(answers),
        changed_answers=answers,
        gain=None,
        non_inferiority=None,
        stages=sample_stages(n_twins=0, labelled=False),
        not_checked=("min_retention was not checked: it needs labels.",),
    )
    curve = tuple(replace(point, validation_score=None) for point in record.trainings[0].curve)
    return replace(record, verdict=verdict, trainings=(replace(record.trainings[0], curve=curve),))


def bare_record() -> RunRecord:
    """A run without timings, baseline, tolerances, leaks or changed answers, and with a curve of one point."""
    record = passed_record()
    models = tuple(model for model in MODELS if "baseline" not in model.name)
    verdict = Verdict(
        passed=True,
        sentence="The artifact was measured; no tolerance was set.",
        checks=(),
        models=(*models[:-1], replace(models[-1], agreement=share(872))),
        confusions=(),
        n_changed=0,
        n_held_out=N_HELD_OUT,
        n_truncated=0,
    )
    only = replace(record.trainings[0], curve=record.trainings[0].curve[:1], steps=105, best_step=105)
    return replace(record, leaks=(), verdict=verdict, trainings=(only,), seconds={})


def many_labels_record(n_labels: int = 77) -> RunRecord:
    """A run on bank customers' intents: long label names, many pairs, few texts each, pairs of texts."""
    record = passed_record()
    subjects = (
        "card_payment",
        "top_up",
        "transfer",
        "exchange_rate",
        "pending_cash_withdrawal",
        "verify_my_identity",
        "direct_debit",
    )
    troubles = (
        "",
        "_not_recognised",
        "_reverted",
        "_fee_charged",
        "_failed",
        "_limits",
        "_by_bank_transfer",
        "_timing",
        "_wrong_amount",
        "_abroad",
        "_pin",
    )
    names = [subject + trouble for trouble in troubles for subject in subjects][:n_labels]
    answers = []
    for index in range(48):
        teacher_label, artifact_label = names[index % n_labels], names[(index * 5 + 7) % n_labels]
        for offset in range(1 + 8 // (index + 2)):
            text = MIXED_LINES[(index + offset) % len(MIXED_LINES)]
            pair = "and what was charged for it?" if index == 3 else None
            answers.append(
                ChangedAnswer(text, pair, names[(index * 3) % n_labels], teacher_label, 0.412, artifact_label, 0.377)
            )
    confusions = confusions_of(answers)
    verdict = replace(record.verdict, confusions=confusions, n_changed=len(answers), changed_answers=tuple(answers))
    return replace(record, verdict=verdict)
