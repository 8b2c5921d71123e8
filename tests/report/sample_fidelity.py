"""A verdict's further parts from made-up answers: what a page of 872 texts of two labels shows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from limbeck.evaluate import Doubt, robustness_of
from limbeck.evaluate.fidelity import fidelity_of
from limbeck.recipe.verify import VerifyTable
from limbeck.records.fidelity import Fidelity
from limbeck.tasks import TASKS
from limbeck.text.examples import Examples

NAMES = ("negative", "positive")
DOUBT = Doubt(0.95, 200, 0)


def sample_fidelity(n: int = 872, *, n_labels: int = 2, labelled: bool = True, asked: bool = True) -> Fidelity:
    """A teacher right nine times in ten, too sure; an artifact near it, but on texts of one source.

    Args:
        n: Texts.
        n_labels: Labels.
        labelled: Whether people labelled them.
        asked: Whether the teacher was asked about other spellings.
    """
    draw = np.random.default_rng(0)
    names = NAMES if n_labels == 2 else tuple(f"label_{index}" for index in range(n_labels))
    labels = draw.integers(n_labels, size=n)
    hard = np.arange(n) % 9 == 0
    teacher = 2.2 * np.eye(n_labels)[labels] + draw.standard_normal((n, n_labels))
    artifact = teacher + 0.4 * draw.standard_normal((n, n_labels)) * np.where(hard, 4.0, 1.0)[:, None]
    texts = tuple(f"A film, number {index}" + " that goes on" * (index % 13) + "." for index in range(n))
    columns = {"source": tuple("forum <b>&" if one else "press" for one in hard.tolist())}
    examples = Examples(texts, None, labels if labelled else None, names, columns)

    def answering(noise: float) -> object:
        def answer(some: Sequence[str], pairs: Sequence[str] | None) -> NDArray[np.float64]:
            rows = [int("".join(filter(str.isdigit, text))) for text in some]
            return teacher[rows] + noise * np.random.default_rng(len(some[0])).standard_normal((len(rows), n_labels))

        return answer

    spelled = robustness_of(
        (answering(1.2), artifact), (answering(0.7) if asked else None, teacher),  # type: ignore[arg-type]
        examples=examples, task="classification", settings=VerifyTable(), doubt=DOUBT,
    )  # fmt: skip
    return fidelity_of(
        ("artifact (int8)", artifact), ("teacher", teacher), examples=examples, task=TASKS["classification"],
        robustness=spelled, doubt=DOUBT,
    )  # fmt: skip
