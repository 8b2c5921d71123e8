"""A teacher that is a graph: an ONNX file or OpenVINO's own with its tokenizer, or an artifact of limbeck. No torch."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limbeck import runtime
from limbeck.artifact.manifest import FLOAT_MODEL_FILE
from limbeck.artifact.sealed import open_artifact
from limbeck.encoder.cross_encoder import activation_of
from limbeck.errors import ArtifactError, LabelError, TeacherError
from limbeck.ground import files, fingerprint, machine
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import AUTO, DataTable, TeacherTable
from limbeck.runtime.engine import Engine
from limbeck.runtime.graph_engine import GraphEngine
from limbeck.runtime.openvino_engine import OPENVINO_SUFFIX, OpenVinoEngine
from limbeck.tasks import TASKS, output_names
from limbeck.tasks.rules import reading_rules
from limbeck.tasks.task import AnyLogits
from limbeck.teacher import folder as folders
from limbeck.teacher.answering import Labelled, MadeUpTexts, TimedAnswers, key_of_answers
from limbeck.teacher.pieces import Answering, ask_in_pieces
from limbeck.teacher.signals import SignalStore
from limbeck.text import batching
from limbeck.text.examples import Examples
from limbeck.text.tokens import TOKENIZER_FILE, TextEncoder
from limbeck.text.windows import Reads

_USUAL_FILES = ("model.onnx", FLOAT_MODEL_FILE, "openvino_model.xml")
_SUFFIXES = {".onnx", OPENVINO_SUFFIX}
_BATCH_TEXTS, _BATCH_TOKENS = 32, 4096


@dataclass(frozen=True)
class GraphTeacher:
    """A graph that answers texts.

    Args:
        name: The file or folder as the user gave it.
        fingerprint: Of the graph, its tokenizer and the length limit.
        label_names: The classes in the order of the logits.
        size_bytes: Of the graph and its tokenizer.
        n_parameters: Where a manifest tells it.
        encoder: Texts -> tokens, with its length limit.
        load: Threads -> what answers texts with so many.
        task: What it was made for; see `limbeck.tasks`.
        engine: What computes it.
    """

    name: str
    fingerprint: str
    label_names: tuple[str, ...]
    size_bytes: int
    n_parameters: int | None
    encoder: TextEncoder
    load: Callable[[int], Answering]
    task: str = "classification"
    engine: str = "ONNX Runtime"
    made_up: MadeUpTexts = "answered"

    @property
    def told(self) -> Mapping[str, str]:
        """By the name of its file or folder; no path of this machine goes into a record that ships."""
        return {"name": Path(self.name).expanduser().resolve().name, "fingerprint": self.fingerprint}

    def prepare(self, wanted: Mapping[str, Examples], root: Path, *, progress: Progress = SILENT) -> None:
        """There is nothing to refuse: it answers any text, and its time is the machine's own."""

    def label(
        self,
        examples: Examples,
        root: Path,
        *,
        settings: TeacherTable,  # noqa: ARG002
        part_name: str,
        judges: bool,  # noqa: ARG002
        progress: Progress = SILENT,
    ) -> Labelled:
        """See `Teacher.label`."""
        store = SignalStore(root, key_of_answers(self.fingerprint, n_classes=len(self.label_names)))
        n_truncated = self.encoder.encode(examples.texts, examples.text_pairs).n_truncated
        return ask_in_pieces(
            self.load(machine.physical_cores()),
            examples,
            store,
            part_name=part_name,
            n_truncated=n_truncated,
            progress=progress,
        )

    @contextmanager
    def timed(self, threads: int) -> Iterator[TimedAnswers | None]:
        """Within, its engine computes with so many threads."""
        yield TimedAnswers(self.engine, self.load(threads))


def is_graph(path: Path) -> bool:
    """Whether a path is an ONNX file or OpenVINO's, or a folder whose model is one, without weights for PyTorch."""
    if path.is_file():
        return path.suffix in _SUFFIXES
    return path.is_dir() and not any(path.glob("*.safetensors")) and bool(_graphs_in(path))


def graph_teacher(source: str | Path, *, labels: Sequence[str], data: DataTable, task: str = AUTO) -> GraphTeacher:
    """An ONNX file or OpenVINO's own (.xml with its .bin; the extra `openvino`), or a folder with one, as a teacher.

    Its tokenizer.json lies beside it or, where it lies in a folder `onnx`, above; so does config.json, which names the
    classes.

    Args:
        source: The file or folder.
        labels: The recipe's `teacher.labels`; they win over the config's.
        data: The recipe's: its length limit holds where the model's own is not smaller, and how texts are read on.
        task: What it is to be asked; "auto" takes what its config says.

    Raises:
        TeacherError: It cannot be loaded, lacks a file, has no logits, or was made for another task.
        LabelError: Nobody names its classes, or another number of them.
    """
    given = Path(source).expanduser()
    path = given if given.is_file() else _only_graph(given)
    folder = path.parent
    if not (folder / TOKENIZER_FILE).exists() and folder.name == "onnx":
        folder = folder.parent
    if not (folder / TOKENIZER_FILE).exists():
        raise TeacherError(
            f"There is no {TOKENIZER_FILE} beside {path}.",
            hint="Copy it from the model that the graph was exported from.",
        )
    config = folders.read_config(folder) if (folder / "config.json").exists() else {}
    ranks = activation_of(folder, config) is not None
    task = folders.settled_task(config, name=str(source), asked=task, ranks=ranks)
    try:
        limit = min(data.tokens_for(task), folders.token_limit(config))
        encoder = TextEncoder(folder, max_tokens=limit, rules=reading_rules(task, data.model_dump()))
        n_classes = _engine(path, threads=1).n_classes
    except ArtifactError as error:
        raise TeacherError(
            error.message, hint="Export the model again: a classifier with the one output 'logits', as optimum does it."
        ) from None
    named = config.get("id2label")
    own = tuple(str(named[key]) for key in sorted(named, key=int)) if isinstance(named, dict) else ()
    told = output_names(task, len(own))
    names = told or tuple(labels) or own
    fits = n_classes in {None, len(names)} or TASKS[task].reads is Reads.MASKS
    if (len(names) < 2 and not told) or not fits:
        counted = "an unknown number of" if n_classes is None else n_classes
        raise LabelError(
            f"{path} answers with {counted} classes, and {len(names)} are named ({', '.join(names[:20]) or 'none'}).",
            hint="Name them in the order of its logits, --teacher.labels first,second, or add its config.json.",
        )

    def load(threads: int) -> Answering:
        engine = _engine(path, threads=threads)

        def answer(texts: Sequence[str], text_pairs: Sequence[str] | None) -> AnyLogits:
            encoded = encoder.encode(texts, text_pairs)
            found = np.empty((encoded.n_answers, len(names)), np.float32)
            for rows in batching.by_length(encoded.lengths, max_tokens=_BATCH_TOKENS, max_texts=_BATCH_TEXTS):
                found[encoded.answers_of(rows)] = engine.run(encoder.pad(encoded, rows))
            return encoded.as_logits(found)

        return answer

    # Weights that a large graph keeps in files of their own, as OpenVINO does always.
    beside = sorted({*path.parent.glob(f"{path.name}[._]*"), *path.parent.glob(f"{path.stem}.bin")})
    parts = [fingerprint.of_file(one) for one in (path, *beside)]
    return GraphTeacher(
        name=str(source),
        fingerprint=fingerprint.of_many([*parts, encoder.fingerprint, *names]),
        label_names=names,
        size_bytes=sum(map(files.size_bytes, (path, *beside, folder / TOKENIZER_FILE))),
        n_parameters=None,
        encoder=encoder,
        load=load,
        task=task,
        engine="OpenVINO" if path.suffix == OPENVINO_SUFFIX else "ONNX Runtime",
    )


def artifact_teacher(source: str | Path, *, task: str = AUTO) -> GraphTeacher:
    """An artifact as a teacher, answering with its float32 graph, through the code that serves it.

    Args:
        source: The folder that ships, with its float32 graph.
        task: What it is to be asked; "auto" takes what it was made for.

    Raises:
        ArtifactError: It was changed, or lacks a file.
        TeacherError: It was made for another task.
    """
    folder = Path(source).expanduser()
    manifest = open_artifact(folder).manifest
    if task not in {AUTO, manifest.task}:
        raise folders.made_for_another(str(source), made_for=manifest.task, asked=task)
    model = runtime.load(folder, threads=1, variant="float", check=False)
    hashes = [manifest.files[name] for name in (manifest.float_model_file, TOKENIZER_FILE)]

    def load(threads: int) -> Answering:
        loaded = runtime.load(folder, threads=threads, variant="float", check=False)
        return lambda texts, text_pairs: loaded.logits(texts, text_pairs).values

    return GraphTeacher(
        name=str(source),
        fingerprint=fingerprint.of_many([*hashes, str(manifest.max_tokens), *manifest.label_names]),
        label_names=manifest.label_names,
        size_bytes=model.size_bytes,
        n_parameters=manifest.n_parameters,
        encoder=model.encoder,
        load=load,
        task=manifest.task,
    )


def _graphs_in(folder: Path) -> list[Path]:
    usual = [folder / name for name in _USUAL_FILES if (folder / name).exists()]
    return usual[:1] or sorted([*folder.glob("*.onnx"), *folder.glob("onnx/*.onnx")])


def _engine(path: Path, *, threads: int) -> GraphEngine:
    return (OpenVinoEngine if path.suffix == OPENVINO_SUFFIX else Engine)(path, threads=threads)


def _only_graph(folder: Path) -> Path:
    found = _graphs_in(folder)
    if len(found) != 1:
        raise TeacherError(
            f"{folder} holds {len(found)} ONNX files: {', '.join(str(path.relative_to(folder)) for path in found)}.",
            hint="Give the one that answers, as a file.",
        )
    return found[0]
