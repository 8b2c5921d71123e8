"""Tasks that answer for words and tokens through the whole walk: taught, compressed, judged, sealed, answering."""

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

import limbeck
from limbeck.errors import DataError
from limbeck.pipeline import Run, compress
from limbeck.recipe.knobs import Recipe
from limbeck.records.verdict import ARTIFACT, TEACHER
from limbeck.report import model_card
from limbeck.runtime import predict_lines
from limbeck.teaching import teach
from limbeck.verification import verify
from small_run import SETTINGS, write_rows
from tagged_words import N_TEXTS, NAMES, PLAIN, tagged_rows
from tiny import write_teacher

LONG = 40


def question_rows() -> list[dict[str, Any]]:
    """Who or when, of a context that names a person, a time, or neither; some contexts are longer than a window."""
    draw = random.Random(3)
    rows: dict[str, dict[str, Any]] = {}
    while len(rows) < N_TEXTS:
        words = draw.choices(PLAIN, k=draw.choice([5, 8, LONG]))
        asked = draw.choice(["person", "time"])
        for kind in ("person", "time"):
            if kind != asked or draw.random() < 0.7:
                words.insert(draw.randint(0, len(words)), draw.choice(NAMES[kind]))
        context = " ".join(words)
        found = [word for word in words if word in NAMES[asked]]
        answers = [{"text": word, "answer_start": len(" ".join(["", *words[: words.index(word)]]))}
                   for word in found[:1]]  # fmt: skip
        question = {"person": "who is it", "time": "when is it"}[asked]
        rows.setdefault(question + context, {"question": question, "context": context, "answers": answers})
    return list(rows.values())


def _walked(
    root: Path, task: str, rows: list[dict[str, Any]], *, epochs: int, made_up: float | None = None, **data: Any
) -> Run:
    teach_settings = {"epochs": epochs, "patience": epochs, "batch_size": 16, "learning_rate": 3e-3}
    recipe = Recipe.from_dict({**SETTINGS, "task": task, "data": data, "teach": teach_settings})
    source = write_rows(root / "texts.jsonl", rows)
    taught = teach(write_teacher(root / "encoder"), source, out=root / "taught", recipe=recipe)
    distill = {name: value for name, value in SETTINGS["distill"].items() if name != "augment"} | {"epochs": epochs}
    if made_up is not None:
        distill["augment"] = made_up
    found = Recipe.from_dict({**SETTINGS, "data": data, "distill": distill})  # a teacher says what it was made for
    return compress(taught.folder, source, out=root / "run", recipe=found, signals=root / "signals")


@pytest.fixture(scope="module")
def tags(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a teacher of names."""
    return _walked(tmp_path_factory.mktemp("tags"), "token-classification", tagged_rows(), epochs=8)


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run of a teacher of questions, in windows of 24 tokens."""
    root = tmp_path_factory.mktemp("questions")
    return _walked(root, "question-answering", question_rows(), epochs=40, made_up=0.5, max_tokens=24,
                   window_overlap=8, no_answer_threshold=0.0)  # fmt: skip


def _scores(run: Run, name: str) -> Any:
    return next(model for model in run.verdict.models if model.name.startswith(name))


def test_a_run_of_tags_is_judged_by_spans(tags: Run) -> None:
    """The F1 is worked out here from what the artifact answers; a failure would judge other words than it reads."""
    assert tags.verdict.task == tags.record.recipe["task"] == "token-classification"
    model, rows = limbeck.load(tags.artifact), tagged_rows()
    found = verify(tags.artifact, tags.folder.parent / "texts.jsonl").models[0]
    counts = [0, 0]
    for row, answer in zip(rows, model([row["tokens"] for row in rows]), strict=True):
        wanted = {("person", word) for word in row["tokens"] if word in NAMES["person"]} | {
            ("time", f"at {word}") for word in row["tokens"] if word in NAMES["time"]
        }
        given = {(span.label, span.text) for span in answer.spans}
        counts = [counts[0] + 2 * len(wanted & given), counts[1] + len(wanted) + len(given)]
    assert found.score is not None
    assert found.score.value == pytest.approx(counts[0] / counts[1])
    assert found.score.interval.low < found.score.value < found.score.interval.high or found.score.value == 1.0
    assert _scores(tags, TEACHER).score.value > 0.9
    assert _scores(tags, ARTIFACT).agreement.value > 0.8


def test_a_run_of_questions_is_judged_by_answers(questions: Run) -> None:
    """Answers in long contexts lie behind the first window; a failure would find none of them."""
    assert questions.verdict.task == "question-answering"
    model, rows = limbeck.load(questions.artifact), question_rows()
    found = verify(questions.artifact, questions.folder.parent / "texts.jsonl").models[0]
    answers = model([row["question"] for row in rows], [row["context"] for row in rows])
    right = [
        answer.text == "".join(one["text"] for one in row["answers"]) for row, answer in zip(rows, answers, strict=True)
    ]
    assert found.score is not None
    assert found.score.value >= sum(right) / len(right) - 1e-9  # half an answer earns something too
    assert _scores(questions, TEACHER).score.value > 0.7
    assert _scores(questions, ARTIFACT).agreement.value > 0.6
    declined = [answer.text == "" for answer in answers]
    assert 0 < sum(declined) < len(rows) / 2
    far = [is_right for row, is_right in zip(rows, right, strict=True)
           if row["answers"] and row["answers"][0]["answer_start"] > 120]  # fmt: skip
    assert len(far) > 5
    assert sum(far) / len(far) > 0.5
    for row, answer in zip(rows, answers, strict=True):
        if answer.start is not None:
            assert row["context"][answer.start : answer.end] == answer.text


def test_plain_text_is_answered_with_characters(tags: Run) -> None:
    """A failure would point a character or more beside the name."""
    text = "Call mum, play the  song at\tseven!"
    found = {span.label: span for span in limbeck.load(tags.artifact)(text)[0].spans}
    assert text[found["person"].start : found["person"].end] == found["person"].text == "mum"
    assert text[found["time"].start : found["time"].end] == found["time"].text == "at\tseven"


def test_lines_of_words_and_questions(tags: Run, questions: Run) -> None:
    """A failure would refuse the very rows that the model was made from."""
    lines = b'{"tokens": ["call", "mum"]}\n{"text": "call mum."}\n'
    one, two = (
        row.as_json(()) for row in predict_lines(limbeck.load(tags.artifact), io.BytesIO(lines), json_lines=True)
    )
    assert one["words"] == ["call", "mum"]
    assert [span["text"] for span in one["spans"]] == [span["text"] for span in two["spans"]] == ["mum"]
    row = json.dumps({"question": "who is it", "context": "play the song dad"}).encode()
    found = next(predict_lines(limbeck.load(questions.artifact), io.BytesIO(row), json_lines=True)).as_json(())
    assert (found["question"], found["answer"], found["start"], found["end"]) == ("who is it", "dad", 14, 17)
    with pytest.raises(DataError, match="Expected a context for each question"):
        list(predict_lines(limbeck.load(questions.artifact), io.BytesIO(b"who is it\n")))


@pytest.mark.parametrize("name", ["tags", "questions"])
def test_a_teacher_is_asked_again_elsewhere(name: str, request: pytest.FixtureRequest) -> None:
    """Answers of the very teacher, asked anew, must be those that the run was judged by."""
    run: Run = request.getfixturevalue(name)
    root = run.folder.parent
    asked = verify(
        run.artifact, root / "texts.jsonl", teacher_source=root / "taught" / "teacher", signals=root / "none"
    )
    agreement = next(model.agreement for model in asked.models if model.name.startswith(ARTIFACT))
    assert agreement is not None
    assert agreement.value > 0.6


@pytest.mark.parametrize("name", ["tags", "questions"])
def test_texts_without_labels_are_enough(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The teacher's answers are what is learned; a failure would ask for tags that nobody gave."""
    run: Run = request.getfixturevalue(name)
    rows = [{key: value for key, value in row.items() if key not in {"tags", "answers"}}
            for row in (tagged_rows() if name == "tags" else question_rows())]  # fmt: skip
    data = {"max_tokens": 24, "no_answer_threshold": 0.0}
    recipe = Recipe.from_dict({**SETTINGS, "data": data, "distill": {"epochs": 1, "evaluations": 1}})
    teacher = run.folder.parent / "taught" / "teacher"
    found = compress(teacher, write_rows(tmp_path / "texts.jsonl", rows), out=tmp_path / "run", recipe=recipe,
                     signals=tmp_path / "signals")  # fmt: skip
    assert found.verdict.models[0].score is None
    assert _scores(found, ARTIFACT).agreement is not None


@pytest.mark.parametrize("name", ["tags", "questions"])
def test_narrower_students_of_chosen_layers(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """What each part is worth is measured by the answers to words and windows, padding left out."""
    run: Run = request.getfixturevalue(name)
    root = run.folder.parent
    recipe = Recipe.from_dict(
        {
            **SETTINGS,
            "data": {"max_tokens": 24, "window_overlap": 8, "no_answer_threshold": 0.0},
            "student": {"layers": 2, "choose": "by_loss", "intermediate_size": 24, "hidden_size": 24},
            "distill": {"epochs": 1, "evaluations": 1, "baseline": False, "weights": {"layer_hidden": 1.0}},
        }
    )
    found = compress(root / "taught" / "teacher", root / "texts.jsonl", out=tmp_path / "run", recipe=recipe,
                     signals=root / "signals")  # fmt: skip
    cut = found.record.cut
    assert cut is not None
    assert (cut.chosen, len(cut.removals)) == ("by_loss", 2)
    assert all(0.0 < share.importance < 1.0 for share in cut.widths)
    assert found.record.shapes["student"]["hidden_size"] == 24
    assert "last_hidden" in found.record.trainings[0].curve[-1].losses


@pytest.mark.parametrize("name", ["tags", "questions"])
def test_the_pages_speak_of_this_task(name: str, request: pytest.FixtureRequest) -> None:
    """A failure would tell a reader of accuracy, or print a card whose code asks for classes."""
    run: Run = request.getfixturevalue(name)
    words = {"tags": ("Span F1", "AutoModelForTokenClassification"),
             "questions": ("Answer F1", "AutoModelForQuestionAnswering")}[name]  # fmt: skip
    page, card = run.report.read_text(encoding="utf-8"), model_card(run.record, name="a-model")
    assert words[0] in page
    assert all(word in card for word in words)
    assert f'pipeline("{run.verdict.task}"' in card
    further = {"tags": ("Precision", "Recall"), "questions": ("Exact match",)}[name]
    assert all(word in page and f"*{word.lower()}* of the artifact" in card for word in further)
    for text in (page, card):
        assert "ccuracy" not in text
    for answer in run.verdict.changed_answers[:3]:
        assert answer.teacher_label.split(":")[0] in page


def test_questions_without_answers_need_a_threshold(tmp_path: Path) -> None:
    """A model that may not decline would be taught a wrong answer for each of them."""
    data = write_rows(tmp_path / "texts.jsonl", question_rows())
    with pytest.raises(DataError, match="training questions have no answer, and the recipe says that every question"):
        teach(write_teacher(tmp_path / "encoder"), data, out=tmp_path / "out",
              recipe=Recipe.from_dict({"task": "question-answering"}))  # fmt: skip


def test_made_up_questions_are_answered_too(questions: Run) -> None:
    """A student of few questions would learn these by heart."""
    (student,) = (one for one in questions.record.trainings if one.name == "student")
    n_given = int(questions.record.data["train"])
    assert student.n_texts - n_given == round(0.5 * n_given) > 20


@pytest.mark.parametrize("name", ["tags", "questions"])
def test_training_texts_are_answered_once_and_by_the_teacher_beside_the_student(
    name: str, request: pytest.FixtureRequest
) -> None:
    """A teacher that computes its last states for every step anyway would be asked twice about each text."""
    run: Run = request.getfixturevalue(name)
    labelling = run.record.labelling
    assert labelling.n_texts == int(run.record.data["validation"]) + int(run.record.data["held_out"])
    assert "the teacher computes its last states of training texts as training goes" in labelling.kept[0]
    (student,) = (one for one in run.record.trainings if one.name == "student")
    assert student.curve[0].losses.keys() >= {"soft_labels", "last_hidden"}
