"""What tests of language models as teachers share: the texts, and how a server is asked about them."""

from pathlib import Path
from typing import Any

from chat_server import ChatServer

from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.tasks.classification import probabilities
from limbeck.teacher.answering import Labelled
from limbeck.teacher.chat import ChatTeacher
from limbeck.teacher.opening import open_teacher
from limbeck.text.examples import Examples
from other_teachers import chances
from small_run import LABELS, labelled_rows

TEXTS = tuple(row["text"] for row in labelled_rows(24))
EXAMPLES = Examples(TEXTS, None, None, LABELS)
WANTED = [chances(text) for text in TEXTS]


def teacher(server: ChatServer, *, labels: Any = LABELS, task: str = "auto", **chat: Any) -> ChatTeacher:
    """The teacher behind a server, with these keys of `teacher.chat`."""
    table = {"task": task, "teacher": {"labels": labels, "chat": {"model": "some-model", **chat}}}
    found = open_teacher(server.url, recipe=Recipe.from_dict(table), work=Path())
    assert isinstance(found, ChatTeacher)
    return found


def label(master: ChatTeacher, root: Path, examples: Examples = EXAMPLES, **given: Any) -> Labelled:
    """Ask it about examples."""
    return master.label(examples, root, settings=TeacherTable(), part_name="texts", judges=True, **given)


def logits(labelled: Labelled, examples: Examples = EXAMPLES) -> Any:
    """Its answers."""
    return labelled.store.read(examples.text_fingerprints).logits


def shares(labelled: Labelled, examples: Examples = EXAMPLES) -> Any:
    """Its answers as probabilities of labels that exclude one another."""
    return probabilities(logits(labelled, examples))
