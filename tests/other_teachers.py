"""Teachers that are no Hugging Face model, for tests: functions over the words of `small_run`, and their answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from limbeck.recipe.knobs import Recipe
from small_run import LABELS, SETTINGS, TELLING, labelled_rows, write_rows
from tiny import write_teacher


def chances(text: str) -> list[float]:
    """What an ideal teacher says: 0.95 for the label whose telling words stand in the text."""
    words = text.split()
    scores = [sum(word in TELLING[label] for word in words) for label in LABELS]
    return [0.95 if score == max(scores) else 0.05 for score in scores] if scores[0] != scores[1] else [0.5, 0.5]


class Words:
    """A function that counts its calls and texts.

    Args:
        gives: "probabilities", "logits", "names" or "numbers".
        fingerprint: Names this version of it.
    """

    def __init__(
        self, gives: str = "probabilities", fingerprint: str = "v1", label_names: Sequence[str] = LABELS
    ) -> None:
        self.gives, self.fingerprint, self.label_names = gives, fingerprint, tuple(label_names)
        self.asked: list[str] = []

    def __call__(self, texts: list[str], text_pairs: list[str] | None) -> Any:
        """Answer texts."""
        self.asked += texts
        rows = [chances(text) for text in texts]
        if self.gives == "probabilities":
            return rows
        if self.gives == "logits":
            return [[3 * first, 3 * second] for first, second in rows]
        found = [int(second > first) for first, second in rows]
        return found if self.gives == "numbers" else [LABELS[index] for index in found]


class Gives:
    """A function that gives the same answers whatever it is asked; with any attributes of a function that count."""

    fingerprint = "v1"

    def __init__(self, answers: Any, **attributes: Any) -> None:
        self.answers = answers
        self.__dict__.update(attributes)

    def __call__(self, texts: list[str], text_pairs: list[str] | None) -> Any:
        """Its answers."""
        return self.answers


def encoder(root: Path) -> Path:
    """A tiny encoder for the student to start from."""
    return write_teacher(root / "encoder", seed=3)


def recipe(root: Path, **tables: dict[str, Any]) -> Recipe:
    """The small recipe, its student starting from a tiny encoder, with other values on top; nothing is judged."""
    given: dict[str, Any] = {
        **SETTINGS,
        "student": {"encoder": str(encoder(root))},
        "distill": SETTINGS["distill"] | {"epochs": 4, "baseline": False},
        "verify": SETTINGS["verify"] | {"tolerances": {"min_agreement": 0.0, "min_retention": 0.0}},
    }
    return Recipe.from_dict(given | {name: given.get(name, {}) | table for name, table in tables.items()})


def data(root: Path, n: int = 160) -> Path:
    """Labelled texts, one file."""
    return write_rows(root / "texts.jsonl", labelled_rows(n))
