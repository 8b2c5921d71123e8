"""What ships, computed once more in PyTorch, to see whether a file answers as the weights that it was made of.

The float32 student as it was trained, and the quantized one as its codes are: in floats, with weights and inputs
rounded as the graph rounds them. Both answer in the batches in which the runtime answers, as the range of rounded
inputs is that of a batch.
"""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from limbeck import evaluate
from limbeck.encoder import heads
from limbeck.encoder.families import layer_count
from limbeck.ground.progress import Progress
from limbeck.quantization import QuantizedStudent, is_fake_quantized, settled
from limbeck.recipe.knobs import Recipe
from limbeck.records.verdict import ARTIFACT_EXPORTED, STUDENT, STUDENT_EXPORTED
from limbeck.runtime import Model
from limbeck.tasks import TASKS
from limbeck.tasks.task import AnyLogits
from limbeck.teacher import model_inputs
from limbeck.text.batching import served_by_length
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

STUDENT_TWIN, ARTIFACT_TWIN = f"{STUDENT} in PyTorch", "quantized student in PyTorch"


def twins_of(
    models: tuple["PreTrainedModel", "PreTrainedModel", QuantizedStudent],
    files: Sequence[tuple[str, Model, AnyLogits]],
    encoder: TextEncoder,
    examples: Examples,
    *,
    recipe: Recipe,
    progress: Progress,
) -> tuple[evaluate.Twin, ...]:
    """Ask PyTorch about some held-out texts.

    Args:
        models: The float32 student, what the codes were made of, and the codes.
        files: Of the float32 student and of the quantized one: what each is called, its file, and what that said about
            all texts.
        encoder: Texts to tokens.
        examples: The held-out texts.
        recipe: How many of them at most; its seed chooses.
        progress: Told that this goes on.

    Returns: None of them where the recipe does not want it.
    """
    task = TASKS[recipe.task]
    rows = evaluate.some_rows(examples, task, recipe.verify.pytorch_texts, seed=recipe.seed)
    if not recipe.verify.pytorch_texts or not len(rows):
        return ()
    some = examples.take(rows)
    student, rounded, quantized = models
    progress.say(f"Asking the student in PyTorch about {len(some)} texts, to see what exporting changes")
    if not is_fake_quantized(rounded):
        rounded = settled(copy.deepcopy(rounded), quantized.weights, scheme=quantized.record.scheme)
    found = []
    for stage, name, model, (file_name, file, logits) in zip(
        (STUDENT_EXPORTED, ARTIFACT_EXPORTED), (STUDENT_TWIN, ARTIFACT_TWIN), (student, rounded), files, strict=True
    ):
        shipped = logits if len(some) == len(examples) else file.logits(some.texts, some.text_pairs).values
        found.append(evaluate.Twin(stage, rows, name, _answers(model, encoder, some), file_name, shipped))
    return tuple(found)


def _answers(model: "PreTrainedModel", encoder: TextEncoder, examples: Examples) -> AnyLogits:
    encoded = encoder.encode(examples.texts, examples.text_pairs)
    found = np.empty((encoded.n_answers, heads.n_outputs(model)), np.float32)
    model.eval()
    for batch in served_by_length(encoded.lengths, has_layers=layer_count(model.config) > 0):
        padded = encoder.pad(encoded, batch)
        with torch.inference_mode():
            found[encoded.answers_of(batch)] = heads.told_in(model(**model_inputs(model, padded)), padded).numpy()
    return encoded.as_logits(found)
