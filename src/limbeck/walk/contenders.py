"""The models of a comparison, opened: artifacts of limbeck, and other people's models with their tokenizers."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from limbeck import runtime
from limbeck.artifact.sealed import ARTIFACT_FOLDER, FolderKind, folder_kind, open_artifact
from limbeck.errors import ArtifactError, LabelError, RecipeError
from limbeck.recipe.knobs import Recipe
from limbeck.records.verdict import artifact_name
from limbeck.tasks.task import AnyLogits
from limbeck.teacher.graph import GraphTeacher, is_graph
from limbeck.teacher.opening import open_teacher
from limbeck.text.units import with_columns

_SAYS_NOTHING = frozenset({ARTIFACT_FOLDER, "onnx", "model.onnx", "model_quantized.onnx"})
_SHOWN_LABELS = 20


@dataclass(frozen=True)
class Contender:
    """A model that answers texts.

    Args:
        name: What tables and sentences call it.
        kind: What it is: "artifact (int8)", "ONNX Runtime".
        fingerprint: Names what answers.
        task: What it was made for; see `limbeck.tasks`.
        label_names: The classes in the order of its logits.
        size_bytes: Of what must ship for it to answer.
        n_parameters: None where nobody knows.
        logits: Texts and their second texts, or None -> (n, classes) float32, or those of the texts' units.
        count_cut: How many of such texts it cuts to its length limit; None where nobody knows.
        artifact: The artifact that it is, or None.
    """

    name: str
    kind: str
    fingerprint: str
    task: str
    label_names: tuple[str, ...]
    size_bytes: int
    n_parameters: int | None
    logits: Callable[[Sequence[str], Sequence[str] | None], AnyLogits]
    count_cut: Callable[[Sequence[str], Sequence[str] | None], int] | None
    artifact: runtime.Model | None

    def columns_as(self, label_names: Sequence[str], *, of: str) -> list[int]:
        """Where the classes of another model stand among this one's, found by name; case may differ where it is clear.

        Args:
            label_names: The other model's, in the order wanted.
            of: What the other model is called.

        Raises:
            LabelError: The two have different labels.
        """
        for written in (str, str.casefold):
            own, wanted = ([written(name) for name in names] for names in (self.label_names, label_names))
            if len(set(own)) == len(own) and sorted(own) == sorted(wanted):
                return [own.index(name) for name in wanted]
        raise LabelError(
            f"{of} answers with {_listed(label_names)}; {self.name} with {_listed(self.label_names)}.",
            hint="Compare models of the same labels. Where a config.json says LABEL_0, LABEL_1 instead of names, give "
            "these in the order of its logits: --teacher.labels no,yes.",
        )

    def answer(self, texts: Sequence[str], text_pairs: Sequence[str] | None, *, columns: Sequence[int]) -> AnyLogits:
        """The logits of these texts, in this order of columns."""
        return with_columns(self.logits(texts, text_pairs), columns)


def open_contenders(
    sources: Sequence[str | Path], recipe: Recipe, *, threads: int, work: Path, opened: ExitStack
) -> tuple[Contender, ...]:
    """Open every model of a comparison with the same number of threads.

    Args:
        sources: Artifacts, ONNX or OpenVINO files, folders with one, or Hugging Face models (which need
            `limbeck[train]`).
        recipe: Its tables teacher and data, for models that are no artifacts; its task, where no artifact tells it.
        threads: That each answers with.
        work: Where a converted tokenizer may be put.
        opened: Closes what was opened.

    Raises:
        RecipeError: Fewer than two, or one twice.
        LimbeckError: One of them cannot be used, or was made for another task.
    """
    paths = [Path(source).expanduser() for source in sources]
    _refuse_too_few(paths)
    found: dict[int, Contender] = {}
    names = names_of(paths)
    # Artifacts first: they know their task, and a model that leaves it open is asked the same.
    for index, path in sorted(enumerate(paths), key=lambda place: folder_kind(place[1]) is not FolderKind.ARTIFACT):
        first = next(iter(found.values()), None)
        if folder_kind(path) is FolderKind.ARTIFACT:
            found[index] = _artifact(path, names[index], threads=threads)
        else:
            asked = recipe if first is None else recipe.model_copy(update={"task": first.task})
            found[index] = _model(path, names[index], asked, threads=threads, work=work / str(index), opened=opened)
        if first is not None and found[index].task != first.task:
            raise RecipeError(
                f"{found[index].name} was made for the task {found[index].task!r}, {first.name} for {first.task!r}.",
                hint="Compare models of one task.",
            )
    return tuple(found[index] for index in range(len(paths)))


def names_of(paths: Sequence[Path]) -> tuple[str, ...]:
    """Short names that differ: the last part of each path that says something, and as many before it as are needed."""
    below = [path.absolute().parts[1:] for path in paths]
    parts = [[part for part in one if part not in _SAYS_NOTHING] or list(one[-1:]) for one in below]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(names):
            return tuple(names)
    return tuple(f"{name} ({number})" for number, name in enumerate(names, start=1))


def _refuse_too_few(paths: Sequence[Path]) -> None:
    if len(paths) < 2:
        raise RecipeError(
            f"There {'is 1 model' if paths else 'are 0 models'} to compare.",
            hint="Give two or more: limbeck compare runs/a/artifact runs/b/artifact --data texts.jsonl",
        )
    real = [path.resolve() for path in paths]
    twice = next((path for index, path in enumerate(paths) if real[index] in real[:index]), None)
    if twice is not None:
        raise RecipeError(f"{twice} was given twice.", hint="Give each model once.")


def _artifact(path: Path, name: str, *, threads: int) -> Contender:
    model = runtime.load(path, threads=threads)
    manifest = model.manifest
    return Contender(
        name=name,
        kind=artifact_name(manifest.scheme),
        fingerprint=manifest.files[manifest.model_file],
        task=manifest.task,
        label_names=model.label_names,
        size_bytes=model.size_bytes,
        n_parameters=manifest.n_parameters,
        logits=lambda texts, text_pairs: model.logits(texts, text_pairs).values,
        count_cut=lambda texts, text_pairs: model.encoder.encode(texts, text_pairs).n_truncated,
        artifact=model,
    )


def _model(path: Path, name: str, recipe: Recipe, *, threads: int, work: Path, opened: ExitStack) -> Contender:
    kind = folder_kind(path)
    if kind is FolderKind.RUN:
        open_artifact(path)  # which says where its artifact lies
    if not (is_graph(path) or kind is FolderKind.MODEL):
        raise ArtifactError(
            f"{path} is {kind.value}, and no model that can be compared.",
            hint="Give artifacts, ONNX or OpenVINO files with their tokenizer.json beside them, or folders of models.",
        )
    master = open_teacher(path, recipe=recipe, work=work)
    answers = opened.enter_context(master.timed(threads))
    assert answers is not None, "a model of this disk runs on this machine"
    assert master.size_bytes is not None, "and has a size"
    encoder = master.encoder if isinstance(master, GraphTeacher) else None
    return Contender(
        name=name,
        kind=answers.engine,
        fingerprint=master.fingerprint,
        task=master.task,
        label_names=master.label_names,
        size_bytes=master.size_bytes,
        n_parameters=master.n_parameters,
        logits=answers.logits,
        count_cut=None if encoder is None else lambda texts, text_pairs: encoder.encode(texts, text_pairs).n_truncated,
        artifact=None,
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_LABELS])
    return shown if len(names) <= _SHOWN_LABELS else f"{shown} and {len(names) - _SHOWN_LABELS} more"
