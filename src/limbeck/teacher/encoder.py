"""A pretrained encoder that is to become a teacher or a student: found, checked, given a new head."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from limbeck.encoder import families
from limbeck.encoder.heads import MASKS, PROBLEM_TYPES, VECTOR, as_reranker, builder
from limbeck.encoder.pooling import Pooling, read_pooling
from limbeck.errors import TeacherError
from limbeck.ground import fingerprint
from limbeck.recipe.knobs import DataTable, TeacherTable
from limbeck.tasks import TASKS
from limbeck.teacher import folder as folders
from limbeck.teacher.load import load_model, loading_faults_told, quiet, ready_tokenizer, text_encoder
from limbeck.text.tokens import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Encoder:
    """A pretrained encoder on disk.

    Args:
        folder: Where its files lie.
        tokenizer_folder: Where its tokenizer.json lies.
        tokens: Texts -> tokens, with its length limit.
        fingerprint: Names its weights, config and tokenizer.
        may_run_code: Whether code that came with it may run.
        hidden_size: Width of its hidden states.
        whole: The folder that may hold the files of sentence-transformers; else it is `folder` itself.
    """

    folder: Path
    tokenizer_folder: Path
    tokens: TextEncoder
    fingerprint: str
    may_run_code: bool
    hidden_size: int
    whole: Path

    def with_head(self, label_names: Sequence[str], *, task: str) -> "PreTrainedModel":
        """The encoder with a head for these labels, in float32, ready to train.

        What the folder does not hold (the head, at times the pooler) starts from PyTorch's current random state.

        Raises:
            TeacherError: The weights cannot be read.
        """
        if TASKS[task].head == VECTOR:
            pooling = read_pooling(self.whole) or Pooling()
            model = load_model(self.folder, pooling=pooling, trust_code=self.may_run_code, attention="eager")
            return model.train()  # type: ignore[no-any-return]
        labels = {} if TASKS[task].head == MASKS else _labels(label_names)
        with quiet(), loading_faults_told(self.folder):
            model = builder(TASKS[task].head).from_pretrained(
                self.folder,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=self.may_run_code,
                attn_implementation="eager",
                ignore_mismatched_sizes=True,
                **labels,
            )
        model.config.problem_type = PROBLEM_TYPES.get(task)
        if task == "reranking":
            as_reranker(model.config)
        return model.train()  # type: ignore[no-any-return]


def _labels(label_names: Sequence[str]) -> dict[str, Any]:
    """As transformers' configs have them."""
    numbers = {name: index for index, name in enumerate(label_names)}
    return {"num_labels": len(label_names), "id2label": dict(enumerate(label_names)), "label2id": numbers}


def load_encoder(
    source: str | Path,
    *,
    settings: TeacherTable,
    work: Path,
    max_tokens: int | None = None,
    task: str = "classification",
    data: DataTable | None = None,
) -> Encoder:
    """Find an encoder and check that it can become a teacher.

    Args:
        source: A local folder or a hub id; a sentence-transformers model counts as the encoder in it.
        settings: The recipe's teacher table.
        work: Where a converted tokenizer may be put.
        max_tokens: Length limit; the encoder's own limit holds when it is smaller. None takes that of `data`.
        task: What it is to be asked.
        data: The recipe's data table.

    Raises:
        UnsafeTeacherError: It would run code, or is pickled only.
        TeacherError: Not found, of an unknown family, without weights or tokenizer.
    """
    from transformers import AutoConfig

    whole = folders.find_folder(source, revision=settings.revision)
    folder = folders.transformer_folder(whole)
    config = folders.read_config(folder)
    may_run_code = folders.refuse_unsafe(folder, config, name=str(source), allow_code=settings.allow_code)
    why = families.refusal(config)
    if why is not None:
        raise TeacherError(
            f"{source} is of the family {config.get('model_type')!r}: {why}.", hint="Give an encoder of a known family."
        )
    tokenizer_folder = ready_tokenizer(folder, work=work)
    parsed = AutoConfig.from_pretrained(folder, trust_remote_code=may_run_code)
    tokens = text_encoder(
        tokenizer_folder, parsed.to_dict(), task=task, data=data or DataTable(), max_tokens=max_tokens
    )
    weights = sorted(folder.glob("*.safetensors"))
    named = [fingerprint.of_file(path) for path in (folder / "config.json", *weights)]
    return Encoder(
        folder,
        tokenizer_folder,
        tokens,
        fingerprint.of_many([*named, tokens.fingerprint]),
        may_run_code,
        int(parsed.hidden_size),
        whole,
    )
