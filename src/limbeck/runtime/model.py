"""An artifact that answers: texts in, labels or numbers out, in the order given."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from limbeck.artifact.sealed import SMALL_RUNNING_FILES, Artifact, Manifest, open_artifact
from limbeck.errors import ArtifactError, DataError, RecipeError
from limbeck.ground import fingerprint, machine
from limbeck.ground.progress import SILENT, Progress
from limbeck.runtime.answers import Answers, Logits, Ranked
from limbeck.runtime.asked import Asked, Row, Words, batch_of
from limbeck.runtime.engines import open_engine, settings_of
from limbeck.runtime.graph_engine import EngineSettings
from limbeck.tasks import TASKS, Answer, Task
from limbeck.tasks.reranking import scores_of
from limbeck.tasks.rules import reading_rules
from limbeck.tasks.task import AnyLogits
from limbeck.text.checked import check_texts
from limbeck.text.tokens import TextEncoder
from limbeck.text.units import together
from limbeck.text.windows import Reads

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from limbeck.records.reason import WeightFidelity
    from limbeck.records.verdict import Saturation

Texts = str | Sequence[str] | Sequence[Sequence[str]]
Variant = Literal["quantized", "float"]

_SHOWN_CHARACTERS = 60
_PIECE_TEXTS = 4096  # tokenized at once: bounds the memory of a large call, and is enough to sort by length well


class Model:
    """A loaded artifact. Made by `load`; may be called from many threads at once.

    Args:
        artifact: The opened artifact.
        variant: Which of its graphs answers; `size_bytes` is what must ship for it to do so.
        settings: Engine and how it computes, its threads among them.

    Raises:
        ArtifactError: The graph or the tokenizer cannot be loaded, or they do not fit the manifest.
    """

    def __init__(self, artifact: Artifact, *, variant: Variant, settings: EngineSettings) -> None:
        manifest = artifact.manifest
        self._path = graph_of(artifact, variant)
        name = self._path.relative_to(artifact.folder).as_posix()
        self.folder: Path = artifact.folder
        self.manifest: Manifest = manifest
        self.unlisted = artifact.unlisted
        self.task = _task_of(artifact)
        self.label_names: tuple[str, ...] = manifest.label_names
        self.settings = settings
        self.threads = settings.threads
        self.size_bytes: int = artifact.bytes_with(name)
        self.has_layers = manifest.shape.get("layers") != 0
        self._model_file = name
        rules = reading_rules(manifest.task, manifest.recipe.get("data", {}))
        self.encoder = TextEncoder(artifact.folder, max_tokens=manifest.max_tokens, rules=rules)
        self._engine = open_engine(self._path, self.settings)
        fills_masks = self.task.reads is Reads.MASKS  # then the graph's classes are the vocabulary
        if not fills_masks and self._engine.n_classes not in (None, len(self.label_names)):
            raise ArtifactError(
                f"{self._path} gives {self._engine.n_classes} classes, the manifest names "
                f"{len(self.label_names)} labels.",
                hint="Make the artifact anew with `limbeck compress`.",
            )

    def __call__(self, texts: Texts, text_pairs: str | Sequence[str] | None = None) -> list[Answer]:
        """Answer texts, or pairs of texts.

        Args:
            texts: (n,) texts, or a single one. Where words have tags, a text may be given as the list of its words.
            text_pairs: (n,) the second text of each pair, such as the context of a question, or None.

        Returns: (n,) answers in the order of the texts; for a single text a list of one.

        Raises:
            DataError: Something is not a text; the message names its index.
        """
        return self.answer(texts, text_pairs).answers

    def answer(self, texts: Texts, text_pairs: str | Sequence[str] | None = None) -> Answers:
        """As calling the model, and tells which texts were cut."""
        if self.task.reads is Reads.WORDS:
            return self._answer_words(self._words(texts, text_pairs))
        if self.task.reads is Reads.MASKS:
            texts, _ = _as_lists(texts, text_pairs)  # type: ignore[arg-type]  # refused there
            check_texts(texts)
            self._refuse_without_masks(texts)
        logits = self.logits(texts, text_pairs)  # type: ignore[arg-type]
        return Answers(self.task.answers(logits.values, self.label_names), logits.truncated)

    async def answer_async(self, texts: Texts, text_pairs: str | Sequence[str] | None = None) -> Answers:
        """As `answer`, for programs that wait for many things at once: the event loop goes on meanwhile.

            answers = await model.answer_async(["play some music", "wake me at seven"])

        Calls are computed in threads of the model's own, no more at once than fill the cores; further ones wait.
        Cancelled, a call that has not begun is dropped, and one that has begun is finished and forgotten.
        """
        import asyncio  # a tenth of the runtime's start, and most programs do without

        self._engine.refuse_in_fork()  # whose threads would never begin
        return await asyncio.get_running_loop().run_in_executor(self._workers, self.answer, texts, text_pairs)

    @cached_property
    def _workers(self) -> "ThreadPoolExecutor":
        from concurrent.futures import ThreadPoolExecutor  # as above: it brings logging

        n_at_once = max(1, machine.logical_cores() // self.threads)
        return ThreadPoolExecutor(n_at_once, thread_name_prefix="limbeck")

    def refuse_without_mask(self, text: str, place: str) -> None:
        """Refuse a text in which nothing is to be filled.

        Raises:
            DataError: It does not hold the mask, as it is written for this model.
        """
        mask = self.encoder.masking.mask_token
        if mask not in text:
            shown = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
            raise DataError(
                f"{place} holds no {mask}, so there is nothing to fill: {shown!r}.",
                hint=f"Write {mask} in the place of each token that is wanted, as in: wake me at {mask}",
            )

    def _refuse_without_masks(self, texts: Sequence[str]) -> None:
        for index, text in enumerate(texts):
            self.refuse_without_mask(text, f"texts[{index}]")

    def _words(self, texts: Texts, text_pairs: str | Sequence[str] | None) -> Words:
        given, second = _as_lists(texts, text_pairs)  # type: ignore[arg-type]  # lists of words are looked at by Words
        self._refuse_pairs(second)
        return Words.of(given)

    def _answer_words(self, words: Words) -> Answers:
        """Plain texts are parted into words, and the answers' characters counted in them; given words stay."""
        logits = self.logits(words.texts)
        return Answers(list(words.within(self.task.answers(logits.values, self.label_names))), logits.truncated)

    def ask(self, texts: Texts, text_pairs: str | Sequence[str] | None = None) -> Asked:
        """Check and tokenize what calling the model takes, and compute nothing: for those who make up the batches.

        Compute `Asked.encoded` row by row with `compute`, and hand all of it to `answers_to`.
        """
        if self.task.reads is Reads.WORDS:
            words = self._words(texts, text_pairs)
            return Asked(self.encoder.encode(words.texts, parallel=False), words)
        first, second = self._checked(texts, text_pairs)
        if self.task.reads is Reads.MASKS:
            self._refuse_without_masks(first)
        return Asked(self.encoder.encode(first, second, parallel=False))

    def compute(self, rows: Sequence[Row]) -> list[NDArray[np.float32]]:
        """Compute rows of whatever was asked, in one batch.

        Args:
            rows: At least one.

        Returns: (rows,) the logits of each row's answers: (answers, classes).
        """
        batch, counts = batch_of(self.encoder, rows)
        values = self._engine.run(batch)
        ends = np.cumsum(counts).tolist()
        return [values[end - count : end] for end, count in zip(ends, counts, strict=True)]

    def answers_to(self, asked: Asked, values: NDArray[np.float32]) -> list[Answer]:
        """The answers, once all rows are computed.

        Args:
            asked: What `ask` gave.
            values: (answers, classes), the logits of its rows in their order.
        """
        answers = self.task.answers(asked.as_logits(values), self.label_names)
        return list(answers) if asked.words is None else list(asked.words.within(answers))

    def rank(self, query: str, passages: Sequence[str]) -> list[Ranked]:
        """Put passages in order, the one that fits a query best first; of equal scores the first stays first.

        Args:
            query: What is looked for.
            passages: (n,) texts.

        Returns: (n,) the passages with their scores.

        Raises:
            DataError: This model is no reranker, or something is not a text; the message names its index.
        """
        if self.task.name != "reranking":
            raise DataError(
                f"This model's task is {self.task.name}, and it gives pairs no scores to order them by.",
                hint="Load an artifact of the task reranking.",
            )
        if isinstance(passages, str):
            passages = [passages]
        passages = list(passages)
        scores = scores_of(self.logits([query] * len(passages), passages).values).tolist()
        found = [Ranked(index, passages[index], score) for index, score in enumerate(scores)]
        return sorted(found, key=lambda one: -one.score)

    @property
    def fingerprint(self) -> str:
        """What the answers hang on, in one name: graph, tokenizer, and how they are read."""
        manifest = self.manifest
        hashes = [manifest.files[self._model_file], *(manifest.files.get(name) for name in SMALL_RUNNING_FILES)]
        return fingerprint.of_settings([hashes, self.encoder.fingerprint, manifest.task, self.label_names])

    def weight_fidelity(self) -> "WeightFidelity | None":
        """Whether the quantized graph holds the weights of the float graph; None where only one of them is there."""
        from limbeck.runtime.weights_check import weight_fidelity

        files = [self.folder / name for name in (self.manifest.model_file, self.manifest.float_model_file)]
        return weight_fidelity(*files) if all(file.exists() for file in files) else None

    def saturation(self) -> "Saturation":
        """Whether CPUs without VNNI multiply this model's integers as those with it do, looked up in its file."""
        from limbeck.runtime.saturation import saturation

        return saturation(self._path)

    def logits(self, texts: str | Sequence[str], text_pairs: str | Sequence[str] | None = None) -> Logits:
        """What the answers are made of; the arguments and errors of calling the model."""
        texts, text_pairs = self._checked(texts, text_pairs)
        if (
            len(texts) == 1 and self.task.reads is Reads.TEXT
        ):  # the way of every single request: nothing to sort, nothing to pad
            batch, was_cut = self.encoder.single(texts[0], None if text_pairs is None else text_pairs[0])
            return Logits(self._engine.run(batch), (0,) if was_cut else ())
        pieces: list[AnyLogits] = []
        truncated: list[int] = []
        for start in range(0, len(texts), _PIECE_TEXTS):
            stop = start + _PIECE_TEXTS
            encoded = self.encoder.encode(
                texts[start:stop],
                None if text_pairs is None else text_pairs[start:stop],
                parallel=self.threads > 1,
            )
            truncated += [start + index for index in encoded.truncated]
            pieces.append(
                encoded.as_logits(self._engine.run_by_length(self.encoder, encoded, has_layers=self.has_layers))
            )
        return Logits(together(pieces) if pieces else self._no_logits(), tuple(truncated))

    def _checked(self, texts: Texts, text_pairs: str | Sequence[str] | None) -> tuple[list[str], list[str] | None]:
        """Texts as lists; refused, all of them before the first is computed, where the model cannot read them."""
        texts, text_pairs = _as_lists(texts, text_pairs)  # type: ignore[arg-type]  # refused there
        self._refuse_pairs(text_pairs)
        if text_pairs is None and self.task.groups_rows:
            raise DataError(
                "This model reads a query and a passage, and got single texts.",
                hint="model(queries, passages), or model.rank(query, passages).",
            )
        check_texts(texts, text_pairs)
        return texts, text_pairs

    def _refuse_pairs(self, text_pairs: list[str] | None) -> None:
        takes_pairs = self.task.takes_pairs and self.task.reads is not Reads.WORDS
        if text_pairs is not None and not takes_pairs:
            raise DataError(
                "This model reads each text by itself, and got pairs.",
                hint="Give the texts of pairs as single texts.",
            )

    def _no_logits(self) -> AnyLogits:
        nothing = self.encoder.encode([], None if self.task.reads is not Reads.CONTEXT else [])
        return nothing.as_logits(np.empty((0, len(self.label_names)), np.float32))


def load(
    path: str | PathLike[str],
    *,
    threads: int = 0,
    variant: Variant = "quantized",
    check: bool = True,
    engine: str = "onnxruntime",
    plans_memory: bool = True,
    at_once: int = 1,
    progress: Progress = SILENT,
) -> Model:
    """Load an artifact to answer with.

        model = limbeck.load("runs/a/artifact")
        model(["play some music", "wake me at seven"])

    Args:
        path: The folder that ships.
        threads: Threads that compute, all on one batch or one each on several; 0 takes the physical cores that this
            process may use.
        variant: "quantized" answers with the int8 graph, "float" with the float32 one.
        check: Compare every file that answering reads with its sealed SHA-256 before anything is loaded; the others,
            such as the float model, are compared when they are used, and by `limbeck verify` and `inspect`.
        engine: "onnxruntime"; "openvino", which is an extra; or "auto", which measures all that are installed, on this
            machine and once, and remembers which was fastest. With "auto", 0 threads are as many as are fastest.
        plans_memory: False takes less memory where batches have ever other shapes, as a server's do, and some percent
            longer for a single short text.
        at_once: Calls of this program's own threads that OpenVINO computes at once, each with `threads`; further ones
            wait. ONNX Runtime computes them all at once.
        progress: Told when "auto" measures, which takes some seconds.

    Raises:
        ArtifactError: It is no artifact, or was changed, or cannot be loaded.
        MissingExtraError: The engine is not installed.
        RecipeError: A variant or an engine that does not exist, a negative number of threads, or nothing at once.
    """
    if threads < 0:
        raise RecipeError(f"threads is {threads}.", hint="Give 1 or more, or 0 for the physical cores.")
    if at_once < 1:
        raise RecipeError(f"at_once is {at_once}.", hint="Give 1 or more.")
    if variant not in get_args(Variant):
        raise RecipeError(f"variant is {variant!r}.", hint='Give "quantized" or "float".')
    artifact = open_artifact(Path(path), check=False)
    graph = graph_of(artifact, variant)
    if check:
        artifact.refuse_changed([graph.relative_to(artifact.folder).as_posix(), *SMALL_RUNNING_FILES])
    settings = settings_of(
        engine,
        graph,
        threads=threads,
        longest=artifact.manifest.max_tokens,
        plans_memory=plans_memory,
        at_once=at_once,
        progress=progress,
    )
    return Model(artifact, variant=variant, settings=settings)


def graph_of(artifact: Artifact, variant: Variant) -> Path:
    """The file of one of an artifact's graphs.

    Raises:
        ArtifactError: It is not there.
    """
    manifest = artifact.manifest
    name = manifest.model_file if variant == "quantized" else manifest.float_model_file
    if not artifact.path(name).exists():
        raise ArtifactError(
            f"{artifact.folder} lacks {name}, the {variant} model.",
            hint="Copy the whole artifact, or load the variant that is there.",
        )
    return artifact.path(name)


def _task_of(artifact: Artifact) -> Task:
    manifest = artifact.manifest
    if manifest.task not in TASKS:
        raise ArtifactError(
            f"{artifact.folder} was made for {manifest.task!r}, and this limbeck knows the tasks {', '.join(TASKS)}.",
            hint=f"Install limbeck {manifest.limbeck_version}, which made it, or a later one.",
        )
    return TASKS[manifest.task]


def _as_lists(texts: str | Sequence[str], text_pairs: str | Sequence[str] | None) -> tuple[list[str], list[str] | None]:
    if isinstance(texts, str) and (text_pairs is None or isinstance(text_pairs, str)):
        return [texts], None if text_pairs is None else [text_pairs]
    for given in (texts, text_pairs):
        if given is not None and (isinstance(given, str) or not isinstance(given, Iterable)):
            raise DataError(
                f"Expected texts and text_pairs as two lists or two strings, got {type(texts).__name__} "
                f"and {type(text_pairs).__name__}.",
                hint='model("one text"), model(["a text", "another"]) or model(texts, text_pairs).',
            )
    return list(texts), None if text_pairs is None else list(text_pairs)
