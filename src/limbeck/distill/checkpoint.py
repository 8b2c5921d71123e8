"""Checkpoints of a training: all that it needs to go on to the same final weights, in one safetensors file.

Nothing here is pickled. The order of the texts and the dropout masks are functions of the seed and the step, so that
the step is the only state of chance.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from limbeck.ground import files
from limbeck.records.run import CurvePoint, from_json

CHECKPOINT_FILE = "checkpoint.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")

Weights = dict[str, Tensor]


@dataclass
class TrainingState:
    """Where a training stands; changed in place as it goes.

    Args:
        step: Optimizer steps done.
        curve: Points so far.
        sums: loss -> sum since the last point of the curve.
        n_summed: Steps in `sums`.
        best_score: Of the best weights so far: (agreement or score, minus the validation loss).
        best_step: When they stood.
        best: The best trained weights so far.
        worse_evaluations: Evaluations since the best one, for early stopping.
    """

    step: int = 0
    curve: list[CurvePoint] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    n_summed: int = 0
    best_score: tuple[float, float] | None = None
    best_step: int = 0
    best: Weights = field(default_factory=dict)
    worse_evaluations: int = 0


def trained_weights(model: torch.nn.Module) -> Weights:
    """The parameters that training changes, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def save(path: Path, state: TrainingState, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: The checkpoint file.
        state: Where the training stands.
        weights: name -> parameter, as given to the optimizer.
        optimizer: AdamW over exactly these parameters.

    Raises:
        OutputError: The disk is full; the checkpoint before this one stays.
    """
    tensors: Weights = {f"weights/{name}": parameter.detach() for name, parameter in weights.items()}
    tensors |= {f"best/{name}": tensor for name, tensor in state.best.items()}
    for name, parameter in weights.items():
        moments = optimizer.state.get(parameter, {})
        tensors |= {f"{key}/{name}": moments[key] for key in _MOMENTS if key in moments}
    told = {key: value for key, value in vars(state).items() if key not in {"curve", "best"}}
    told["curve"] = [asdict(point) for point in state.curve]
    with files.written_whole(path) as temporary:
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        temporary.write_bytes(to_bytes(contiguous, {"state": json.dumps(told)}))


def load(path: Path, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> TrainingState:
    """Read a checkpoint into parameters and optimizer, and give back where the training stood."""
    with safe_open(path, "pt") as stored:
        told = json.loads(stored.metadata()["state"])
        names = set(stored.keys())
        best = {name: stored.get_tensor(f"best/{name}") for name in weights if f"best/{name}" in names}
        with torch.no_grad():
            for name, parameter in weights.items():
                parameter.copy_(stored.get_tensor(f"weights/{name}"))
                found = {key: stored.get_tensor(f"{key}/{name}") for key in _MOMENTS if f"{key}/{name}" in names}
                optimizer.state[parameter] = {
                    key: tensor if key == "step" else tensor.to(parameter.device) for key, tensor in found.items()
                }
    curve = [from_json(CurvePoint, point) for point in told.pop("curve")]
    score = told.pop("best_score")
    return TrainingState(**told, curve=curve, best=best, best_score=None if score is None else (score[0], score[1]))
