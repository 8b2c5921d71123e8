"""The training loop: it learns, keeps the best, stops when told, and touches only what the plan says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy import LABELS_ALONE, PLAN, SOFT, Toy, same, weights_of

from limbeck.distill import Objective, distillation_plan, train
from limbeck.distill.loop import _decay_groups, _rate_share, _switch_off_dropout
from limbeck.encoder.families import FAMILIES as KNOWN
from limbeck.errors import RecipeError
from limbeck.recipe.knobs import Recipe
from limbeck.teacher.signals import Signals
from tiny import FAMILIES, write_teacher
from watching import Events


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """One toy problem for all tests of this file."""
    return Toy(tmp_path_factory.mktemp("toy"))


def test_distillation_brings_the_student_nearer_to_the_teacher(toy: Toy, tmp_path: Path) -> None:
    """A failure would mean that nothing is learned, whatever the verdict says."""
    plan = replace(PLAN, steps=60, evaluate_every=10, checkpoint_seconds=1e9)
    record = train(toy.student(), toy.lessons, objective=SOFT, plan=plan, work=tmp_path)
    first, last = record.curve[0], record.curve[-1]
    assert last.losses["total"] < 0.5 * first.losses["total"]
    assert set(first.losses) == {"soft_labels", "true_labels", "last_hidden", "total"}
    compared = [point for point in record.curve if point.validation_agreement is not None]
    agreements = [point.validation_agreement or 0.0 for point in compared]
    assert [point.step for point in compared] == [10, 20, 30, 40, 50, 60]
    assert max(agreements) > agreements[0] or min(agreements) == 1.0
    assert (record.steps, record.n_texts, record.epochs) == (60, 40, 12)


def test_the_curve_tells_means_since_its_last_point(toy: Toy, tmp_path: Path) -> None:
    """A failure would draw a curve of single batches, or of sums that grow with the distance of the points."""
    each = train(toy.student(), toy.lessons, objective=SOFT, plan=PLAN, work=tmp_path / "a")
    rarely = replace(PLAN, steps=10, evaluate_every=10)
    losses = [point.losses["total"] for point in each.curve]
    assert [point.step for point in each.curve] == list(range(1, 11))
    monkey = train(toy.student(), toy.lessons, objective=SOFT, plan=rarely, work=tmp_path / "b")
    assert [point.losses["total"] for point in monkey.curve] == pytest.approx(losses)


class _Snapshots(Events):
    """Keeps a copy of the student's weights after every step."""

    def __init__(self, student: torch.nn.Module) -> None:
        super().__init__()
        self._student = student
        self.weights: list[dict[str, torch.Tensor]] = []

    def advanced(self, bar: Any) -> None:
        self.weights.append(weights_of(self._student))


def test_the_best_weights_are_kept_and_not_the_last(toy: Toy, tmp_path: Path) -> None:
    """A failure would ship a student that got worse after its best moment."""
    plan = replace(PLAN, steps=12, evaluate_every=3)
    student = toy.student()
    snapshots = _Snapshots(student)
    record = train(student, toy.contrary(), objective=SOFT, plan=plan, work=tmp_path, progress=snapshots)
    scores = {
        point.step: point.validation_agreement for point in record.curve if point.validation_agreement is not None
    }
    assert set(scores) == {3, 6, 9, 12}
    assert record.best_step < 12
    assert scores[record.best_step] == max(scores.values())
    assert same(weights_of(student), snapshots.weights[record.best_step - 1])
    assert not same(weights_of(student), snapshots.weights[-1])
    assert not student.training


def test_training_stops_when_nothing_gets_better(toy: Toy, tmp_path: Path) -> None:
    """A failure would waste hours, or stop at the first bad moment.

    By law: two comparisons without a better score after the best one, and never two between the better ones before it.
    """
    plan = replace(PLAN, evaluate_every=2, patience=2, steps=60)
    record = train(toy.student(), toy.contrary(), objective=SOFT, plan=plan, work=tmp_path)
    assert record.steps == record.best_step + 2 * 2 < 60
    assert record.curve[-1].step == record.steps
    scores = [point.validation_agreement or 0.0 for point in record.curve if point.validation_agreement is not None]
    assert max(scores) == scores[record.best_step // 2 - 1]


def test_the_learning_rate_rises_and_falls_on_straight_lines() -> None:
    """A failure would train with another schedule than the documents say. By hand: 10 steps, 2 of them warm-up."""
    wanted = [1 / 2, 1, 8 / 8, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]
    assert [_rate_share(step, 10, 0.2) for step in range(10)] == wanted
    assert [_rate_share(step, 4, 0.0) for step in range(4)] == [1, 1, 2 / 3, 1 / 3]
    assert _rate_share(0, 1, 0.5) == 1
    for n_steps in (1, 2, 7, 100):
        shares = [_rate_share(step, n_steps, 0.06) for step in range(n_steps)]
        assert max(shares) == 1
        assert min(shares) > 0


def test_the_optimizer_gets_that_rate(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would leave the schedule a drawing."""
    rates: list[list[float]] = []
    step = torch.optim.AdamW.step

    def watched(self: torch.optim.AdamW, *args: Any, **kwargs: Any) -> Any:
        rates.append([group["lr"] for group in self.param_groups])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    train(toy.student(), toy.lessons, objective=SOFT, plan=PLAN, work=tmp_path)
    wanted = [PLAN.learning_rate * _rate_share(step, 10, PLAN.warmup_share) for step in range(10)]
    assert rates == [[rate, rate] for rate in wanted]


def test_weights_decay_but_biases_and_norms_do_not() -> None:
    """A failure would pull norms to zero, and with them every activation."""
    matrix, vector = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2))
    groups = _decay_groups({"weight": matrix, "bias": vector}, 0.1)
    assert groups == [{"params": [matrix], "weight_decay": 0.1}, {"params": [vector], "weight_decay": 0.0}]


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize("family", ["bert", "modernbert", "deberta-v2"])
def test_embedding_tables_are_trained_only_when_asked(family: str, trains: bool, tmp_path: Path) -> None:
    """A failure would spend most of a step's memory on tables that were to stay as the teacher has them."""
    toy = Toy(tmp_path, family=family)
    student = toy.student()
    before = weights_of(student)
    plan = replace(PLAN, train_embeddings=trains, steps=2)
    train(student, toy.lessons, objective=SOFT, plan=plan, work=tmp_path)
    changed = {name for name, tensor in weights_of(student).items() if not torch.equal(tensor, before[name])}
    tables = {name for name in before if ".embeddings." in name and name.endswith("embeddings.weight")}
    assert tables
    assert any("layer" in name and name.endswith("weight") for name in changed)
    assert bool(changed & tables) == trains


@pytest.mark.parametrize("family", FAMILIES)
def test_the_lowest_layers_stay_as_they_are_when_asked(family: str, tmp_path: Path) -> None:
    """A failure would let layers that compute what the teacher computes forget it on a few texts."""
    toy = Toy(tmp_path, family=family)
    student = toy.student()
    before = weights_of(student)
    train(student, toy.lessons, objective=SOFT, plan=replace(PLAN, frozen_layers=1, steps=2), work=tmp_path)
    changed = {name for name, tensor in weights_of(student).items() if not torch.equal(tensor, before[name])}
    prefix = KNOWN[family].layers_prefix
    lowest = {name for name in before if prefix is not None and name.startswith(f"{prefix}0.")}
    assert bool(lowest) == (family != "albert")  # its layers share one set of weights, which must learn
    assert not changed & lowest
    assert not (lowest and any("embeddings" in name.split(".") for name in changed))
    assert any("layer" in name and name.endswith("weight") for name in changed)


@pytest.mark.parametrize(("taken", "n_kept"), [((0, 2, 5), 1), ((1, 3, 5), 0), ((0, 1, 2), 2), ((0,), 0)])
def test_only_layers_that_stand_where_they_stood_are_kept(taken: tuple[int, ...], n_kept: int) -> None:
    """A failure would freeze a layer that has to do another layer's work, or all of them."""
    asked = Recipe.from_dict({"distill": {"train_lowest": False}})
    assert distillation_plan(asked, n_texts=1000, hidden_size=384, taken=taken).frozen_layers == n_kept
    assert distillation_plan(Recipe(), n_texts=1000, hidden_size=384, taken=taken).frozen_layers == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_without_dropout_chance_plays_no_part(family: str, tmp_path: Path) -> None:
    """A failure would blur the student's answers while it is compared with a teacher that has no dropout.

    Every kind of dropout that the families' configs know is set to a half, so that one left on would show.
    """
    from transformers import AutoConfig, AutoModelForSequenceClassification

    known = AutoConfig.for_model(family).to_dict()
    loud = {name: 0.5 for name, value in known.items() if "dropout" in name and isinstance(value, int | float)}
    folder = write_teacher(tmp_path / "model", family=family, **loud)
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").train()
    ids = torch.tensor([[2, 50, 51, 52, 53, 3]])

    def answers() -> torch.Tensor:
        return torch.stack([model(input_ids=ids).logits.detach() for _ in range(3)])

    assert answers().std(dim=0).max() > 0
    _switch_off_dropout(model)
    assert torch.equal(answers(), answers())


def test_what_is_not_there_is_refused_before_the_first_step(toy: Toy, tmp_path: Path) -> None:
    """A failure would end in a stack trace, or train on nothing."""
    with pytest.raises(RecipeError) as caught:
        train(toy.student(), toy.lessons_with(None), objective=SOFT, plan=PLAN, work=tmp_path)
    assert caught.value.message == "distill.weights.soft_labels = 1.0, but the texts have no teacher logits."
    assert list(tmp_path.iterdir()) == []


def test_the_baseline_learns_from_labels_alone(toy: Toy, tmp_path: Path) -> None:
    """A failure would let the teacher help the baseline, and so hide what distillation brings.

    By law: whatever the teacher said, of training or of validation texts, the baseline ends in the same weights.
    """
    plan = replace(PLAN, name="baseline", dropout=True, choose_by="score")
    draw = np.random.default_rng(0)
    noise = Signals(
        draw.normal(size=toy.signals.logits.shape).astype(np.float32),
        draw.normal(size=toy.signals.first_hidden.shape).astype(np.float16),
    )
    ends = []
    for name, lessons in {
        "none": toy.lessons_with(None, validation_signals=toy.signals),
        "noise": toy.lessons_with(None, validation_signals=noise),
        "taught": toy.lessons_with(noise, validation_signals=toy.signals),
    }.items():
        student = toy.student()
        record = train(student, lessons, objective=LABELS_ALONE, plan=plan, work=tmp_path / name)
        assert all(set(point.losses) == {"true_labels", "total"} for point in record.curve)
        ends.append(weights_of(student))
    assert same(ends[0], ends[1])
    assert same(ends[0], ends[2])


def test_every_text_is_read_once_an_epoch(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would train on some texts twice and on others never."""
    read: list[int] = []
    take = type(toy.lessons.train_targets).take

    def watched(self: Any, indices: torch.Tensor, *, device: torch.device) -> Any:
        read.extend(indices.tolist())
        return take(self, indices, device=device)

    monkeypatch.setattr(type(toy.lessons.train_targets), "take", watched)
    train(toy.student(), toy.lessons, objective=Objective({"true_labels": 1.0}), plan=PLAN, work=tmp_path)
    assert sorted(read[:40]) == sorted(read[40:]) == list(range(40))
    assert read[:40] != read[40:]


@pytest.mark.parametrize(
    ("task", "n_texts", "batch_size", "steps"),
    [
        ("question-answering", 30_000, 8, 2 * 3750),
        ("question-answering", 1_000, 8, 40 * 125),
        ("classification", 30_000, 64, 4 * 469),
        ("embeddings", 200_000, 64, 3125),
    ],
)
def test_questions_in_contexts_have_smaller_steps(task: str, n_texts: int, batch_size: int, steps: int) -> None:
    """A failure would take an eighth of the steps for as many windows, and find half as many answers."""
    plan = distillation_plan(Recipe(task=task), n_texts=n_texts, hidden_size=384, taken=(0, 2, 5))  # type: ignore[arg-type]
    assert (plan.batch_size, plan.steps) == (batch_size, steps)
