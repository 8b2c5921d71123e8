"""The last station of the walk: a student's files are written, judged through the code that serves them, and sealed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck import evaluate, report, runtime, student, teacher
from limbeck.artifact.manifest import Manifest, quantized_model_file
from limbeck.artifact.sealed import seal
from limbeck.data import write_examples
from limbeck.encoder.origin import Origin
from limbeck.encoder.parts import ModelBytes
from limbeck.export import size_beside, write_artifact
from limbeck.ground import fingerprint, machine
from limbeck.ground.files import folder_written_whole, written_whole
from limbeck.ground.progress import Progress
from limbeck.quantization import QuantizedStudent
from limbeck.recipe.knobs import Recipe
from limbeck.recipe.scheme import Scheme
from limbeck.records.run import RunRecord, to_json
from limbeck.records.run_folder import TEXTS_FILE, RunFolder
from limbeck.records.verdict import BASELINE, FLOAT_STUDENT, TEACHER, Timing, Verdict, artifact_name
from limbeck.tasks.task import AnyLogits
from limbeck.teacher import Teacher
from limbeck.teacher.answering import ship_answers
from limbeck.teacher.signals import Signals
from limbeck.text.examples import Examples
from limbeck.text.tokens import TOKENIZER_FILE
from limbeck.text.unknown_token import unknown_id
from limbeck.walk.respelling import respelled
from limbeck.walk.twins import twins_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_VERSIONED = ("limbeck", "onnx", "onnxruntime", "python", "tokenizers", "torch", "transformers")


@dataclass(frozen=True)
class Package:
    """What goes into an artifact and its judgement.

    Args:
        master: The teacher.
        origin: What the student started from; its tokenizer ships.
        student: The distilled student, in float32.
        baseline: The same shape trained on labels alone, or None.
        quantized: The student's codes.
        rounded: What they were made of: the student, or what it became with its roundings in place.
        held_out: The texts that decide.
        signals: The teacher's answers to them, computed in float32.
    """

    master: Teacher
    origin: Origin
    student: "PreTrainedModel"
    baseline: "PreTrainedModel | None"
    quantized: QuantizedStudent
    rounded: "PreTrainedModel"
    held_out: Examples
    signals: Signals


def package(
    record: RunRecord, artifact: Path, content: Package, *, recipe: Recipe, folder: RunFolder, progress: Progress
) -> RunRecord:
    """Write the artifact, judge it through the runtime, and seal it with its verdict.

    Args:
        record: What the run found so far.
        artifact: An existing empty folder.
        content: What goes in.
        recipe: Tolerances and timing.
        folder: Keeps the seconds of the stages.
        progress: Told what goes on.

    Returns: The record with verdict, files and seconds.

    Raises:
        OutputError: The disk is full.
    """
    with folder.stage("export"):
        inputs = write_artifact(
            content.student,
            artifact,
            tokenizer_folder=content.origin.tokenizer_folder,
            max_tokens=content.origin.encoder.max_tokens,
            packed=content.quantized.weights,
            model_file=quantized_model_file(Scheme.parse(record.quantization.scheme)),
            rounded=content.rounded,
        )
        if recipe.verify.ship_signals:
            ship_answers(
                artifact, content.master.fingerprint, content.held_out.text_fingerprints, content.signals.logits
            )
        manifest = _manifest(record, content, recipe, inputs=inputs)
        seal(artifact, manifest)
        record = replace(record, bytes_by_part=(*record.bytes_by_part, *_bytes_by_part(artifact, content, manifest)))
    progress.say(f"Verifying on {len(content.held_out)} held-out texts")
    with folder.stage("verification"):
        named = {artifact_name(content.quantized.record.scheme): artifact}
        timings = evaluate.measure_speed(
            named, content.master, content.held_out, settings=recipe.verify, progress=progress
        )
        heard: list[tuple[Examples, AnyLogits]] = []
        verdict = _judge(artifact, content, recipe, timings=timings, heard=heard, progress=progress)
    with folder_written_whole(folder.held_out) as kept:
        write_examples(kept / TEXTS_FILE, content.held_out)
        for texts, logits in ((content.held_out, content.signals.logits), *heard):
            ship_answers(kept, content.master.fingerprint, texts.text_fingerprints, logits)
    lasting = evaluate.lasting(verdict)
    with written_whole(artifact / "README.md") as temporary:
        card = report.model_card(replace(record, verdict=lasting), name=_card_name(record))
        temporary.write_text(card, encoding="utf-8")
    sealed = seal(artifact, replace(manifest, verdict=_shipped(lasting)))
    return replace(record, verdict=verdict, files=sealed.files, seconds=folder.seconds())


def _judge(
    artifact: Path,
    content: Package,
    recipe: Recipe,
    *,
    timings: tuple[Timing, ...],
    heard: list[tuple[Examples, AnyLogits]],
    progress: Progress,
) -> Verdict:
    """Everyone's answers to the held-out texts; artifact and student through the runtime.

    What the teacher says of them in other spellings is put into `heard`.
    """
    texts, pairs = content.held_out.texts, content.held_out.text_pairs
    small, float32 = runtime.load(artifact), runtime.load(artifact, variant="float", check=False)
    answered = small.logits(texts, pairs)
    n_parameters = small.manifest.n_parameters
    weights = small.weight_fidelity()
    name = artifact_name(content.quantized.record.scheme)
    own = evaluate.ModelAnswers(FLOAT_STUDENT, float32.logits(texts, pairs).values, float32.size_bytes, n_parameters)
    others = [own]
    twins = twins_of(
        (content.student, content.rounded, content.quantized),
        ((FLOAT_STUDENT, float32, own.logits), (name, small, answered.values)),
        content.origin.encoder,
        content.held_out,
        recipe=recipe,
        progress=progress,
    )
    if content.baseline is not None:
        logits = teacher.float32_logits(content.baseline, content.origin.encoder, texts, pairs)
        others.insert(0, evaluate.ModelAnswers(BASELINE, logits, float32.size_bytes, n_parameters))
    robustness = respelled(
        small,
        answered.values,
        content.held_out,
        recipe=recipe,
        master=content.master,
        teacher_logits=content.signals.logits,
        remember=lambda texts, pairs, logits: heard.append(
            (Examples(tuple(texts), None if pairs is None else tuple(pairs), None, ()), logits)
        ),
        progress=progress,
    )
    verdict = evaluate.judge(
        evaluate.ModelAnswers(name, answered.values, small.size_bytes, n_parameters),
        evaluate.ModelAnswers(
            TEACHER,
            content.signals.logits,
            content.master.size_bytes,
            content.master.n_parameters,
        ),
        examples=content.held_out,
        task=recipe.task,
        tolerances=recipe.tolerances,
        others=others,
        n_truncated=answered.n_truncated,
        confidence=recipe.verify.confidence,
        margin=recipe.verify.margin,
        bootstrap_samples=recipe.verify.bootstrap_samples,
        seed=recipe.seed,
        timings=timings,
        saturation=small.saturation(),
        weights=weights,
        facts=evaluate.facts_of(small, weights),
        traits=evaluate.traits_of(
            small.encoder, content.held_out, answered.truncated, unknown=unknown_id(artifact / TOKENIZER_FILE)
        ),
        robustness=robustness,
        twins=twins,
    )
    kept = evaluate.keep(
        recipe.task,
        evaluate.Answered(answered.values, content.signals.logits, content.master.fingerprint),
        examples=content.held_out,
    )
    return replace(verdict, answers=kept)


def _bytes_by_part(artifact: Path, content: Package, manifest: Manifest) -> list[ModelBytes]:
    """Where the bytes of the float32 student and of the artifact are."""
    beside = size_beside(content.student, tokenizer_folder=content.origin.tokenizer_folder)
    return [
        student.bytes_by_part(
            content.student,
            name=name,
            beside_bytes=beside,
            packed=packed,
            graph_bytes=(artifact / graph).stat().st_size,
        )
        for name, packed, graph in (
            (FLOAT_STUDENT, None, manifest.float_model_file),
            (artifact_name(manifest.scheme), content.quantized.weights, manifest.model_file),
        )
    ]


def _card_name(record: RunRecord) -> str:
    """What the card calls the artifact: the teacher's last name, and what was made of it."""
    teacher_name = record.teacher["name"].rsplit("/", 1)[-1]
    n_layers = record.shapes["student"]["layers"]
    return f"{teacher_name}-{f'{n_layers}l' if n_layers else 'static'}-{record.quantization.scheme}"


def _shipped(verdict: Verdict) -> dict[str, Any]:
    """The part of a verdict that ships: figures, none of the user's texts."""
    told = to_json(evaluate.unquoted(verdict))
    for quoting in ("changed_answers", "confusions", "answers", "drift"):
        told.pop(quoting, None)
    return told


def _manifest(record: RunRecord, content: Package, recipe: Recipe, *, inputs: tuple[str, ...]) -> Manifest:
    told = machine.describe()
    return Manifest(
        limbeck_version=record.limbeck_version,
        task=recipe.task,
        label_names=content.master.label_names,
        max_tokens=content.origin.encoder.max_tokens,
        scheme=record.quantization.scheme,
        model_file=quantized_model_file(Scheme.parse(record.quantization.scheme)),
        inputs=inputs,
        shape=record.shapes["student"],
        n_parameters=record.shapes["student"]["parameters"],
        fingerprints={
            "teacher": content.master.fingerprint,
            "tokenizer": content.origin.encoder.fingerprint,
            **{name: str(record.data[f"{name} fingerprint"]) for name in ("train", "validation", "held_out")},
            "recipe": fingerprint.of_settings(record.recipe),
        },
        recipe=record.recipe,
        versions={name: version for name, version in told.items() if name in _VERSIONED},
        instruction_set=told["instruction sets"],
    )
