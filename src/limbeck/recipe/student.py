"""The recipe's tables of the student: what it is made of, and what it is pulled to."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Choice = Literal["spaced", "lower", "first", "last", "by_loss", "all"]
"""Which of a teacher's layers."""


class Table(BaseModel):
    """A table of the recipe: unknown keys are refused, and values stay what they are."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class StudentTable(Table):
    """The student's shape, and where it comes from."""

    encoder: str | None = Field(
        None, description="Folder or hub id of the encoder that it starts from. Default: the teacher itself."
    )
    kind: Literal["transformer", "static"] = Field(
        "transformer",
        description="static: no layers, averaged tokens and runs of tokens; over a hundred times as fast.",
    )
    table_size: int | None = Field(
        None,
        ge=8,
        le=1024,
        description="Static student: numbers of a token and of a run. Default: 128; 256 for embeddings.",
    )
    ngram_rows: int = Field(
        65536, ge=0, le=1 << 22, description="Static student: runs of tokens at most; 0 leaves them out."
    )
    longest_ngram: Literal[2, 3] = Field(2, description="Static student: tokens of the longest run.")
    layers: int | None = Field(None, ge=1, description="Number of layers. Default: half of the teacher's, rounded up.")
    choose: Choice | None = Field(
        None,
        description="Which layers. Default: spaced; for classification lower: closer below, as 0, 1 and 5 of six. "
        "by_loss removes, one by one, the layer that the teacher misses least; all, the default where nothing is "
        "trained, keeps every one.",
    )
    take_layers: tuple[int, ...] | None = Field(
        None, description="Teacher layers to take over, counted from 0. Default: as `choose` says."
    )

    hidden_size: int | None = Field(
        None, ge=1, description="Width of the hidden states; heads keep their size. Default: the teacher's."
    )
    heads: int | None = Field(None, ge=1, description="Attention heads a layer; another way to say hidden_size.")
    intermediate_size: int | None = Field(
        None, ge=1, description="Feed-forward neurons a layer. Default: the teacher's."
    )
    embedding_size: int | None = Field(
        None, ge=1, description="Width of factorised embedding tables (ELECTRA, ALBERT, BERT). Default: the teacher's."
    )
    vocabulary: Literal["whole", "trimmed"] = Field(
        "whole", description="trimmed: the tokens of the texts that it learns from, and those likest to them."
    )
    vocabulary_share: float = Field(
        0.33, ge=0, le=1, description="Share of the tokens that trimming keeps; more where the texts need more."
    )
    config: str | None = Field(
        None, description="A config.json instead of all this: a student that starts from noise, of any known family."
    )

    @property
    def is_static(self) -> bool:
        """Whether the student has no layers."""
        return self.kind == "static"

    @model_validator(mode="after")
    def _kind_has_these_knobs(self) -> Self:
        of_static = {"table_size", "ngram_rows", "longest_ngram"}
        shared = {"kind", "encoder", "vocabulary", "vocabulary_share"}
        unread = set(type(self).model_fields) - of_static - shared if self.is_static else of_static
        fields = type(self).model_fields
        wrong = [key for key in fields if key in unread and getattr(self, key) != fields[key].default]
        if wrong:
            which = "static" if self.is_static else "transformer"
            raise ValueError(f'{wrong[0]} has nothing to say of a student of kind = "{which}"')
        return self

    @model_validator(mode="after")
    def _config_stands_alone(self) -> Self:
        if self.config is not None:
            beside = [
                key
                for key in self.model_fields_set - {"config"}
                if getattr(self, key) != type(self).model_fields[key].default
            ]
            if beside:
                raise ValueError(f"config tells the whole shape, so {min(beside)} has nothing to say")
        return self

    @model_validator(mode="after")
    def _layers_agree(self) -> Self:
        if self.take_layers is not None:
            if (
                not self.take_layers
                or sorted(set(self.take_layers)) != list(self.take_layers)
                or self.take_layers[0] < 0
            ):
                raise ValueError("take_layers must be different layer numbers from 0 up, in rising order")
            if self.layers is not None and self.layers != len(self.take_layers):
                raise ValueError(f"layers = {self.layers} but take_layers names {len(self.take_layers)}")
            if self.choose not in {None, "spaced"}:
                raise ValueError(f'choose = "{self.choose}" but take_layers names the layers')
        if self.choose == "all" and self.layers is not None:
            raise ValueError(f'choose = "all" but layers = {self.layers}')
        return self

    def choice_for(self, task: str, *, trains: bool = True) -> Choice | None:
        """Which layers for a task; as given, where these are named one by one.

        Args:
            task: Its name.
            trains: Whether the student learns; one that does not keeps all layers, unless a number of them is given.
        """
        if self.choose is not None or self.take_layers is not None:
            return self.choose
        if not trains and self.layers is None and self.config is None and not self.is_static:
            return "all"
        return "lower" if task == "classification" else "spaced"


class LossWeights(Table):
    """What each objective counts for; 0 leaves it out."""

    soft_labels: float = Field(1.0, ge=0)
    true_labels: float = Field(0.1, ge=0)
    last_hidden: float | None = Field(
        None,
        ge=0,
        description="Default: 10, of static students 1, where the student starts from the teacher; else 0, as for "
        "embeddings.",
    )
    similarities: float | None = Field(
        None, ge=0, description="Which texts of a batch are alike. Default: 1 for embeddings, else 0."
    )
    margins: float | None = Field(
        None, ge=0, description="Between the passages of a query. Default: 1 for reranking, else 0."
    )
    layer_hidden: float | None = Field(
        None,
        ge=0,
        description="Default: 1 for questions in contexts where the student starts from the teacher; else 0. Runs the "
        "teacher beside the student, as do the next two.",
    )
    attention_maps: float = Field(0.0, ge=0, description="Layer for layer.")
    relations: float = Field(0.0, ge=0, description="Of queries, keys and values in the last layer (MiniLM v2).")

    @model_validator(mode="after")
    def _something_is_learned(self) -> Self:
        if not any(weight is None or weight > 0 for weight in self.model_dump().values()):
            raise ValueError("every loss weight is 0, so nothing would be learned")
        return self
