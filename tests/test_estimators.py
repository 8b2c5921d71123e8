"""Artifacts as estimators: scikit-learn's own checks, pipelines, clones and pickles."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import limbeck
from limbeck.errors import DataError, LabelError
from limbeck.estimators import LimbeckClassifier, LimbeckEmbedder
from small_artifact import write_artifact

TEXTS = ["play a song", "wake me at seven", "is rain very awful today?", "stop", "", "call mum"] * 4


CHECKS = [
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_mixin_order,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_set_params,
    estimator_checks.check_valid_tag_types,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact whose labels are not in the order of the alphabet."""
    return write_artifact(tmp_path_factory.mktemp("artifact"), labels=("weather", "alarm", "music"))


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact whose numbers are taken for vectors."""
    return write_artifact(tmp_path_factory.mktemp("vectors"), labels=("0", "1", "2"), task="embeddings")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", [LimbeckClassifier, LimbeckEmbedder])
def test_scikit_learns_own_checks(folder: Path, vectors: Path, kind: type, check: Callable[..., None]) -> None:
    """A failure would break in somebody's search or pipeline. The other checks give numbers, which are no texts."""
    check(kind.__name__, kind(folder if kind is LimbeckClassifier else vectors))


def test_a_classifier_answers_as_the_model(folder: Path) -> None:
    """A failure would give probabilities to other labels: scikit-learn sorts classes, an artifact does not."""
    classifier, model = LimbeckClassifier(folder, threads=1), limbeck.load(folder, threads=1)
    wanted = model(TEXTS)
    assert list(classifier.classes_) == ["alarm", "music", "weather"]
    labels = classifier.predict(np.array(TEXTS))
    assert labels.tolist() == [answer.label for answer in wanted]
    chances = classifier.predict_proba(TEXTS)
    assert classifier.classes_[chances.argmax(axis=1)].tolist() == labels.tolist()
    np.testing.assert_allclose(chances[:, 2], [answer.probabilities[0] for answer in wanted])
    assert classifier.score(TEXTS, labels) == 1
    pairs = np.array([TEXTS, TEXTS[::-1]], dtype=object).T
    assert classifier.predict(pairs).tolist() == [answer.label for answer in model(TEXTS, TEXTS[::-1])]
    assert classifier.predict_proba([]).shape == (0, 3)


def test_it_works_where_estimators_work(folder: Path, vectors: Path) -> None:
    """A failure would keep artifacts out of pipelines, cross-validation and other processes."""
    classifier = LimbeckClassifier(folder, threads=1)
    labels = classifier.predict(TEXTS)
    lowered = make_pipeline(FunctionTransformer(lambda texts: [text.lower() for text in texts]), classifier)
    assert lowered.fit(TEXTS, labels).score(TEXTS, labels) == 1
    assert cross_val_score(classifier, TEXTS, labels, cv=2).tolist() == [1, 1]
    assert clone(classifier).set_params(threads=2).get_params() == {
        "artifact": folder,
        "threads": 2,
        "engine": "onnxruntime",
        "variant": "quantized",
    }
    stored = pickle.dumps(classifier)
    assert len(stored) < 1000
    assert pickle.loads(stored).predict(TEXTS).tolist() == labels.tolist()
    embedder = LimbeckEmbedder(vectors, threads=1)
    np.testing.assert_array_equal(embedder.fit_transform(TEXTS), limbeck.load(vectors, threads=1).logits(TEXTS).values)
    assert embedder.get_feature_names_out().tolist() == ["limbeckembedder0", "limbeckembedder1", "limbeckembedder2"]
    assert set(make_pipeline(embedder, LogisticRegression()).fit(TEXTS, labels).predict(TEXTS)) <= set(labels)


def test_what_does_not_fit_is_told(folder: Path, vectors: Path) -> None:
    """A failure would end in a stack trace of numpy, or score against labels that the artifact never gives."""
    with pytest.raises(LabelError, match=r"does not know 2 labels: jazz, rock\."):
        LimbeckClassifier(folder).fit(["a", "b"], ["jazz", "rock"])
    with pytest.raises(LabelError, match=r"Expected labels as texts, got 1 \(int\)") as told:
        LimbeckClassifier(folder).fit(["a", "b"], np.array([1, 0]))
    assert "y.astype(str)" in told.value.hint
    with pytest.raises(LabelError, match=r"Expected a label for each text, got 2 texts and 1 label\."):
        LimbeckClassifier(folder).fit(["a", "b"], ["music"])
    with pytest.raises(DataError, match="was made for embeddings, and LimbeckClassifier takes artifacts of the task"):
        LimbeckClassifier(vectors).predict(["a"])
    with pytest.raises(DataError, match="Expected texts, got a single str"):
        LimbeckClassifier(folder).predict("a")
    with pytest.raises(DataError, match=r"Expected texts, got an array of shape \(2, 3\)"):
        LimbeckClassifier(folder).predict(np.zeros((2, 3)))
    with pytest.raises(DataError, match=r"Expected a text \(str\) at texts\[1\], got float"):
        LimbeckClassifier(folder).predict(["a", 2.0])
    for way in (LimbeckEmbedder(vectors).fit, LimbeckEmbedder(vectors).transform):
        with pytest.raises(DataError, match="Expected a column of texts, got two"):
            way(np.array([["a", "b"]], dtype=object))


def test_an_estimator_is_shown_before_its_artifact_is_there() -> None:
    """A failure would end a notebook's cell in a stack trace, only as the estimator is its last line."""
    absent = LimbeckClassifier("nowhere")
    assert not hasattr(absent, "classes_")
    assert "nowhere" in absent._repr_html_()
    with pytest.raises(AttributeError, match=r"nowhere does not exist\."):
        _ = absent.classes_
