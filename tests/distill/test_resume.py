"""The law of resuming: a training broken off anywhere, however often, ends in the weights of an undisturbed one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toy import LABELS_ALONE, PLAN, SOFT, Toy, same, weights_of

from limbeck.distill import Objective, TrainingPlan, live_teacher, train
from limbeck.distill.checkpoint import CHECKPOINT_FILE
from limbeck.distill.loop import forget
from limbeck.records.run import TrainingRecord
from watching import Events, Interrupted

Ended = tuple[dict[str, torch.Tensor], TrainingRecord]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """One toy problem for all tests of this file; the teacher has dropout, so that chance plays a part."""
    return Toy(tmp_path_factory.mktemp("toy"))


def _end(
    toy: Toy,
    plan: TrainingPlan,
    work: Path,
    *,
    objective: Objective = SOFT,
    broken_off: Sequence[int] = (),
    **lessons: Any,
) -> Ended:
    """Train to the end; on the way break off after so many steps of each attempt, and start anew from a new model."""
    given = replace(toy.lessons, **lessons)
    for n_steps in broken_off:
        torch.manual_seed(n_steps)  # whatever state of chance a new process has
        with pytest.raises(Interrupted):
            train(toy.student(), given, objective=objective, plan=plan, work=work, progress=Events(n_steps))
    student = toy.student()
    record = train(student, given, objective=objective, plan=plan, work=work)
    return weights_of(student), record


@pytest.fixture(scope="module")
def undisturbed(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The end of the plain plan."""
    return _end(toy, PLAN, tmp_path_factory.mktemp("undisturbed"))


def test_the_same_training_ends_the_same_twice(toy: Toy, undisturbed: Ended, tmp_path: Path) -> None:
    """A failure would make every comparison of two recipes a comparison of two throws of dice."""
    weights, record = _end(toy, PLAN, tmp_path)
    assert same(weights, undisturbed[0])
    assert record == undisturbed[1]
    assert not same(_end(toy, replace(PLAN, seed=4), tmp_path / "other")[0], weights)


@pytest.mark.parametrize("step", range(1, PLAN.steps + 1))
def test_broken_off_after_any_step(step: int, toy: Toy, undisturbed: Ended, tmp_path: Path) -> None:
    """A failure would make a killed run another run: steps 4 and 8 are compared on validation, 5 ends an epoch."""
    weights, record = _end(toy, PLAN, tmp_path, broken_off=[step])
    assert same(weights, undisturbed[0])
    assert record == undisturbed[1]


def test_broken_off_again_and_again(toy: Toy, undisturbed: Ended, tmp_path: Path) -> None:
    """A failure would add up small losses over many kills."""
    weights, record = _end(toy, PLAN, tmp_path, broken_off=[1, 1, 2, 1, 3])
    assert same(weights, undisturbed[0])
    assert record == undisturbed[1]


def test_broken_off_between_checkpoints(toy: Toy, undisturbed: Ended, tmp_path: Path) -> None:
    """A failure would count the steps since the last checkpoint twice, or not at all.

    The first attempt leaves a checkpoint behind step 3; the second breaks off 4 steps later without another one.
    """
    rarely = replace(PLAN, checkpoint_seconds=1e9)
    with pytest.raises(Interrupted):
        train(toy.student(), toy.lessons, objective=SOFT, plan=PLAN, work=tmp_path, progress=Events(3))
    weights, record = _end(toy, rarely, tmp_path, broken_off=[4])
    assert same(weights, undisturbed[0])
    assert record == undisturbed[1]


def test_broken_off_before_the_first_checkpoint(toy: Toy, undisturbed: Ended, tmp_path: Path) -> None:
    """A failure would go on from a model that somebody else had begun to train."""
    weights, _ = _end(toy, replace(PLAN, checkpoint_seconds=1e9), tmp_path, broken_off=[2])
    assert same(weights, undisturbed[0])


@pytest.mark.parametrize(
    ("changes", "objective"),
    [
        ({"dropout": True}, SOFT),
        ({"train_embeddings": True}, SOFT),
        ({"dropout": True, "train_embeddings": True, "choose_by": "accuracy"}, LABELS_ALONE),
        ({"patience": 1, "evaluate_every": 2}, SOFT),
        ({"warmup_share": 0.5, "batch_size": 7}, SOFT),
    ],
    ids=["dropout", "embeddings", "as a teacher is taught", "patience", "last batch smaller"],
)
def test_other_plans_resume_too(changes: dict[str, Any], objective: Objective, toy: Toy, tmp_path: Path) -> None:
    """A failure would keep the promise for the default recipe only."""
    plan = replace(PLAN, **changes)
    wanted, record = _end(toy, plan, tmp_path / "a", objective=objective)
    weights, resumed = _end(toy, plan, tmp_path / "b", objective=objective, broken_off=[1, 2])
    assert same(weights, wanted)
    assert resumed == record
    assert not same(weights, weights_of(toy.student()))


@pytest.mark.parametrize("loss", ["layer_hidden", "attention_maps", "relations"])
def test_a_training_beside_a_live_teacher_resumes_too(loss: str, toy: Toy, tmp_path: Path) -> None:
    """A failure would break the promise where the teacher's states are computed as training goes."""
    objective = Objective({"soft_labels": 1.0, loss: 0.5}, temperature=2.0, relation_heads=4)
    live = live_teacher(toy.teacher, taken=(0, 3), objective=objective)
    wanted, record = _end(toy, PLAN, tmp_path / "a", objective=objective, live_teacher=live)
    weights, resumed = _end(toy, PLAN, tmp_path / "b", objective=objective, broken_off=[3, 4], live_teacher=live)
    assert same(weights, wanted)
    assert resumed == record
    assert loss in record.curve[0].losses


def test_the_bar_goes_on_from_where_it_was(toy: Toy, tmp_path: Path) -> None:
    """A failure would show people a run of hours beginning at nothing after every kill."""
    with pytest.raises(Interrupted):
        train(toy.student(), toy.lessons, objective=SOFT, plan=PLAN, work=tmp_path, progress=Events(6))
    events = Events()
    train(toy.student(), toy.lessons, objective=SOFT, plan=PLAN, work=tmp_path, progress=events)
    assert events.bars == [("student", 10, "steps", 6, 4)]


def test_a_finished_training_can_be_forgotten(toy: Toy, tmp_path: Path) -> None:
    """A failure would leave three times the model's size in every run's folder."""
    train(toy.student(), toy.lessons, objective=SOFT, plan=PLAN, work=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"student-{CHECKPOINT_FILE}"]
    forget(tmp_path, "student")
    forget(tmp_path, "student")
    assert list(tmp_path.iterdir()) == []
