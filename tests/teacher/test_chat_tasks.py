"""Language models that are asked for sets of labels, numbers and scores, over HTTP at a real server on this machine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_asking import EXAMPLES, TEXTS, WANTED, label, logits, teacher
from chat_server import ChatServer, Failure

import limbeck
from limbeck.errors import LabelError, RecipeError, TeacherError
from limbeck.pipeline import compress
from limbeck.recipe.knobs import Recipe
from limbeck.tasks import multi_label
from limbeck.teacher import journal
from limbeck.teacher.answering import key_of_answers
from limbeck.teacher.chat import ChatTeacher
from limbeck.teacher.ensemble import ensemble_of
from limbeck.teacher.opening import open_teacher
from limbeck.teacher.signals import SignalStore
from limbeck.text.examples import Examples
from other_teachers import chances, recipe
from small_run import LABELS, labelled_rows, write_rows
from watching import Events

TOPICS = ("film", "music", "rain")
SCALE: dict[str, Any] = {"instructions": "Say how friendly the text is.", "scale": [1, 5]}


def _believed(text: str) -> list[float]:
    """Probabilities of three topics that do not exclude one another: none, some, or all are likely."""
    return [0.9 if len(text) % 2 else 0.2, 0.7 if len(text) % 3 else 0.4, 0.95 if "o" in text else 0.05]


PROBABILITIES = [_believed(text) for text in TEXTS]
PEAKS = [[0.9 if share >= 0.5 else 0.1 for share in row] for row in PROBABILITIES]


def _topics(server: ChatServer, **chat: Any) -> ChatTeacher:
    server.believe = _believed
    return teacher(server, labels=TOPICS, task="multi-label", **chat)


def _shares(master: ChatTeacher, root: Path, examples: Examples = EXAMPLES) -> Any:
    return multi_label.probabilities(logits(label(master, root, examples), examples))


def test_each_label_has_its_own_probability(server: ChatServer, tmp_path: Path) -> None:
    """A failure would make labels exclude one another, or teach a certainty that the model does not have."""
    master = _topics(server)
    assert (master.task, master.label_names) == ("multi-label", TOPICS)
    assert np.allclose(_shares(master, tmp_path), PROBABILITIES, atol=1e-3)
    assert len({tuple(share >= 0.5 for share in row) for row in PROBABILITIES}) > 3  # none is always or never given
    assert label(_topics(server), tmp_path).record.n_found == len(server.requests) == 24


@pytest.mark.parametrize("logprobs", [True, False])
@pytest.mark.parametrize("form", ["json_schema", "json_object", None])
def test_what_the_address_understands_is_found_out_once(
    form: str | None, logprobs: bool, server: ChatServer, tmp_path: Path
) -> None:
    """A failure would need the newest of APIs, or ask each text in vain first."""
    server.takes_schema, server.takes_object = form == "json_schema", form is not None
    server.takes_logprobs = logprobs
    assert np.allclose(_shares(_topics(server), tmp_path), PROBABILITIES if logprobs else PEAKS, atol=1e-3)
    n_refused = ["json_schema", "json_object", None].index(form) + (0 if logprobs else 3)
    assert len(server.requests) == 24 + n_refused
    assert server.requests[-1].get("response_format", {}).get("type") == form


def test_pairs_are_asked_as_pairs(server: ChatServer, tmp_path: Path) -> None:
    """A failure would leave out the second text."""
    pairs = Examples(("a", "a"), ("good", "bad"), None, LABELS)
    found = multi_label.probabilities(logits(label(teacher(server, task="multi-label"), tmp_path, pairs), pairs))
    assert np.allclose(found, [[0.05, 0.95], [0.95, 0.05]], atol=1e-3)


@pytest.mark.parametrize(
    "failure",
    [
        Failure(429, headers={"Retry-After": "0"}),
        Failure(500),
        Failure(200, body='{"choices": [{"mess'),
        Failure(200, wait_seconds=1.0),
    ],
    ids=["429", "500", "torn JSON", "timeout"],
)
@pytest.mark.parametrize("task", ["multi-label", "regression"])
def test_what_may_pass_is_tried_again(failure: Failure, task: str, server: ChatServer, tmp_path: Path) -> None:
    """A failure would end a night's labelling at the first hiccup."""
    server.fail = lambda text, number: failure if number == 1 and text in TEXTS[::6] else None
    master = teacher(server, task=task, timeout_seconds=0.5, **(SCALE if task == "regression" else {}))
    found = logits(label(master, tmp_path))
    if task == "regression":
        assert np.allclose(found[:, 0], [1 + 4 * positive for _, positive in WANTED], atol=1e-3)
    else:
        assert np.allclose(multi_label.probabilities(found), WANTED, atol=1e-3)
    assert len(server.requests) == 28
    assert set(server.answered.values()) == {1}


@pytest.mark.parametrize(
    "slip",
    [
        '{"A": true, "B": false, "C": false, "Z": true}',
        '{"A": true, "B": false}',
        '{"A": true, "B": fal',
        "film and rain",
    ],
    ids=["a label outside the set", "a label is missing", "torn JSON", "words"],
)
def test_half_an_answer_is_asked_again(slip: str, server: ChatServer, tmp_path: Path) -> None:
    """A failure would lose a text to one slip of the model, or take silence about a label for a no."""
    server.say = lambda text, codes, number: slip if number < 3 and text == TEXTS[3] else None
    assert np.allclose(_shares(_topics(server), tmp_path), PROBABILITIES, atol=1e-3)
    assert len(server.requests) == 26
    last = max(server.requests, key=lambda request: len(request["messages"]))["messages"]
    assert [message["content"] for message in last if message["role"] == "assistant"] == [slip] * 2


def test_a_text_without_an_answer_is_counted_and_left_out(server: ChatServer, tmp_path: Path) -> None:
    """A failure would invent labels, or pay for the same refusal in every run."""
    server.say = lambda text, codes, number: "{}" if text == TEXTS[3] else None
    labelled = label(_topics(server), tmp_path)
    assert labelled.store.unanswered(EXAMPLES.text_fingerprints) == [3]
    assert labelled.record.notes[-1] == (
        "texts: some-model does not say of every label whether it fits for 1 text of 24; it is left out."
    )
    again = label(_topics(server), tmp_path).record
    assert (again.n_asked, again.n_unanswered, len(server.requests)) == (0, 1, 23 + 3)


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("multi-label", "does not say of every label whether it fits for 2 of 24 texts; the last answer was 'hm', and "
                        "the labels are negative, positive"),
        ("regression", "gives no digit from 1 to 5 for 2 of 24 texts; the last answer was 'hm', and the digits go from "
                       "1 to 5"),
    ],
)  # fmt: skip
def test_too_many_texts_without_an_answer_stop_the_run(
    task: str, told: str, server: ChatServer, tmp_path: Path
) -> None:
    """A failure would pay for thousands of answers that nobody can use."""
    server.say = lambda text, codes, number: "hm" if text in TEXTS[2:] else None
    master = teacher(server, task=task, concurrency=1, **(SCALE if task == "regression" else {}))
    with pytest.raises(TeacherError, match=told):
        label(master, tmp_path)
    assert len(server.requests) <= 2 + 3 * 3


def test_the_estimate_counts_the_longer_answers(server: ChatServer, tmp_path: Path) -> None:
    """By hand: 2 tokens and 6 for each of three labels; and twice as many may be written."""
    prices = {"price_per_million_input_tokens": 0.0, "price_per_million_output_tokens": 1000.0}
    events = Events()
    _topics(server, **prices).prepare({"texts": EXAMPLES}, tmp_path, progress=events)
    assert events.sentences[0].endswith(
        "480 out, at 4 bytes a token in and 20 tokens an answer; 0.48 at the given prices."
    )
    assert server.requests == []
    assert _topics(server).question.parameters == {"temperature": 0, "max_tokens": 40}
    assert _topics(server, parameters={"effort": "low"}).question.parameters == {"effort": "low"}
    assert teacher(server).question.parameters == {"temperature": 0, "max_tokens": 16}


@pytest.mark.parametrize("logprobs", [True, False])
def test_numbers_are_on_their_scale(logprobs: bool, server: ChatServer, tmp_path: Path) -> None:
    """By twin: the mean of what the server drew its digit from; else the digit that it said."""
    server.takes_logprobs = logprobs
    master = teacher(server, task="regression", **SCALE)
    assert master.label_names == ("number",)
    said = [positive if logprobs else round(positive) for _, positive in WANTED]
    assert np.allclose(logits(label(master, tmp_path)), [[1 + 4 * share] for share in said], atol=1e-3)


def test_passages_are_graded(server: ChatServer, tmp_path: Path) -> None:
    """A failure would grade a passage without its query, or another passage in its place."""
    pairs = Examples(("q", "q", "r"), ("good", "bad", "good good"), None, ("number",))
    master = teacher(server, task="reranking")
    assert np.allclose(logits(label(master, tmp_path, pairs), pairs)[:, 0], [9 * 0.95, 9 * 0.05, 9 * 0.95], atol=1e-3)
    asked = {request["messages"][1]["content"] for request in server.requests}
    assert asked == {f"Query:\n{q}\n\nPassage:\n{p}" for q, p in zip(pairs.texts, pairs.text_pairs or (), strict=True)}


def test_a_torn_journal_keeps_sets_of_labels(server: ChatServer, tmp_path: Path) -> None:
    """A kill can stop a write in the middle of a line; a failure would pay for the whole ones again."""
    master = _topics(server)
    names = EXAMPLES.text_fingerprints
    store = SignalStore(tmp_path, key_of_answers(master.fingerprint, n_classes=3))
    with journal.opened(store) as opened:
        opened.answered(names[0], np.array([1.0, -2.0, 3.0], np.float32))
        opened.path.write_bytes(opened.path.read_bytes() + b'{"text": "' + names[1].encode()[:5])
    record = label(master, tmp_path).record
    assert (record.n_found, record.n_asked, len(server.requests)) == (1, 23, 23)


def test_each_task_has_its_own_answers(server: ChatServer) -> None:
    """A failure would take answers to one question for those to another; or pay again for those given before.

    The last one is what a version named a question for one label by that knew no other.
    """
    questions = [
        teacher(server),
        teacher(server, task="multi-label"),
        teacher(server, task="regression", **SCALE),
        teacher(server, task="regression", **SCALE | {"scale": [0, 5]}),
        teacher(server, task="reranking", **SCALE),
    ]
    assert len({master.fingerprint for master in questions}) == 5
    table = {"teacher": {"labels": LABELS, "chat": {"model": "some-model", "descriptions": {"negative": "bad"}}}}
    before = open_teacher("https://host/v1", recipe=Recipe.from_dict(table), work=Path())
    assert before.fingerprint == "d4a1f81526c31e374bd77be65aca2f47"


@pytest.mark.parametrize(
    ("task", "chat", "error", "told"),
    [
        ("regression", {"scale": [0, 1]}, RecipeError, r"teacher\.chat\.instructions is not given, and nothing else"),
        ("regression", {"instructions": "x"}, RecipeError, r"teacher\.chat\.scale is not given, and nothing else"),
        ("regression", {"scale": [1, 1]}, RecipeError, "scale holds the least number, then a greater one"),
        ("regression", {"scale": [0, 1e999]}, RecipeError, "scale holds the least number, then a greater one"),
        ("multi-label", {"scale": [0, 1]}, RecipeError, r"teacher\.chat\.scale is for numbers, and .* 'multi-label'"),
        ("auto", {"scale": [0, 1]}, RecipeError, r"teacher\.chat\.scale is for numbers, and .* 'classification'"),
        ("multi-label", {"descriptions": {"x": "y"}}, RecipeError, "describes 'x'; the labels are negative, positive"),
        (
            "regression",
            SCALE | {"descriptions": {"0": "y"}},
            RecipeError,
            "describes '0'; the digits go from 1 to 5",
        ),
        ("embeddings", {}, TeacherError, "classification, multi-label, regression, reranking, and .* 'embeddings'"),
        ("token-classification", {}, TeacherError, "can be asked .* task is 'token-classification'"),
    ],
)
def test_what_cannot_be_asked(task: str, chat: Any, error: Any, told: str, server: ChatServer) -> None:
    """A failure would call, and pay for, a question that makes no sense."""
    with pytest.raises(error, match=told):
        teacher(server, task=task, **chat)
    assert server.requests == []


def test_sets_of_labels_need_labels(server: ChatServer) -> None:
    """A failure would ask about no label at all."""
    with pytest.raises(LabelError, match="The labels that some-model is to choose from are not known"):
        teacher(server, labels=(), task="multi-label")


def test_a_member_of_an_ensemble_may_answer_with_sets(server: ChatServer, tmp_path: Path) -> None:
    """By hand: the mean of what both believe, label by label."""

    def half(texts: list[str], text_pairs: list[str] | None) -> Any:
        return [[0.5] * 3 for _ in texts]

    half.label_names, half.fingerprint, half.task = TOPICS, "v1", "multi-label"  # type: ignore[attr-defined]
    given = Recipe.from_dict({"task": "multi-label", "teacher": {"labels": TOPICS}})
    both = ensemble_of("both", [_topics(server), open_teacher(half, recipe=given, work=tmp_path)], (3.0, 1.0))
    found = both.label(EXAMPLES, tmp_path, settings=given.teacher, part_name="texts", judges=True)
    shares = multi_label.probabilities(logits(found))
    assert np.allclose(shares, 0.75 * np.array(PROBABILITIES) + 0.25 * 0.5, atol=1e-3)


def _rows(task: str) -> list[dict[str, Any]]:
    rows = labelled_rows(160)
    if task == "regression":
        return [{"text": row["text"], "score": 5 if row["label"] == "positive" else 1} for row in rows]
    return [
        {"query": f"query {number // 4}", "passage": row["text"], "grade": int(row["label"] == "positive")}
        for number, row in enumerate(rows)
    ]


@pytest.mark.parametrize("task", ["regression", "reranking"])
def test_a_whole_walk_with_numbers(task: str, server: ChatServer, tmp_path: Path) -> None:
    """A failure would stop where a part takes the teacher for one that chooses a label. By twin: what it drew from."""
    server.believe = lambda text: chances(text.rpartition("\n")[2])
    chat = {"model": "some-model", "instructions": "How friendly?", "scale": [1, 5]}
    given = recipe(tmp_path, teacher={"chat": chat}).model_copy(update={"task": task})
    data = write_rows(tmp_path / "rows.jsonl", _rows(task))
    run = compress(server.url, data, out=tmp_path / "run", recipe=given, signals=tmp_path / "signals")
    assert run.verdict.task == task
    told = {model.name.split(" ")[0]: model for model in run.verdict.models}
    assert told["teacher"].score is not None
    assert told["teacher"].score.value > 0.85  # it says what the rows say; ranks of two values only
    assert len(server.requests) == len(server.answered)
    assert limbeck.load(run.artifact).label_names == ("number",)
    n_requests = len(server.requests)
    verdict = limbeck.verify(run.artifact, data, teacher_source=server.url, signals=tmp_path / "signals")
    assert len(server.requests) == n_requests
    assert json.loads((run.folder / "run.json").read_text())["verdict"]["task"] == verdict.task
