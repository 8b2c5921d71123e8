"""The one training loop: distillation, its baseline and the teaching of a teacher differ by objective only."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from accelerate import Accelerator

from limbeck.distill import checkpoint
from limbeck.distill.attention import AttentionChoice
from limbeck.distill.checkpoint import TrainingState, Weights
from limbeck.distill.inner import queries_keys_values
from limbeck.distill.lessons import Lessons
from limbeck.distill.objective import Objective
from limbeck.distill.projections import PREFIX, fitted_projections
from limbeck.encoder import heads
from limbeck.encoder.families import FAMILIES, layer_count
from limbeck.encoder.heads import answers_in, asked_about, rows_of, told_in
from limbeck.ground import freed_memory, machine
from limbeck.ground.progress import SILENT, Bar, Progress
from limbeck.records.run import CurvePoint, TrainingRecord
from limbeck.tasks import TASKS
from limbeck.teacher.load import model_inputs
from limbeck.teacher.quick import first_token_at_last
from limbeck.text import batching
from limbeck.text.kept_tokens import hidden_log_probabilities
from limbeck.text.tokens import EncodedTexts

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CURVE_POINTS = 60
_EVALUATION_TOKENS = 8192
_EVALUATION_TEXTS = 256


@dataclass(frozen=True)
class TrainingPlan:
    """How a training goes, besides its objective.

    Args:
        name: What the record and the progress bar call it.
        steps: Optimizer steps, at most.
        batch_size: Texts a step.
        learning_rate: Peak, after the warm-up; it falls to 0 on a straight line.
        warmup_share: Share of all steps in which the rate rises from 0.
        weight_decay: On matrices; biases and norms are left alone.
        max_gradient_norm: Longer gradients are scaled down to it.
        train_embeddings: Whether embedding tables are trained too.
        frozen_layers: How many layers, from the lowest, keep their weights, with the norm of the embeddings.
        dropout: Whether the model's dropout is on.
        evaluate_every: Steps between answers to the validation texts; the last step always is followed by one.
        patience: Stop after so many evaluations without a better score; None goes on to the end.
        choose_by: What the best checkpoint is best in; or the last one, where nothing may choose.
        checkpoint_seconds: Seconds between checkpoints.
        seed: Where order and dropout come from.
    """

    name: str
    steps: int
    batch_size: int
    learning_rate: float
    warmup_share: float
    weight_decay: float
    max_gradient_norm: float
    train_embeddings: bool
    frozen_layers: int
    dropout: bool
    evaluate_every: int
    patience: int | None
    choose_by: Literal["agreement", "score", "last"]
    checkpoint_seconds: float
    seed: int


def train(
    student: "PreTrainedModel",
    lessons: Lessons,
    *,
    objective: Objective,
    plan: TrainingPlan,
    work: Path,
    progress: Progress = SILENT,
) -> TrainingRecord:
    """Train a model, keep its best weights, and leave a checkpoint every few seconds that the same call goes on from.

    Batches hold texts of like length; the mathematics runs in bfloat16 where the machine has it in hardware, the
    weights and the optimizer in float32. An interrupted training ends in the same weights as an undisturbed one.

    Args:
        student: Changed in place; afterwards it holds the weights that were best on validation texts.
        lessons: What it reads.
        objective: What it is pulled to.
        plan: How.
        work: Folder of the checkpoint.
        progress: Told of each step.

    Raises:
        RecipeError: The objective asks for targets that the lessons do not have.
        OutputError: The disk is full; the last checkpoint stays.
    """
    objective.check(lessons.train_targets)
    with freed_memory.kept() as bound_memory:
        training = _Training(student, lessons, objective=objective, plan=plan, work=work)
        return training.run(progress, after_step=bound_memory)


class _Training:
    """One training under way: model, optimizer, state."""

    def __init__(
        self, student: "PreTrainedModel", lessons: Lessons, *, objective: Objective, plan: TrainingPlan, work: Path
    ) -> None:
        self.lessons, self.objective, self.plan = lessons, objective, plan
        self.path = work / f"{plan.name}-{checkpoint.CHECKPOINT_FILE}"
        half = machine.has_fast_bfloat16()
        self.accelerator = Accelerator(mixed_precision="bf16" if half else "no")
        self.plain = student
        self.attention = AttentionChoice(
            student,
            device=self.accelerator.device,
            half=half,
            dropout=plan.dropout,
            needs_maps=objective.needs_maps,
        )
        _set_trainable(student, train_embeddings=plan.train_embeddings, frozen_layers=plan.frozen_layers)
        if not plan.dropout:
            _switch_off_dropout(student)
        self.projections = fitted_projections(
            student,
            lessons,
            of_last=objective.has("last_hidden"),
            of_layers=objective.needs_states,
            fit=not self.path.exists(),
        )
        own = checkpoint.trained_weights(self.projections)
        self.weights = checkpoint.trained_weights(student) | {PREFIX + name: own[name] for name in own}
        self.relation_layer = layer_count(student.config) - 1 if objective.needs_relations else None
        optimizer = torch.optim.AdamW(_decay_groups(self.weights, plan.weight_decay), lr=plan.learning_rate, fused=True)
        self.optimizer = optimizer
        self.model, self.stepper = self.accelerator.prepare(student, optimizer)
        self.state = checkpoint.load(self.path, self.weights, optimizer) if self.path.exists() else TrainingState()
        groups = lessons.train_targets.groups
        self.groups = groups.numpy() if groups is not None and TASKS[objective.task].groups_rows else None
        self.steps_per_epoch = -(-len(lessons.train.ids) // plan.batch_size)

    def run(self, progress: Progress, *, after_step: Callable[[], None]) -> TrainingRecord:
        plan, state = self.plan, self.state
        point_at = max(1, plan.steps // _CURVE_POINTS)
        last_saved = time.monotonic()
        with (
            first_token_at_last(self.plain),
            progress.bar(plan.name, total=plan.steps, unit="steps", done=state.step) as bar,
        ):
            for batch in self._batches():
                if plan.patience is not None and state.worse_evaluations >= plan.patience:
                    break
                self._step(batch)
                if state.step % plan.evaluate_every == 0 or state.step == plan.steps:
                    self._compare()
                elif state.step % point_at == 0:
                    self._add_point()
                if time.monotonic() - last_saved > plan.checkpoint_seconds:
                    checkpoint.save(self.path, state, self.weights, self.optimizer)
                    last_saved = time.monotonic()
                self._tell(bar)
                after_step()
        return self._finish()

    def _batches(self) -> Iterator[batching.Indices]:
        """The batches from the current step to the last; each epoch's order is a function of seed and epoch."""
        for epoch in count(self.state.step // self.steps_per_epoch):
            batches = batching.shuffled_by_length(
                self.lessons.train.lengths,
                batch_size=self.plan.batch_size,
                generator=np.random.default_rng([self.plan.seed, epoch]),
                groups=self.groups,
            )
            for batch in batches[self.state.step - epoch * self.steps_per_epoch :]:
                if self.state.step == self.plan.steps:
                    return
                yield batch

    def _step(self, batch: batching.Indices) -> None:
        plan, state = self.plan, self.state
        for group in self.optimizer.param_groups:
            group["lr"] = plan.learning_rate * _rate_share(state.step, plan.steps, plan.warmup_share)
        torch.manual_seed(plan.seed * 1_000_003 + state.step)
        self.model.train()
        padded = self.lessons.batch(batch, chance=[plan.seed, state.step])
        self.attention.take(padded.input_ids.shape[1])
        inputs, device = model_inputs(self.plain, padded), self.accelerator.device
        with queries_keys_values(self.plain, self.relation_layer) as relations, asked_about(self.plain, padded):
            output = self.model(**inputs, **self.objective.asked_outputs)
        again = answers_in(self.model(**inputs), padded) if self.objective.needs_another_view else None
        wanted = torch.from_numpy(self.lessons.train.answers_of(batch))
        targets = replace(self.lessons.train_targets.take(wanted, device=device), rows=rows_of(padded, device=device))
        if self.objective.needs_live_teacher:
            assert self.lessons.live_teacher is not None
            inner = self.lessons.live_teacher.inner(inputs, padded)
            targets = replace(targets, inner=inner, mask=inputs["attention_mask"])
            if inner.logits is not None:
                targets = replace(targets, teacher_logits=inner.logits)
        if padded.hidden is not None:
            targets = replace(targets, labels=torch.from_numpy(padded.hidden).to(device))
        losses = self.objective.losses(
            output,
            targets,
            logits=answers_in(output, padded),
            relations=relations,
            again=again,
            projections=self.projections,
        )
        self.accelerator.backward(losses["total"])
        self.accelerator.clip_grad_norm_(list(self.weights.values()), plan.max_gradient_norm)
        self.stepper.step()
        self.stepper.zero_grad()
        for name, loss in losses.items():
            state.sums[name] = state.sums.get(name, 0.0) + float(loss.detach())
        state.n_summed += 1
        state.step += 1

    def _compare(self) -> None:
        """Answer the validation texts; keep the weights when they are the best so far."""
        state, plan = self.state, self.plan
        wanted = self.lessons.validation_targets
        read = self.lessons.validation
        logits = self._answer(read)
        task, answers = wanted.asked(self.objective.task), read.as_logits(logits.numpy())
        names = tuple((self.plain.config.id2label or {}).values())
        agreement = score = None
        if wanted.teacher_logits is not None:
            teacher_answers = read.as_logits(wanted.teacher_logits.numpy())
            agreement = _defined(task.agreement_of(answers, teacher_answers, names).value)
        if wanted.labels is not None:
            labels = self.lessons.validation_labels
            score = _defined(task.score_of(answers, wanted.labels.numpy() if labels is None else labels, names).value)
        if plan.choose_by == "last":
            ranked = (float(state.step), 0.0)
        else:
            chosen = agreement if plan.choose_by == "agreement" else score
            assert chosen is not None
            ranked = (chosen, -self._answer_loss(logits))
        if state.best_score is None or ranked > state.best_score:
            state.best_score, state.best_step, state.worse_evaluations = ranked, state.step, 0
            state.best = {name: parameter.detach().cpu().clone() for name, parameter in self.weights.items()}
        else:
            state.worse_evaluations += 1
        self._add_point(agreement=agreement, score=score)

    def _answer_loss(self, logits: torch.Tensor) -> float:
        """What parts equal shares: how far the answers are from the teacher's, or from the labels."""
        wanted, objective = self.lessons.validation_targets, self.objective
        reading = self.lessons.validation.reading
        rows = None if reading is None else torch.from_numpy(reading.rows)
        if objective.hides_tokens:
            return -float(hidden_log_probabilities(logits.numpy()).mean())
        if self.plan.choose_by == "agreement":
            assert wanted.teacher_logits is not None
            return float(objective.towards_teacher(logits, wanted.teacher_logits, temperature=1.0, rows=rows))
        assert wanted.labels is not None
        return float(objective.towards_labels(logits, wanted.labels, rows=rows, groups=wanted.groups))

    def _answer(self, encoded: EncodedTexts) -> torch.Tensor:
        """(answers, classes) float32 logits, on the processor."""
        self.model.eval()
        logits = torch.empty(encoded.n_answers, heads.n_outputs(self.plain))
        batches = batching.by_length(encoded.lengths, max_tokens=_EVALUATION_TOKENS, max_texts=_EVALUATION_TEXTS)
        with torch.inference_mode():
            for batch in batches:
                padded = self.lessons.encoder.pad(encoded, batch)
                with asked_about(self.plain, padded):
                    answers = told_in(self.model(**model_inputs(self.plain, padded)), padded)
                logits[torch.from_numpy(encoded.answers_of(batch))] = answers
        return logits

    def _add_point(self, *, agreement: float | None = None, score: float | None = None) -> None:
        state = self.state
        means = {name: total / state.n_summed for name, total in state.sums.items()} if state.n_summed else {}
        state.curve.append(CurvePoint(state.step, means, agreement, score))
        state.sums, state.n_summed = {}, 0

    def _tell(self, bar: Bar) -> None:
        best = None if self.plan.choose_by == "last" else self.state.best_score
        bar.advance(1, note="" if best is None else f"{self.plan.choose_by} {best[0]:.1%}")

    def _finish(self) -> TrainingRecord:
        state, plan = self.state, self.plan
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        self.accelerator.free_memory()
        self.attention.put_back()
        _put_back(self.plain, {name: best for name, best in state.best.items() if not name.startswith(PREFIX)})
        self.plain.eval()
        return TrainingRecord(
            name=plan.name,
            n_texts=self.lessons.train.n_texts,
            epochs=-(-state.step // self.steps_per_epoch),
            steps=state.step,
            best_step=state.best_step,
            curve=tuple(state.curve),
        )


def count_trained(model: "PreTrainedModel", plan: TrainingPlan) -> int:
    """Parameters that a training by this plan changes; the model is told which they are."""
    _set_trainable(model, train_embeddings=plan.train_embeddings, frozen_layers=plan.frozen_layers)
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def forget(work: Path, name: str) -> None:
    """Remove the checkpoint of a training whose result was stored."""
    (work / f"{name}-{checkpoint.CHECKPOINT_FILE}").unlink(missing_ok=True)


def _rate_share(step: int, n_steps: int, warmup_share: float) -> float:
    """Share of the peak learning rate at a step: up on a straight line, then down to 0."""
    n_warmup = max(1, round(warmup_share * n_steps))
    return min((step + 1) / n_warmup, (n_steps - step) / max(1, n_steps - n_warmup))


def _set_trainable(model: "PreTrainedModel", *, train_embeddings: bool, frozen_layers: int) -> None:
    prefix = FAMILIES[model.config.model_type].layers_prefix
    kept = tuple(f"{prefix}{number}." for number in range(frozen_layers)) if prefix is not None else ()
    tables = {
        parameter
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Embedding) and name.split(".")[-2:-1] == ["embeddings"]
        for parameter in module.parameters()
    }
    for name, parameter in model.named_parameters():
        if parameter in tables:
            parameter.requires_grad_(train_embeddings)
        else:
            parameter.requires_grad_(not name.startswith(kept) and not (kept and "embeddings" in name.split(".")))


def _switch_off_dropout(model: torch.nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "attention_dropout", None), float):  # ModernBERT hands it to a function
            module.attention_dropout = 0.0  # type: ignore[assignment]


def _decay_groups(weights: Weights, weight_decay: float) -> list[dict[str, object]]:
    matrices = [parameter for parameter in weights.values() if parameter.ndim == 2]
    others = [parameter for parameter in weights.values() if parameter.ndim != 2]  # vectors, and steps between codes
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _defined(figure: float) -> float:
    """A figure that can be compared: a correlation of equal answers is none, and stands below all others."""
    return -1.0 if math.isnan(figure) else figure


def _put_back(model: torch.nn.Module, best: Weights) -> None:
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, tensor in best.items():
            parameters[name].copy_(tensor)
