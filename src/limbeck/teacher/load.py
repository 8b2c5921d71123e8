"""A teacher from a folder or hub id: checked, loaded in float32, frozen."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from limbeck.encoder import heads
from limbeck.encoder.cross_encoder import activation_of
from limbeck.encoder.heads import among, answers_in, asked_about, told_in
from limbeck.encoder.pooling import MODULES_FILE, Pooling, read_pooling, sequence_limit
from limbeck.errors import TeacherError
from limbeck.ground import files, fingerprint
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import AUTO, DataTable, TeacherTable
from limbeck.tasks import output_names
from limbeck.tasks.rules import reading_rules
from limbeck.tasks.task import AnyLogits
from limbeck.teacher import folder as folders
from limbeck.teacher.answering import Labelled, MadeUpTexts, TimedAnswers
from limbeck.teacher.signals import SignalStore
from limbeck.text import batching
from limbeck.text.examples import Examples
from limbeck.text.tokens import TOKENIZER_FILE, TextEncoder, TokenBatch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_TIMING_BATCH_TEXTS = 32
_MOST_LOGITS = 1 << 27
_ASKED_TOKENS = 4096
_FRESH = Path(__file__).with_name("fresh_transformers.py")
_VOCABULARIES = ("vocab.txt", "vocab.json", "*.model")


@dataclass(frozen=True)
class EncoderTeacher:
    """A frozen Hugging Face classifier: the teacher that shows its hidden states, and that a student can start from.

    Args:
        name: The folder or hub id as the user gave it.
        folder: Where its files lie.
        tokenizer_folder: Where its tokenizer.json lies (its own folder, or a converted copy).
        model: In float32, in evaluation mode, without gradients.
        encoder: Texts -> tokens, with its length limit.
        label_names: The classes in the order of the logits.
        fingerprint: Names its weights, config and tokenizer.
        task: What it was made for; see `limbeck.tasks`.
    """

    name: str
    folder: Path
    tokenizer_folder: Path
    model: "PreTrainedModel"
    encoder: TextEncoder
    label_names: tuple[str, ...]
    fingerprint: str
    task: str = "classification"
    made_up: MadeUpTexts = "answered"

    @property
    def told(self) -> Mapping[str, str]:
        """By its folder's name or its hub id; no path of this machine goes into a record that ships."""
        return folders.told_of(self.name) | {"fingerprint": self.fingerprint}

    @property
    def n_parameters(self) -> int:
        """Its parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def hidden_size(self) -> int:
        """Width of its hidden states."""
        return int(self.model.config.hidden_size or 0)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk of its weights and tokenizer."""
        weights = sum(path.stat().st_size for path in self.folder.glob("*.safetensors"))
        return weights + files.size_bytes(self.tokenizer_folder / TOKENIZER_FILE)

    def logits(self, texts: Sequence[str], text_pairs: Sequence[str] | None = None) -> AnyLogits:
        """Its answers in float32; see `float32_logits`."""
        return float32_logits(self.model, self.encoder, texts, text_pairs)

    def prepare(self, wanted: Mapping[str, Examples], root: Path, *, progress: Progress = SILENT) -> None:
        """There is nothing to refuse: it answers any text, and its time is the machine's own."""

    def label(
        self,
        examples: Examples,
        root: Path,
        *,
        settings: TeacherTable,
        part_name: str,
        judges: bool,
        progress: Progress = SILENT,
    ) -> Labelled:
        """See `Teacher.label`; what a student learns from may be computed faster, what it is judged by is not."""
        from limbeck.teacher import labelling

        precision = "float32" if judges else labelling.chosen_precision(settings)
        store = SignalStore(root, labelling.signals_key(self, precision=precision))
        record = labelling.label(self, examples, store, settings=settings, progress=progress, part_name=part_name)
        return Labelled(store, record)

    @contextmanager
    def timed(self, threads: int) -> Iterator[TimedAnswers]:
        """Within, PyTorch computes with so many threads."""
        with computing_with(threads):
            yield TimedAnswers("PyTorch float32", self.logits, self._fresh(threads))

    def _fresh(self, threads: int) -> tuple[str, ...] | None:
        """A process of its own, for models that need no code but transformers' own."""
        if getattr(self.model.config, "auto_map", None):
            return None
        return (
            str(_FRESH), str(self.folder), str(self.tokenizer_folder), str(threads), str(self.encoder.max_tokens)
        )  # fmt: skip


def float32_logits(
    model: "PreTrainedModel", encoder: TextEncoder, texts: Sequence[str], text_pairs: Sequence[str] | None = None
) -> AnyLogits:
    """Answer texts in float32, in batches of 32 sorted by length: the side that an artifact's speed is compared with.

    A masked language model gives logits of its whole vocabulary for every token here, as its exported graph does; its
    batches are smaller where they would take more than half a gigabyte.

    Returns: (n, classes) float32, in the order of `texts`; or those of the texts' units.
    """
    encoded = encoder.encode(texts, text_pairs)
    found = np.empty((encoded.n_answers, heads.n_outputs(model)), np.float32)
    most = _MOST_LOGITS // int(model.config.vocab_size) if heads.fills_masks(model) else 1 << 30
    for batch in batching.by_length(encoded.lengths, max_tokens=most, max_texts=_TIMING_BATCH_TEXTS):
        padded = encoder.pad(encoded, batch)
        with torch.inference_mode():
            found[encoded.answers_of(batch)] = told_in(model(**model_inputs(model, padded)), padded).numpy()
    return encoded.as_logits(found)


def log_shares_among(
    model: "PreTrainedModel", encoder: TextEncoder, texts: Sequence[str], tokens: NDArray[np.int64]
) -> NDArray[np.float32]:
    """How likely a masked language model holds given tokens in the place of hidden ones; see `heads.among`.

    Args:
        model: In evaluation mode.
        encoder: Hides tokens of the texts.
        texts: (n,) the texts.
        tokens: (hidden, some) of each hidden token.

    Returns: (hidden, some + 1) float32.
    """
    encoded = encoder.encode(texts)
    found = np.empty((len(tokens), tokens.shape[1] + 1), np.float32)
    for batch in batching.by_length(encoded.lengths, max_tokens=_ASKED_TOKENS, max_texts=_TIMING_BATCH_TEXTS):
        padded, rows = encoder.pad(encoded, batch), encoded.answers_of(batch)
        with torch.inference_mode(), asked_about(model, padded):
            logits = answers_in(model(**model_inputs(model, padded)), padded)
        found[rows] = among(logits, torch.from_numpy(tokens[rows]).to(logits.device)).cpu().numpy()
    return found


@contextmanager
def computing_with(threads: int) -> Iterator[None]:
    """Let PyTorch compute with so many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def model_inputs(model: "PreTrainedModel", batch: TokenBatch) -> dict[str, torch.Tensor]:
    """A `TokenBatch` as the tensors that this model's forward takes, on its device."""
    takes_segments = getattr(model.config, "type_vocab_size", 0) > 1
    names = ("input_ids", "attention_mask", *(("token_type_ids",) if takes_segments else ()))
    return {name: torch.from_numpy(getattr(batch, name)).to(model.device) for name in names}


def load_teacher(
    source: str | Path,
    *,
    settings: TeacherTable,
    work: Path,
    max_tokens: int | None = None,
    task: str = AUTO,
    data: DataTable | None = None,
) -> EncoderTeacher:
    """Load a teacher, checked for safety and fitness first.

    Args:
        source: A local folder or a hub id.
        settings: The recipe's teacher table.
        work: Where a converted tokenizer may be put.
        max_tokens: Length limit; the teacher's own limit holds when it is smaller. None takes that of `data`.
        task: What it is to be asked; "auto" takes what it was made for.
        data: The recipe's data table: how texts are read that are more than one window.

    Raises:
        UnsafeTeacherError: It would run code, or is pickled only.
        TeacherError: Not found, of an unknown family, without a head, made for another task, without weights or
            tokenizer.
    """
    name = str(source)
    whole = folders.find_folder(source, revision=settings.revision)
    folder = folders.transformer_folder(whole)
    config = folders.read_config(folder)
    may_run_code = folders.refuse_unsafe(folder, config, name=name, allow_code=settings.allow_code)
    is_listed = (whole / MODULES_FILE).exists()
    activation = activation_of(whole, config)
    task = folders.task_of(config, name=name, asked=task, is_listed=is_listed, ranks=activation is not None)
    pooling = _pooling(whole, settings, name=name) if task == "embeddings" else None

    model = load_model(folder, pooling=pooling, trust_code=may_run_code)
    if task == "reranking":
        heads.as_reranker(model.config, *([] if activation is None else [activation]))
    tokenizer_folder = ready_tokenizer(folder, work=work)
    reading = data or DataTable()
    limit = max_tokens or reading.tokens_for(task)
    if pooling is not None:
        limit = min(limit, sequence_limit(folder) or limit)
    encoder = text_encoder(tokenizer_folder, model.config.to_dict(), task=task, data=reading, max_tokens=limit)
    weights = sorted(folder.glob("*.safetensors"))
    named = [fingerprint.of_file(path) for path in (folder / "config.json", *weights)]
    return EncoderTeacher(
        name=name,
        folder=folder,
        tokenizer_folder=tokenizer_folder,
        model=model.eval().requires_grad_(requires_grad=False),
        encoder=encoder,
        label_names=_label_names(model, task),
        fingerprint=fingerprint.of_many([*named, *(() if pooling is None else map(str, vars(pooling).values()))]),
        task=task,
    )


def _pooling(folder: Path, settings: TeacherTable, *, name: str) -> Pooling:
    """As the recipe says, else as the folder does."""
    if settings.pooling is not None:
        return Pooling(settings.pooling)
    found = read_pooling(folder)
    if found is None:
        raise TeacherError(
            f"{name} has no {MODULES_FILE}, so nobody says how its tokens become one vector.",
            hint="Give a folder that sentence-transformers saved, or say it: --teacher.pooling mean",
        )
    return found


def _label_names(model: "PreTrainedModel", task: str) -> tuple[str, ...]:
    """What stands for the numbers of an answer, in their order."""
    names = {int(index): str(label) for index, label in (model.config.id2label or {}).items()}
    return output_names(task, heads.n_outputs(model)) or tuple(names[index] for index in range(len(names)))


def text_encoder(
    folder: Path, config: Mapping[str, Any], *, task: str, data: DataTable, max_tokens: int | None = None
) -> TextEncoder:
    """The tokenizer of a model, reading as the task asks.

    Args:
        folder: Holds tokenizer.json.
        config: The model's config.json, which limits its tokens.
        task: What it is to be asked.
        data: The recipe's.
        max_tokens: Wins over that of `data`.
    """
    limit = min(max_tokens or data.tokens_for(task), folders.token_limit(config))
    return TextEncoder(folder, max_tokens=limit, rules=reading_rules(task, data.model_dump()))


def load_model(
    folder: Path, *, pooling: Pooling | None = None, trust_code: bool = False, attention: str = "sdpa"
) -> "PreTrainedModel":
    """A model with the head that its config names, from a folder, in float32 whatever it was stored in.

    Args:
        folder: Holds config.json and safetensors.
        pooling: How the encoder's tokens become a vector; None for what the config says, else a classifier.
        trust_code: Whether code in the folder may run.
        attention: "sdpa" for inference; "eager" for training, which chooses by itself where it can
            (`limbeck.distill.attention`).

    Raises:
        TeacherError: The weights do not fit the config.
    """
    from transformers import AutoConfig

    try:
        with quiet(), loading_faults_told(folder):
            config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_code)
            if pooling is not None:
                heads.with_pooling(config, pooling)
            model, found = heads.reader_of(config, heads.head_for(config)).from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=trust_code,
                attn_implementation=attention,
                output_loading_info=True,
            )
    except ValueError as error:
        if attention == "eager":
            raise TeacherError(f"{folder} could not be loaded: {error}", hint="Save the model again.") from None
        return load_model(folder, pooling=pooling, trust_code=trust_code, attention="eager")
    if found["missing_keys"]:
        absent = sorted(found["missing_keys"])
        raise TeacherError(
            f"{folder} lacks {len(absent)} weights that its config names, such as {absent[0]!r}.",
            hint="Save the whole model again; an encoder alone gets its head from `limbeck teach`.",
        )
    return model  # type: ignore[no-any-return]


@contextmanager
def loading_faults_told(folder: Path) -> Iterator[None]:
    """Turn what the readers of weights raise into an error that names the folder.

    Raises:
        TeacherError: The weights are damaged, incomplete, or of other shapes than the config says.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TeacherError(f"{folder} could not be loaded: {error}", hint="Save or download the model again.") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' own bars and remarks off the user's screen; what matters of them, limbeck says itself."""
    from transformers.utils import logging as their_logging

    level, had_bars = their_logging.get_verbosity(), their_logging.is_progress_bar_enabled()
    their_logging.set_verbosity_error()
    their_logging.disable_progress_bar()
    try:
        yield
    finally:
        their_logging.set_verbosity(level)
        if had_bars:
            their_logging.enable_progress_bar()


def ready_tokenizer(folder: Path, *, work: Path) -> Path:
    """The folder that holds this model's tokenizer.json; converted into `work` when the model has only older files.

    Raises:
        TeacherError: The model has no tokenizer that can be converted.
    """
    if (folder / TOKENIZER_FILE).exists():
        return folder
    # Without any vocabulary transformers would make a tokenizer of five tokens, and say nothing.
    if not any(path for pattern in _VOCABULARIES for path in folder.glob(pattern)):
        raise _no_tokenizer(folder, "there is no vocabulary either")
    from transformers import AutoTokenizer

    converted = work / "tokenizer"
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise _no_tokenizer(folder, next(iter(str(error).splitlines()), type(error).__name__)) from None
    with files.folder_written_whole(converted) as temporary:
        tokenizer.save_pretrained(temporary)
    return converted


def _no_tokenizer(folder: Path, why: str) -> TeacherError:
    return TeacherError(
        f"{folder} has no tokenizer.json, and none could be made ({why}).",
        hint="Copy tokenizer.json from the model that this one was fine-tuned from.",
    )
