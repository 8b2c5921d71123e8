"""A narrower student is compared in the teacher's width, by a map that starts where it fits best and never ships."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toy import PLAN, Toy, same, weights_of
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from limbeck.distill import Lessons, Objective, live_teacher, train
from limbeck.distill.projections import fitted_projections, projected
from watching import Events, Interrupted

HIDDEN = Objective({"soft_labels": 1.0, "last_hidden": 1.0, "layer_hidden": 0.5}, temperature=2.0)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """One toy problem for all tests of this file."""
    return Toy(tmp_path_factory.mktemp("toy"))


def _narrow(toy: Toy, hidden_size: int = 16) -> PreTrainedModel:
    """A student of two layers, narrower than its teacher, from noise; the same every time."""
    torch.manual_seed(5)
    told = {**toy.teacher.config.to_dict(), "num_hidden_layers": 2, "hidden_size": hidden_size}
    config = AutoConfig.for_model(**told)
    return AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").train()


def _lessons(toy: Toy) -> Lessons:
    return replace(toy.lessons, live_teacher=live_teacher(toy.teacher, taken=(0, 3), objective=HIDDEN))


def test_no_map_where_the_widths_agree(toy: Toy) -> None:
    """A failure would let a student compute something else than the teacher, and be told that it is near."""
    assert len(fitted_projections(toy.student(), _lessons(toy), of_last=True, of_layers=True)) == 0
    states = torch.randn(2, 3)
    assert projected(states, torch.nn.ModuleDict(), "last_hidden") is states


def test_a_map_starts_where_it_fits_best(toy: Toy) -> None:
    """A failure would pull the student to nowhere in its first steps. By twin: torch's least squares, without ridge."""
    student, lessons = _narrow(toy), _lessons(toy)
    maps = fitted_projections(student, lessons, of_last=True, of_layers=True)
    assert sorted(maps) == ["last_hidden", "layer_hidden_0"]
    assert student.training
    wanted = lessons.train_targets.teacher_hidden
    assert wanted is not None
    rows = []
    student.eval()
    for ids in lessons.train.ids:
        with torch.inference_mode():
            rows.append(student(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0, 0])
    own = torch.stack(rows).double()
    best = torch.linalg.lstsq(own, wanted.double()).solution
    error = (own @ maps["last_hidden"].weight.T.double() - wanted).square().mean()  # type: ignore[operator]
    least = (own @ best - wanted).square().mean()
    assert least <= error < 1.1 * least + 0.05 * wanted.double().square().mean()
    assert error < 0.9 * wanted.double().square().mean()


def test_a_narrower_student_learns_and_the_map_stays_behind(toy: Toy, tmp_path: Path) -> None:
    """A failure would ship a matrix that nobody asks for, or leave the map as it began."""
    student = _narrow(toy)
    names = set(student.state_dict())
    plan = replace(PLAN, steps=40, evaluate_every=10)
    record = train(student, _lessons(toy), objective=HIDDEN, plan=plan, work=tmp_path)
    assert set(student.state_dict()) == names
    first, last = record.curve[0].losses, record.curve[-1].losses
    assert last["total"] < first["total"]
    assert last["layer_hidden"] < first["layer_hidden"]
    assert first["last_hidden"] < 0.1


def test_a_training_with_maps_resumes_to_the_same_weights(toy: Toy, tmp_path: Path) -> None:
    """A failure would fit the maps anew after a kill, and make a killed run another run."""
    ends = []
    for name, broken_off in {"undisturbed": [], "killed": [1, 3, 2]}.items():
        for n_steps in broken_off:
            with pytest.raises(Interrupted):
                train(
                    _narrow(toy),
                    _lessons(toy),
                    objective=HIDDEN,
                    plan=PLAN,
                    work=tmp_path / name,
                    progress=Events(n_steps),
                )
        student = _narrow(toy)
        record = train(student, _lessons(toy), objective=HIDDEN, plan=PLAN, work=tmp_path / name)
        ends.append((weights_of(student), record))
    assert same(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]
