"""A file of saved answers as a teacher: every way to write them, and what is left out or refused."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.errors import DataError, LabelError, LimbeckError, RecipeError, TeacherError
from limbeck.pipeline import compress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.runtime import predict_lines
from limbeck.tasks.classification import probabilities
from limbeck.teacher.opening import open_teacher
from limbeck.teacher.saved import SavedAnswers
from limbeck.text.examples import Examples
from other_teachers import chances, data, recipe
from small_run import LABELS, SmallRun, labelled_rows, write_rows
from watching import Events

TEXTS = ("good film", "awful film")
WANTED = [[0.25, 0.75], [0.9, 0.1]]
NAMED = [dict(zip(LABELS, row, strict=True)) for row in WANTED]


def _opened(path: Path, *, known: Iterable[str] = (), **teacher: Any) -> SavedAnswers:
    found = open_teacher(
        path, recipe=Recipe.from_dict({"teacher": teacher}), work=path.parent, known_labels=lambda _task: tuple(known)
    )
    assert isinstance(found, SavedAnswers)
    return found


def _read(master: SavedAnswers, root: Path, texts: tuple[str, ...] = TEXTS) -> Any:
    examples = Examples(texts, None, None, LABELS)
    store = master.label(examples, root, settings=TeacherTable(), part_name="held_out", judges=True).store
    return probabilities(store.read(examples.text_fingerprints).logits)


@pytest.mark.parametrize(
    ("answers", "teacher"),
    [
        ([{"probabilities": row} for row in NAMED], {}),
        ([{"probabilities": row} for row in WANTED], {"labels": LABELS}),
        ([{"logits": {name: float(np.log(p)) + 3 for name, p in row.items()}} for row in NAMED], {}),
        ([{f"probability_{name}": p for name, p in row.items()} for row in NAMED], {}),
        ([{f"logit_{name}": float(np.log(p)) for name, p in row.items()} for row in NAMED], {}),
        ([{"label": "told too", "probabilities": row} for row in NAMED], {}),
    ],
    ids=["objects", "lists", "logits", "columns", "logit columns", "label beside them"],
)
@pytest.mark.parametrize("kind", [".jsonl", ".parquet", ".jsonl.gz"])
def test_every_way_to_write_them(answers: list[dict[str, Any]], teacher: Any, kind: str, tmp_path: Path) -> None:
    """A failure would read one column for another, and teach the contrary of what was saved."""
    rows = [{"text": text, **answer} for text, answer in zip(TEXTS, answers, strict=True)]
    path = tmp_path / f"answers{kind}"
    if kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        packed = pa.output_stream(str(path), compression="gzip" if kind.endswith("gz") else None)
        with packed as stream:
            stream.write(lines.encode())
    master = _opened(path, **teacher)
    assert master.label_names == LABELS
    assert np.allclose(_read(master, tmp_path), WANTED, atol=1e-6)


def test_the_order_of_labels_is_the_recipes_then_the_datas(tmp_path: Path) -> None:
    """A failure would exchange two classes where a file names them in another order."""
    path = write_rows(
        tmp_path / "answers.jsonl",
        [{"text": text, "probabilities": dict(reversed(row.items()))} for text, row in zip(TEXTS, NAMED, strict=True)],
    )
    assert _opened(path, labels=LABELS[::-1]).label_names == LABELS[::-1]
    assert _opened(path, known=(*LABELS, "neither")[::-1]).label_names == LABELS  # another set of classes
    master = _opened(path, known=LABELS[::-1])
    assert master.label_names == LABELS[::-1]
    assert np.allclose(_read(master, tmp_path), [row[::-1] for row in WANTED], atol=1e-6)


def test_bare_labels_are_a_peak(tmp_path: Path) -> None:
    """By hand: 0.9 for the label and 0.05 for each of two others."""
    rows = [{"text": "good film", "label": "positive"}, {"text": "awful film", "label": "negative"}]
    master = _opened(write_rows(tmp_path / "answers.jsonl", rows), labels=(*LABELS, "neither"))
    assert np.allclose(_read(master, tmp_path), [[0.05, 0.9, 0.05], [0.9, 0.05, 0.05]], atol=1e-6)


def test_pairs_are_found_by_both_texts(tmp_path: Path) -> None:
    """A failure would give all pairs of one question the same answer."""
    rows = [{"text": "a", "text_pair": pair, "label": name} for pair, name in (("b", "negative"), ("c", "positive"))]
    master = _opened(write_rows(tmp_path / "answers.jsonl", rows))
    examples = Examples(("a", "a"), ("c", "b"), None, LABELS)
    store = master.label(examples, tmp_path, settings=TeacherTable(), part_name="x", judges=True).store
    assert store.read(examples.text_fingerprints).logits.argmax(axis=1).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("rows", "error", "told"),
    [
        ([], DataError, "holds no answers"),
        ([{"text": "a", "note": "b"}], DataError, "has no answers: its columns are 'text', 'note'"),
        ([{"text": None, "label": "x"}], DataError, "answer 1: expected a text in 'text', got None"),
        ([{"text": "a", "label": "x"}], LabelError, "knows 1 label; a classifier has two"),
        ([{"text": "a", "probabilities": [0.5, 0.5]}], LabelError, "numbers without the names of their labels"),
        (
            [{"text": "a", "probabilities": {"x": 0.5, "y": 0.5}}, {"text": "b", "probabilities": {"x": 1.0}}],
            LabelError,
            "answer 2: expected a number for each of x, y, got {'x': 1.0}",
        ),
        (
            [{"text": "a", "probabilities": {"x": 0.5, "y": 0.9}}],
            TeacherError,
            "gave no probabilities in 1 of 1 answers: number 1 sums to 1.4",
        ),
        (
            [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}, {"text": "a", "label": "y"}],
            DataError,
            "two answers that differ to the text 'a', as answers number 1 and 3",
        ),
    ],
)
def test_files_that_cannot_be_used(rows: list[Any], error: type[LimbeckError], told: str, tmp_path: Path) -> None:
    """A failure would start a run that learns from nothing, or from rubbish."""
    with pytest.raises(error, match=told):
        _opened(write_rows(tmp_path / "answers.jsonl", rows))


def _answers(path: Path, texts: Iterable[str]) -> Path:
    rows = [{"text": text, "probabilities": dict(zip(LABELS, chances(text), strict=True))} for text in texts]
    return write_rows(path, rows)


def test_a_text_to_learn_from_may_lack_an_answer_one_to_judge_by_may_not(tmp_path: Path) -> None:
    """A failure would stop a run for one training text, or judge a student on texts that nobody answered."""
    master = _opened(_answers(tmp_path / "answers.jsonl", TEXTS))
    examples = Examples((*TEXTS, "new film"), None, None, LABELS)
    events = Events()
    labelled = master.label(
        examples, tmp_path, settings=TeacherTable(), part_name="training texts", judges=False, progress=events
    )
    assert labelled.store.unanswered(examples.text_fingerprints) == [2]
    note = "answers.jsonl has no answer to 1 text of 3 to learn from; it is left out."
    assert (labelled.record.notes, events.sentences, labelled.record.n_unanswered) == ((note,), [note], 1)
    with pytest.raises(DataError, match=r"no answer to 1 of the 3 texts of the part held_out; the first is 'new film'"):
        _read(master, tmp_path, examples.texts)
    with pytest.raises(DataError, match="has an answer to none of the 1 texts"):
        master.prepare({"held_out": examples.take([2])}, tmp_path)


def test_a_student_learns_from_saved_answers(tmp_path: Path) -> None:
    """A failure would leave out everybody whose teacher is another team's log file."""
    texts = [row["text"] for row in labelled_rows()]
    answers = _answers(tmp_path / "answers.jsonl", texts)
    changes = {"epochs": 15, "augment": None, "weights": {"true_labels": 0.0}}
    events = Events()
    given: dict[str, Any] = {"out": tmp_path / "run", "signals": tmp_path / "s", "progress": events}
    run = compress(answers, data(tmp_path), recipe=recipe(tmp_path, distill=changes), **given)
    assert "No texts are made up for this teacher: it cannot be asked about them." in events.sentences
    assert run.record.labelling.n_texts == len(texts)
    assert run.record.teacher["name"] == "answers.jsonl"
    assert next(model for model in run.verdict.models if model.name.startswith("artifact")).agreement.value > 0.7
    for distill, told in (
        ({"augment": 1.0}, "asks for made-up texts, and .*answers.jsonl answers no other texts"),
        ({"augment": None, "weights": {"last_hidden": 1.0}}, "the teacher shows no hidden states"),
        ({"augment": None, "weights": {"soft_labels": 0, "true_labels": 0}}, "so nothing would be learned"),
    ):
        with pytest.raises(RecipeError, match=told):
            compress(answers, data(tmp_path), recipe=recipe(tmp_path, distill=distill), out=tmp_path / "b")
    with pytest.raises(RecipeError, match=r"student\.encoder is not given"):
        compress(answers, data(tmp_path), recipe=Recipe(), out=tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_what_predict_prints_is_a_file_of_answers(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would make the one format that limbeck writes one that it cannot read."""
    import io

    import limbeck

    model = limbeck.load(walked.run.artifact)
    printed = predict_lines(model, io.BytesIO("\n".join(TEXTS).encode()))
    path = write_rows(tmp_path / "answers.jsonl", [one.as_json(model.label_names, in_full=True) for one in printed])
    assert np.allclose(_read(_opened(path), tmp_path), probabilities(model.logits(TEXTS).values), atol=1e-4)
