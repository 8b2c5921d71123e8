"""Every knob of a run, each default written once: a recipe, read from TOML or from flags.

`Recipe()` is the recipe that needs no thought. A key that does not exist is refused with the nearest one that does, and
all faults of a recipe are told at once.
"""

import difflib
import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from limbeck.errors import RecipeError, SchemeError
from limbeck.recipe.chat import ChatTable
from limbeck.recipe.scheme import USUAL, shippable
from limbeck.recipe.student import LossWeights, StudentTable, Table
from limbeck.recipe.verify import Tolerances, VerifyTable

_USUAL_TOKENS = {"question-answering": 384}
_USUAL_TEMPERATURE = {"classification": 2.0, "fill-mask": 1.0}
"""4 elsewhere. Of one of a few labels, what lies near the boundary counts for more than at 4. Where answers are one of
30,000, what is unlikely is noise, and would count for most if it were softened. Figures stand in docs/lab-log.md."""
AUTO = "auto"
"""A task that is found by what the teacher was made for."""


class DataTable(Table):
    """Which columns hold what, and how the texts are parted where no parts are given."""

    text: str | None = Field(None, description="Column of the text. Found by name when not given.")
    text_pair: str | None = Field(
        None, description="Column of the second text of a pair. Found by name when not given."
    )
    label: str | None = Field(
        None, description="Column of the label, or joy,anger where each label has one. Found by name when not given."
    )
    extra_texts: str | None = Field(
        None, description="Texts without labels to learn from too: a file, folder or data set."
    )
    validation_share: float = Field(0.1, gt=0, lt=0.5, description="Share of texts that chooses the best checkpoint.")
    held_out_share: float = Field(0.2, gt=0, lt=0.9, description="Share of texts that nothing reads before verify.")
    max_tokens: int | None = Field(
        None,
        ge=8,
        le=8192,
        description="Longer texts are cut to this many tokens, and counted. Default: 128, and 384 for questions, "
        "whose contexts are read in windows of as many.",
    )
    window_overlap: int = Field(128, ge=0, description="Tokens that windows on a context share; half of one at most.")
    no_answer_threshold: float | None = Field(
        None,
        description="Questions may have no answer, and have none where that scores so much more than the best answer. "
        "Default: every question has one.",
    )

    def tokens_for(self, task: str) -> int:
        """The length limit for a task."""
        return self.max_tokens or _USUAL_TOKENS.get(task, 128)


class TeachTable(Table):
    """How `limbeck teach` makes a teacher from a pretrained encoder and labelled texts."""

    epochs: int = Field(8, ge=1, description="Passes over the texts at most.")
    patience: int = Field(2, ge=1, description="Stop after this many epochs without a better validation score.")
    learning_rate: float | None = Field(
        None, gt=0, description="Peak. Default: 1e-4 at a hidden size of 384, in inverse proportion to it."
    )
    batch_size: int = Field(32, ge=1)
    warmup_share: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    max_gradient_norm: float = Field(1.0, gt=0)


class TeacherTable(Table):
    """How the teacher is loaded and asked."""

    labels: tuple[str, ...] = Field(
        (), description="Names of the classes in the order of its answers, where the teacher itself does not tell."
    )
    allow_code: tuple[str, ...] = Field(
        (), description="Hub ids, folders or functions (module:function) whose own Python code may run. None else."
    )
    revision: str | None = Field(None, description="Branch, tag or commit of a hub id.")
    pooling: Literal["mean", "cls", "max"] | None = Field(
        None, description="How tokens become the vector of a text, where the teacher's own files do not tell."
    )
    batch_tokens: int = Field(4096, ge=64, description="Tokens per batch while labelling.")
    precision: Literal["auto", "float32", "bfloat16"] = Field("auto", description="auto: bfloat16 where it is fast.")
    chat: ChatTable = ChatTable()


class DistillTable(Table):
    """How the student learns."""

    epochs: int | None = Field(
        None,
        ge=0,
        description="Default: 1; more where texts are few (1,500 steps; questions 5,000; static 700, vectors 1,000; "
        "at most 60). 0 trains nothing: the teacher itself, quantized.",
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="Peak. Default: 2.5e-4 at a hidden size of 384, inversely to it; static: 2e-3, 5e-3 for vectors.",
    )
    batch_size: int | None = Field(
        None, ge=1, description="Texts a step. Default: 64; questions in contexts 8; static students 512."
    )
    temperature: float | None = Field(
        None, gt=0, description="T of the softened distributions. Default: 4; classification 2, fill-mask 1."
    )
    relation_heads: int | None = Field(
        None, ge=1, description="Heads that relations are measured in. Default: the teacher's, where they divide."
    )
    relation_layer: int | None = Field(
        None, ge=0, description="Teacher layer that relations are taken from, counted from 0. Default: the last."
    )
    weights: LossWeights = LossWeights()
    warmup_share: float = Field(0.06, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    max_gradient_norm: float = Field(1.0, gt=0)
    train_embeddings: bool | None = Field(
        None, description="Also train the embedding tables. Default: only where they are not the teacher's own."
    )
    train_lowest: bool = Field(
        True, description="false: lowest layers stay where they are the teacher's; a fifth faster."
    )
    evaluations: int = Field(10, ge=1, description="How often the student is compared on validation texts.")
    augment: float | None = Field(
        None,
        ge=0,
        le=100,
        description="Made-up texts per training text. Default: 3; 8 for classification and for few texts; of questions "
        "as many as make 30,000, 8 at most; 0 where each costs.",
    )
    masker: str | None = Field(
        None, description="Masked language model, folder or hub id, that makes up half of these texts. Default: none."
    )
    checkpoint_seconds: float = Field(
        20.0, gt=0, description="Seconds between checkpoints; a killed run loses no more."
    )
    baseline: bool = Field(True, description="Also train the same shape on labels alone, for comparison.")

    @property
    def trains(self) -> bool:
        """Whether the student learns; else it stays as it starts."""
        return self.epochs != 0

    def temperature_for(self, task: str) -> float:
        """T for a task."""
        return self.temperature or _USUAL_TEMPERATURE.get(task, 4.0)


class QuantizeTable(Table):
    """Bits of the artifact."""

    scheme: str = Field(USUAL, description="Bits of weights, activations and embedding tables.")
    target_size_mb: float | None = Field(
        None,
        gt=0,
        description="Megabytes (10^6 bytes) that model and tokenizer may have: each layer gets its own bits.",
    )
    spare: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the linear layers, most sensitive first, that keeps 8 bits (float32 where all have 8).",
    )
    sensitivity: bool = Field(False, description="Measure what each layer can bear, also without a target.")
    sensitivity_texts: int = Field(128, ge=1, description="Training texts that it is measured on.")
    calibration_texts: int = Field(512, ge=1, description="Training texts that show what layers see.")
    divide_outliers: bool = Field(
        True, description="Divide outlying inputs of a layer, and multiply its weights, where activations have 8 bits."
    )
    range_method: Literal["min_max", "percentile", "mean_squared_error", "entropy"] = Field(
        "mean_squared_error", description="How the ranges of -static activations are found."
    )
    compensate: bool = Field(True, description="Round weights of 2, 3 and 4 bits so that errors cancel (GPTQ).")
    max_lost: float = Field(
        0.005,
        ge=0,
        le=1,
        description="Agreement on validation texts that it may cost. Beyond it, remedies are tried; 1 tries none.",
    )
    train_share: float | None = Field(
        None,
        ge=0,
        le=2,
        description="Steps with roundings in place, per step of distillation. Default: 0.3, as the last remedy only.",
    )
    learning_rate: float | None = Field(
        None, gt=0, description="Peak of these steps. Default: 0.4 of the distillation's."
    )

    @model_validator(mode="after")
    def _spares_or_fits(self) -> Self:
        if self.spare > 0 and self.target_size_mb is not None:
            raise ValueError("spare and target_size_mb both say which layers keep more bits; give one of them")
        return self

    @field_validator("scheme")
    @classmethod
    def _can_be_shipped(cls, notation: str) -> str:
        try:
            shippable(notation)
        except SchemeError as error:
            raise ValueError(f"{error.message} {error.hint}".rstrip(".")) from None
        return notation


class Recipe(Table):
    """A whole run."""

    seed: int = Field(0, ge=0, lt=2**31)
    task: Literal[
        "auto", "classification", "multi-label", "regression", "reranking", "embeddings", "token-classification",
        "question-answering", "fill-mask",
    ] = Field("auto", description="What texts are asked. auto: what the teacher was made for.")  # fmt: skip
    data: DataTable = DataTable()
    teach: TeachTable = TeachTable()
    teacher: TeacherTable = TeacherTable()
    student: StudentTable = StudentTable()
    distill: DistillTable = DistillTable()
    quantize: QuantizeTable = QuantizeTable()
    verify: VerifyTable = VerifyTable()

    @model_validator(mode="after")
    def _roundings_are_trained_with(self) -> Self:
        if self.quantize.train_share and not self.distill.trains:
            raise ValueError(
                f"quantize.train_share = {self.quantize.train_share} but distill.epochs = 0, so nothing is trained"
            )
        return self

    def settled(self, task: str) -> Self:
        """The same recipe, with `task` where it says that the task is to be found, and defaults that hang on it."""
        found = task if self.task == AUTO else self.task
        data = self.data.model_copy(update={"max_tokens": self.data.tokens_for(found)})
        distill = self.distill.model_copy(update={"temperature": self.distill.temperature_for(found)})
        choice = self.student.choice_for(found, trains=self.distill.trains)
        student = self.student.model_copy(update={"choose": choice})
        verify = self.verify.model_copy(update={"tolerances": self.verify.tolerances.for_task(found)})
        return self.model_copy(
            update={"task": found, "data": data, "student": student, "distill": distill, "verify": verify}
        )

    @property
    def tolerances(self) -> Tolerances:
        """What the user accepts; a target size is accepted where no other bound on the size is given."""
        accepted, target = self.verify.tolerances, self.quantize.target_size_mb
        if target is None or accepted.max_size_mb is not None:
            return accepted
        return accepted.model_copy(update={"max_size_mb": target})

    @classmethod
    def from_dict(cls, tables: dict[str, Any], *, source: str = "the recipe") -> Self:
        """Build a recipe from nested tables.

        Raises:
            RecipeError: Unknown keys or impossible values, all of them in one message.
        """
        try:
            return cls.model_validate(tables)
        except ValidationError as error:
            faults = [_fault(detail) for detail in error.errors()]
            raise RecipeError(
                f"{source} has {len(faults)} fault{'s' if len(faults) > 1 else ''}:\n"
                + "\n".join(f"  - {f}" for f in faults),
                hint="`limbeck recipe` prints every key with its default and meaning.",
            ) from None

    @classmethod
    def from_toml(cls, path: Path, *, overrides: dict[str, Any] | None = None) -> Self:
        """Read a recipe file; `overrides` maps dotted keys to values that win over it.

        Raises:
            RecipeError: The file is not there or not TOML, or holds unknown keys or impossible values.
        """
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise RecipeError(
                f"No recipe at {path}.", hint="`limbeck recipe > recipe.toml` writes one to start from."
            ) from None
        except IsADirectoryError:
            raise RecipeError(
                f"{path} is a folder, not a recipe file.", hint="Give a TOML file; `limbeck recipe` prints one."
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path} is not TOML: {error}", hint="Mend that line; see https://toml.io.") from None
        return cls.from_dict(with_overrides(tables, overrides or {}), source=str(path))

    def told(self) -> dict[str, Any]:
        """The recipe as records tell it, in JSON values: no folder of this machine, which may ship."""
        tables = self.model_dump(mode="json")
        for table, key in (("student", "config"), ("data", "extra_texts"), ("distill", "masker")):
            if tables[table][key] is not None:
                tables[table][key] = Path(tables[table][key]).name
        return tables

    def to_toml(self) -> str:
        """The whole recipe as TOML, each key with its meaning as a comment; keys without a value are commented out."""
        return "\n".join(_toml_lines(self, prefix="")) + "\n"


def with_overrides(tables: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A copy of nested tables in which dotted keys are set: ``{"distill.epochs": 3}``."""
    merged: dict[str, Any] = {key: dict(value) if isinstance(value, dict) else value for key, value in tables.items()}
    for dotted, value in overrides.items():
        *path, last = dotted.split(".")
        table = merged
        for name in path:
            below = table.get(name)
            table[name] = dict(below) if isinstance(below, dict) else {}
            table = table[name]
        table[last] = value
    return merged


def known_keys(table: type[BaseModel] = Recipe, prefix: str = "") -> dict[str, type[BaseModel] | None]:
    """Every dotted key of a recipe; a table maps to its type, a value to None."""
    keys: dict[str, type[BaseModel] | None] = {}
    for name, field in table.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys[prefix + name] = kind
            keys |= known_keys(kind, f"{prefix}{name}.")
        else:
            keys[prefix + name] = None
    return keys


def list_keys(table: type[BaseModel] = Recipe, prefix: str = "") -> frozenset[str]:
    """The dotted keys whose values are several."""
    keys: set[str] = set()
    for name, field in table.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys |= list_keys(kind, f"{prefix}{name}.")
        elif any(get_origin(part) is tuple for part in (kind, *get_args(kind))):
            keys.add(prefix + name)
    return frozenset(keys)


def _fault(detail: Any) -> str:  # noqa: ANN401  (pydantic's ErrorDetails)
    dotted = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(dotted, known_keys(), n=1, cutoff=0.0)
        return f"unknown key {dotted!r}; did you mean {near[0]!r}?"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{dotted or 'recipe'}: {message[0].lower()}{message[1:]} (got {detail['input']!r})"


def _toml_lines(table: BaseModel, *, prefix: str) -> list[str]:
    lines, below = [], []
    for name, field in type(table).model_fields.items():
        value = getattr(table, name)
        if isinstance(value, BaseModel):
            below += ["", f"[{prefix}{name}]", *_toml_lines(value, prefix=f"{prefix}{name}.")]
            continue
        comment = f"  # {field.description}" if field.description else ""
        lines.append(f"# {name} ={comment}" if value is None else f"{name} = {_toml_value(value)}{comment}")
    return lines + below


def _toml_key(key: str) -> str:
    return key if key and all(one.isascii() and (one.isalnum() or one in "-_") for one in key) else _toml_value(key)


def _toml_value(value: Any) -> str:  # noqa: ANN401  (any TOML value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # as JSON, but for DEL
    if isinstance(value, dict):
        pairs = ", ".join(f"{_toml_key(key)} = {_toml_value(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return repr(value)
