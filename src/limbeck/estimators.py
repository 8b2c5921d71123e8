"""Artifacts as estimators of scikit-learn, for pipelines and searches; the extra `sklearn`. No torch.

They are taught already: `fit` learns nothing and only looks whether labels fit. An estimator holds its parameters
alone, so it is cloned, pickled and sent to other processes by the path of its artifact; the model is loaded at the
first text, once a process for all estimators with the same parameters.
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from limbeck.artifact.sealed import MANIFEST_FILE
from limbeck.errors import ArtifactError, DataError, LabelError
from limbeck.ground import extras, wording
from limbeck.runtime import Model, load

extras.need("sklearn", what="An artifact as an estimator of scikit-learn")

from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin  # noqa: E402
from sklearn.utils import Tags  # noqa: E402

_MODELS_KEPT = 4
_SHOWN_LABELS = 5


class _ArtifactEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """What both estimators share: their parameters, their model, and which input they take."""

    _task: str

    def __init__(
        self,
        artifact: str | Path,
        *,
        threads: int = 0,
        engine: str = "onnxruntime",
        variant: str = "quantized",
    ) -> None:
        self.artifact = artifact
        self.threads = threads
        self.engine = engine
        self.variant = variant

    def _model(self) -> Model:
        """The loaded artifact.

        Raises:
            ArtifactError: It cannot be loaded.
            DataError: It was made for another task.
        """
        folder = Path(self.artifact).resolve()
        manifest = folder / MANIFEST_FILE
        changed = manifest.stat().st_mtime_ns if manifest.exists() else 0
        model = _loaded(os.getpid(), changed, folder, self.threads, self.engine, self.variant)
        if model.task.name != self._task:
            raise DataError(
                f"{self.artifact} was made for {model.task.name}, and {type(self).__name__} takes artifacts of the "
                f"task {self._task}.",
                hint="LimbeckClassifier takes those of classification, LimbeckEmbedder those of embeddings; "
                "limbeck.load loads all.",
            )
        return model

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        tags.target_tags.required = False
        return tags


class LimbeckClassifier(ClassifierMixin, _ArtifactEstimator):  # type: ignore[misc]
    """An artifact of the task classification as a classifier.

        classifier = LimbeckClassifier("runs/a/artifact")
        classifier.predict(["wake me at six"])

    Args:
        artifact: The folder that ships.
        threads: Threads that one batch is computed with; 0 takes the physical cores.
        engine: As `limbeck.load` takes it.
        variant: As there.
    """

    _task = "classification"

    @property
    def classes_(self) -> NDArray[np.str_]:
        """(classes,) the labels, sorted as scikit-learn sorts them; the columns of `predict_proba`.

        Raises:
            AttributeError: The artifact cannot be opened: to scikit-learn, which asks before it shows an estimator, one
                without classes.
        """
        try:
            return np.sort(np.array(self._model().label_names))
        except ArtifactError as error:
            raise AttributeError(f"{error.message} {error.hint}") from error

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ANN401, N803  (scikit-learn's names and kinds)
        """Learn nothing; refuse labels that the artifact does not know.

        Args:
            X: As `predict` takes it.
            y: (n,) labels, or None.

        Raises:
            LabelError: Labels that are not the artifact's, that are no texts, or more or fewer than texts.
        """
        texts, _ = _texts(X)
        labels = [] if y is None else np.asarray(y, dtype=object).ravel().tolist()
        if y is not None and len(labels) != len(texts):
            raise LabelError(
                f"Expected a label for each text, got {wording.counted(len(texts), 'text')} and "
                f"{wording.counted(len(labels), 'label')}.",
                hint="Give y with as many rows as X.",
            )
        odd = next((label for label in labels if not isinstance(label, str)), None)
        if odd is not None:
            raise LabelError(
                f"Expected labels as texts, got {odd!r} ({type(odd).__name__}): an artifact answers with names.",
                hint=f"Give y.astype(str), where that gives its labels: {', '.join(self._model().label_names)}.",
            )
        unknown = sorted(set(labels) - set(self._model().label_names))
        if unknown:
            raise LabelError(
                f"{self.artifact} does not know {wording.counted(len(unknown), 'label')}: "
                f"{', '.join(unknown[:_SHOWN_LABELS])}{', …' if len(unknown) > _SHOWN_LABELS else ''}.",
                hint=f"Its labels are: {', '.join(self._model().label_names)}.",
            )
        return self

    def predict(self, X: Any) -> NDArray[np.str_]:  # noqa: ANN401, N803
        """(n,) the likeliest label of each text.

        Args:
            X: (n,) texts, or (n, 2) pairs of texts: a list, an array, a column of a table.

        Raises:
            DataError: Something is no text.
        """
        model = self._model()
        answers: list[Any] = model(*_texts(X))  # ClassAnswer, of this task
        return np.array([answer.label for answer in answers], dtype=np.array(model.label_names).dtype)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: ANN401, N803
        """(n, classes) the probability of each label, in the order of `classes_`; arguments as of `predict`."""
        model = self._model()
        answers: list[Any] = model(*_texts(X))
        found = np.array([answer.probabilities for answer in answers], np.float64)
        return found.reshape(-1, len(model.label_names))[:, np.argsort(np.array(model.label_names))]


class LimbeckEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, _ArtifactEstimator):  # type: ignore[misc]
    """An artifact of the task embeddings as a transformer: texts in, vectors out.

        make_pipeline(LimbeckEmbedder("runs/a/artifact"), LogisticRegression())

    Args:
        artifact: The folder that ships.
        threads: Threads that one batch is computed with; 0 takes the physical cores.
        engine: As `limbeck.load` takes it.
        variant: As there.
    """

    _task = "embeddings"

    @property
    def _n_features_out(self) -> int:
        """Numbers of a vector."""
        return len(self._model().label_names)

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ANN401, ARG002, N803
        """Learn nothing."""
        _single_texts(X)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: ANN401, N803
        """(n, size) the vector of each text.

        Args:
            X: (n,) texts: a list, an array, a column of a table.

        Raises:
            DataError: Something is no text.
        """
        found: NDArray[np.float32] = self._model().logits(_single_texts(X)).values
        return found


@lru_cache(maxsize=_MODELS_KEPT)
def _loaded(_process: int, _changed: int, folder: Path, threads: int, engine: str, variant: Any) -> Model:  # noqa: ANN401
    """A model; another one in another process, as none lives on in a fork, and when its manifest was written anew."""
    return load(folder, threads=threads, engine=engine, variant=variant)


def _texts(given: Any) -> tuple[list[str], list[str] | None]:  # noqa: ANN401
    """Texts, or the two columns of pairs.

    Raises:
        DataError: Neither.
    """
    hint = "Give a list, an array or a column of texts; or an array of two columns for pairs."
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DataError(f"Expected texts, got a single {type(given).__name__}.", hint=hint)
    table = np.asarray(given if hasattr(given, "__array__") else list(given), dtype=object)
    if table.ndim == 2 and table.shape[1] == 2:
        return table[:, 0].tolist(), table[:, 1].tolist()
    if table.ndim != 1:
        raise DataError(f"Expected texts, got an array of shape {table.shape}.", hint=hint)
    return table.tolist(), None


def _single_texts(given: Any) -> list[str]:  # noqa: ANN401
    """Texts that are no pairs.

    Raises:
        DataError: Others.
    """
    texts, pairs = _texts(given)
    if pairs is not None:
        raise DataError(
            "Expected a column of texts, got two: a vector stands for one text.",
            hint="Give one column, or both one after the other.",
        )
    return texts
