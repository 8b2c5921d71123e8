"""A large language model as a teacher, called over HTTP at a real server on this machine, with all that goes wrong."""

import email.utils
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import ChatServer, Failure, serving

from limbeck.errors import LabelError, OutputError, RecipeError, TeacherError
from limbeck.examples import Examples
from limbeck.recipe import Recipe, TeacherTable
from limbeck.signals import SignalStore
from limbeck.tasks.classification import probabilities
from limbeck.teacher import http_calls, journal
from limbeck.teacher.answering import Labelled, key_of_answers
from limbeck.teacher.chat import ChatTeacher
from limbeck.teacher.chat_prompt import WAYS
from limbeck.teacher.opening import open_teacher
from other_teachers import chances
from small_run import LABELS, labelled_rows
from watching import Events

TEXTS = tuple(row["text"] for row in labelled_rows(24))
EXAMPLES = Examples(TEXTS, None, None, LABELS)
WANTED = [chances(text) for text in TEXTS]
PRICES = {"price_per_million_input_tokens": 1.0, "price_per_million_output_tokens": 10.0}


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait hundredths of a second between attempts, not halves."""
    monkeypatch.setattr(http_calls, "FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A server that answers everything well until a test says otherwise."""
    with serving(ChatServer()) as found:
        yield found


def _teacher(server: ChatServer, *, labels: Any = LABELS, **chat: Any) -> ChatTeacher:
    table = {"teacher": {"labels": labels, "chat": {"model": "some-model", **chat}}}
    found = open_teacher(server.url, recipe=Recipe.from_dict(table), work=Path())
    assert isinstance(found, ChatTeacher)
    return found


def _label(master: ChatTeacher, root: Path, examples: Examples = EXAMPLES, **given: Any) -> Labelled:
    return master.label(examples, root, settings=TeacherTable(), part_name="texts", judges=True, **given)


def _shares(labelled: Labelled, examples: Examples = EXAMPLES) -> Any:
    return probabilities(labelled.store.read(examples.text_fingerprints).logits)


def test_answers_are_the_probabilities_of_tokens(server: ChatServer, tmp_path: Path) -> None:
    """A failure would teach a certainty that the model does not have. By twin: what the server drew its tokens from."""
    events = Events()
    labelled = _label(_teacher(server), tmp_path, progress=events)
    assert np.allclose(_shares(labelled), WANTED, atol=1e-3)
    assert (labelled.record.n_asked, labelled.record.n_found, labelled.record.n_unanswered) == (24, 0, 0)
    assert labelled.record.notes == ("texts: 24 calls to some-model, 1,200 tokens in and 120 out.",)
    assert events.bars == [("some-model labels texts", 24, "texts", 0, 24)]
    assert len(server.requests) == 24


def test_a_second_run_calls_nothing(server: ChatServer, tmp_path: Path) -> None:
    """A failure would pay twice."""
    first = _label(_teacher(server), tmp_path)
    again = _teacher(server, concurrency=2, timeout_seconds=5.0, api_key_env="LIMBECK_TEST_NO_SUCH_KEY")
    events = Events()
    again.prepare({"texts": EXAMPLES}, tmp_path, progress=events)
    record = _label(again, tmp_path, progress=events).record
    assert (record.n_found, record.n_asked, events.sentences, events.bars) == (24, 0, [], [])
    assert len(server.requests) == 24
    assert [path.name for path in first.store.folder.glob("part-*")] == [
        path.name for path in again._store(tmp_path).folder.glob("part-*")
    ]


@pytest.mark.parametrize(
    ("schema", "logprobs", "n_refused"), [(True, True, 0), (False, True, 1), (True, False, 2), (False, False, 3)]
)
def test_what_the_address_understands_is_found_out_once(
    schema: bool, logprobs: bool, n_refused: int, server: ChatServer, tmp_path: Path
) -> None:
    """A failure would need the newest of APIs, or ask each text in vain first."""
    server.takes_schema, server.takes_logprobs = schema, logprobs
    master = _teacher(server)
    parts = [EXAMPLES.take(range(12)), EXAMPLES.take(range(12, 24))]
    found = [_shares(_label(master, tmp_path, part), part) for part in parts]
    peaks = [[0.9 if share == max(row) else 0.1 for share in row] for row in WANTED]
    assert np.allclose(np.concatenate(found), WANTED if logprobs else peaks, atol=1e-3)
    assert len(server.requests) == 24 + n_refused


def test_pairs_are_asked_as_pairs(server: ChatServer, tmp_path: Path) -> None:
    """A failure would leave out the second text."""
    pairs = Examples(("a", "a"), ("good", "bad"), None, LABELS)
    found = _shares(_label(_teacher(server), tmp_path, pairs), pairs)
    assert found.argmax(axis=1).tolist() == [1, 0]


@pytest.mark.parametrize(
    "failure",
    [
        Failure(429, headers={"Retry-After": "0"}),
        Failure(429),
        Failure(500),
        Failure(503, body="<html>busy</html>"),
        Failure(408),
        Failure(200, body='{"choices": [{"mess'),
        Failure(200, body="<html>a proxy</html>"),
        Failure(200, body="[]"),
        Failure(200, wait_seconds=1.0),
    ],
    ids=["429 with time", "429", "500", "503", "408", "torn JSON", "HTML", "no object", "timeout"],
)
def test_what_may_pass_is_tried_again(failure: Failure, server: ChatServer, tmp_path: Path) -> None:
    """A failure would end a night's labelling at the first hiccup."""
    server.fail = lambda text, number: failure if number == 1 and text in TEXTS[::6] else None
    labelled = _label(_teacher(server, timeout_seconds=0.5), tmp_path)
    assert np.allclose(_shares(labelled), WANTED, atol=1e-3)
    assert len(server.requests) == 28
    assert set(server.answered.values()) == {1}


def test_a_retry_after_is_waited_for(server: ChatServer, tmp_path: Path) -> None:
    """A failure would hammer a server that has asked for rest, and be shut out."""
    moments: list[float] = []

    def fail(text: str, number: int) -> Failure | None:
        moments.append(time.monotonic())
        return Failure(429, headers={"Retry-After": "1"}) if number == 1 else None

    server.fail = fail
    _label(_teacher(server), tmp_path, EXAMPLES.take([0]))
    assert moments[1] - moments[0] >= 1.0
    in_a_second = email.utils.formatdate(time.time() + 2, usegmt=True)
    assert 0.0 < http_calls._seconds(in_a_second) <= 2.0
    assert http_calls._seconds("soon") == http_calls._seconds("-3") == 0.0


def test_patience_ends_and_what_was_answered_is_kept(server: ChatServer, tmp_path: Path) -> None:
    """A failure would hang for ever, or lose what was paid for."""
    server.fail = lambda text, number: Failure(503, body="still busy") if text == TEXTS[-1] else None
    master = _teacher(server, max_retries=2, concurrency=1)
    with pytest.raises(
        TeacherError, match=r"gave no answer in 3 attempts; the last one: HTTP 503 still busy\..*(?s:.*)Every answer"
    ):
        _label(master, tmp_path)
    assert len(server.requests) == 23 + 3
    server.fail = lambda text, number: None
    record = _label(_teacher(server), tmp_path).record
    assert (record.n_found, record.n_asked) == (23, 1)
    assert set(server.answered.values()) == {1}


def test_a_rest_of_an_hour_is_not_waited_for(server: ChatServer, tmp_path: Path) -> None:
    """A failure would look like a hang."""
    server.fail = lambda text, number: Failure(429, headers={"Retry-After": "3600"})
    with pytest.raises(TeacherError, match=r"gave no answer in 1 attempt; the last one: HTTP 429 out of order"):
        _label(_teacher(server), tmp_path)
    assert len(server.requests) == 1


def test_no_server_is_told(tmp_path: Path) -> None:
    """A failure would be a traceback of urllib."""
    with serving(ChatServer()) as gone:
        pass
    with pytest.raises(TeacherError, match=r"gave no answer in 2 attempts; the last one: no connection \(.*refused"):
        _label(_teacher(gone, max_retries=1), tmp_path)


@pytest.mark.parametrize(
    ("status", "n_calls", "hint"),
    [
        (401, 1, "Check the key"),
        (403, 1, "may use this model"),
        (404, 1, "ends in /v1"),
        (302, 1, "Check the address"),
        (400, 4, "max_completion_tokens"),  # one for each way to ask
    ],
)
def test_what_will_not_pass_is_told_at_once(
    status: int, n_calls: int, hint: str, server: ChatServer, tmp_path: Path
) -> None:
    """A failure would knock a thousand times at a door that is shut."""
    server.fail = lambda text, number: Failure(status, headers={"Location": "http://127.0.0.1:9/stolen"})
    with pytest.raises(TeacherError, match=rf"refused the call: HTTP {status} out of order") as caught:
        _label(_teacher(server), tmp_path)
    assert hint in caught.value.hint
    assert len(server.requests) == n_calls


def test_a_key_that_expires_stops_all_calls(server: ChatServer, tmp_path: Path) -> None:
    """A failure would go on through thousands of texts that cannot be answered any more."""
    server.fail = lambda text, number: Failure(401) if sum(server.answered.values()) >= 5 else None
    with pytest.raises(TeacherError, match="HTTP 401"):
        _label(_teacher(server, concurrency=2), tmp_path)
    assert 6 <= len(server.requests) <= 8
    server.fail = lambda text, number: None
    assert _label(_teacher(server), tmp_path).record.n_found >= 5
    assert set(server.answered.values()) == {1}


def test_another_kind_of_address_is_told(server: ChatServer, tmp_path: Path) -> None:
    """A failure would be a KeyError."""
    server.fail = lambda text, number: Failure(200, body='{"answer": 42}')
    with pytest.raises(TeacherError, match=r"gave an answer without choices: \{'answer': 42\}"):
        _label(_teacher(server), tmp_path)


def test_an_answer_outside_the_labels_is_asked_again(server: ChatServer, tmp_path: Path) -> None:
    """A failure would lose a text to one slip of the model."""
    server.say = lambda text, codes, number: "I would say it is good." if number < 3 and text == TEXTS[3] else None
    labelled = _label(_teacher(server), tmp_path)
    assert np.allclose(_shares(labelled), WANTED, atol=1e-3)
    assert len(server.requests) == 26
    last = max(server.requests, key=lambda request: len(request["messages"]))["messages"]
    assert [message["content"] for message in last if message["role"] == "assistant"] == ["I would say it is good."] * 2


def test_a_text_without_a_label_is_counted_and_left_out(server: ChatServer, tmp_path: Path) -> None:
    """A failure would invent a label, or pay for the same refusal in every run."""
    server.say = lambda text, codes, number: "" if text == TEXTS[3] else None
    labelled = _label(_teacher(server), tmp_path)
    assert labelled.store.unanswered(EXAMPLES.text_fingerprints) == [3]
    assert labelled.record.n_unanswered == 1
    assert labelled.record.notes[-1] == "texts: some-model names no label for 1 text of 24; it is left out."
    assert len(server.requests) == 23 + 3
    again = _label(_teacher(server), tmp_path).record
    assert (again.n_asked, again.n_unanswered, len(server.requests)) == (0, 1, 26)


def test_a_text_that_the_address_will_not_take_is_left_out(server: ChatServer, tmp_path: Path) -> None:
    """A filter refuses single texts with a 400; a failure would stop every run at the same text."""
    server.fail = lambda text, number: Failure(400, body="against the rules") if text == TEXTS[5] else None
    labelled = _label(_teacher(server), tmp_path)
    assert labelled.store.unanswered(EXAMPLES.text_fingerprints) == [5]
    assert _label(_teacher(server), tmp_path).record.n_asked == 0
    assert len(server.requests) == 24


def test_too_many_texts_without_a_label_stop_the_run(server: ChatServer, tmp_path: Path) -> None:
    """A failure would pay for thousands of answers that nobody can use."""
    server.say = lambda text, codes, number: "Let me think about that" if text in TEXTS[2:] else None
    with pytest.raises(TeacherError, match=r"names no label for 2 of 24 texts; the last answer was 'Let me think") as e:
        _label(_teacher(server, concurrency=1), tmp_path)
    assert "max_unanswered" in e.value.hint
    assert len(server.requests) <= 2 + 3 * 3
    labelled = _label(_teacher(server, max_unanswered=1.0), tmp_path)
    assert labelled.record.n_unanswered == 22
    server.say = lambda text, codes, number: "hm" if text == TEXTS[0] else None
    with pytest.raises(TeacherError, match="names no label for 1 of 24"):
        _label(_teacher(server, max_unanswered=0.0), tmp_path / "strict")


@pytest.mark.parametrize("concurrency", [1, 3])
def test_the_limit_of_calls_at_once_is_held(concurrency: int, server: ChatServer, tmp_path: Path) -> None:
    """A failure would have the account throttled, or use a tenth of what was allowed."""
    server.wait_seconds = 0.05
    _label(_teacher(server, concurrency=concurrency), tmp_path)
    assert server.most_at_once == concurrency


def test_the_cost_is_told_before_the_first_call(server: ChatServer, tmp_path: Path) -> None:
    """By hand: texts and prompt in bytes / 4, 8 tokens an answer, at 1 and 10 a million."""
    events = Events()
    master = _teacher(server, **PRICES)
    master.prepare({"a": EXAMPLES.take(range(20)), "b": EXAMPLES.take(range(4, 24))}, tmp_path, progress=events)
    assert server.requests == []
    around = len(str(master.question.body("", None, way=WAYS[0])["messages"]).encode())
    tokens = (sum(len(text.encode()) for text in TEXTS) + 24 * around) / 4
    cost = (tokens * 1.0 + 24 * 8 * 10.0) / 1e6
    assert events.sentences == [
        f"24 calls to {master.name}: about {tokens:,.0f} tokens in and 192 out, at 4 bytes a token in and 8 tokens an "
        f"answer; {cost:.2f} at the given prices."
    ]


def test_more_than_the_limit_is_refused_before_the_first_call(server: ChatServer, tmp_path: Path) -> None:
    """A failure would spend what was not granted."""
    master = _teacher(server, max_cost=0.001, **PRICES)
    with pytest.raises(RecipeError, match=r"24 calls to .* The limit, teacher\.chat\.max_cost, is 0\.001\."):
        master.prepare({"texts": EXAMPLES}, tmp_path)
    assert server.requests == []
    with pytest.raises(RecipeError, match="max_cost needs price_per_million_input_tokens and"):
        _teacher(server, max_cost=1.0)


def test_the_limit_holds_where_an_estimate_was_wrong(server: ChatServer, tmp_path: Path) -> None:
    """A failure would let a model that thinks aloud spend without end. By hand: each call costs 0.1; five are 0.5."""
    server.usage = {"prompt_tokens": 0, "completion_tokens": 10_000}
    master = _teacher(server, max_cost=0.5, concurrency=1, **PRICES)
    master.prepare({"texts": EXAMPLES}, tmp_path)
    with pytest.raises(
        TeacherError, match=r"5 calls to .* have cost 0\.50; the limit, teacher\.chat\.max_cost, is 0\.5"
    ):
        _label(master, tmp_path)
    assert len(server.requests) == 5
    assert _label(_teacher(server), tmp_path).record.n_found == 5


def test_the_key_is_sent_and_kept_nowhere(server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would put a secret into a folder that is copied, or on a screen that is shared."""
    secret = "sk-limbeck-test-secret"
    monkeypatch.setenv("LIMBECK_TEST_KEY", secret)
    master = _teacher(server, api_key_env="LIMBECK_TEST_KEY")
    _label(master, tmp_path)
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {secret}"}
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()
    assert secret not in f"{master!r} {master.told} {http_calls.Caller('http://x', secret, 1.0, 0)!r}"
    server.fail = lambda text, number: Failure(401, body=json.dumps({"error": {"message": f"bad key {secret}"}}))
    with pytest.raises(TeacherError, match=r"bad key \*\*\*"):
        _label(master, tmp_path / "other")
    monkeypatch.delenv("LIMBECK_TEST_KEY")
    with pytest.raises(TeacherError, match=r"The environment variable LIMBECK_TEST_KEY, .* holds no key"):
        master.prepare({"texts": EXAMPLES}, tmp_path / "third")


def test_a_torn_journal_is_read_as_far_as_it_goes(server: ChatServer, tmp_path: Path) -> None:
    """A kill can stop a write in the middle of a line; a failure would not start again, or garble what follows."""
    master = _teacher(server)
    store = SignalStore(tmp_path, key_of_answers(master.fingerprint, n_classes=2))
    names = EXAMPLES.text_fingerprints
    with journal.opened(store) as opened:
        opened.answered(names[0], np.array([1.0, 2.0], np.float32))
        opened.named_no_label(names[1], "hm")
        whole = opened.path.read_bytes()
        opened.path.write_bytes(whole + b'{"text": "' + names[2].encode()[:5])
        again = SignalStore(tmp_path, store.key)
        with pytest.raises(OutputError, match="Another limbeck is asking this teacher"), journal.opened(again):
            pass
    store = SignalStore(tmp_path, store.key)
    with journal.opened(store) as opened:
        assert opened.rejected == {names[1]: ["hm"]}
        opened.answered(names[2], np.array([3.0, 4.0], np.float32))
    store = SignalStore(tmp_path, store.key)
    assert store.read([names[0], names[2]]).logits.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert len(store) == 2
    with journal.opened(store) as opened:
        assert opened.path.read_bytes().count(b"\n") == 1


def test_an_answer_is_on_the_disk_before_the_next_call(server: ChatServer, tmp_path: Path) -> None:
    """A failure would lose paid answers to a kill. The server looks into the journal whenever it is called."""
    master = _teacher(server, concurrency=1)
    path = master._store(tmp_path).folder / journal.JOURNAL_FILE
    seen: list[tuple[int, int]] = []

    def look(text: str, number: int) -> Failure | None:
        seen.append((sum(server.answered.values()), path.read_bytes().count(b"\n") if path.exists() else 0))
        return None

    server.fail = look
    _label(master, tmp_path)
    assert seen == [(number, number) for number in range(24)]


@pytest.mark.parametrize(
    ("source", "chat", "error", "told"),
    [
        ("http://me:secret@127.0.0.1/v1", {"model": "m"}, RecipeError, "must be a plain one, without a password"),
        ("https:///v1", {"model": "m"}, RecipeError, "must be a plain one"),
        ("http://127.0.0.1/v1", {}, RecipeError, r"teacher\.chat\.model is not given"),
        (
            "http://127.0.0.1/v1",
            {"model": "m", "descriptions": {"neutral": "x"}},
            RecipeError,
            "descriptions describes 'neutral'; the labels are negative, positive",
        ),
    ],
)
def test_addresses_that_cannot_be_called(source: str, chat: Any, error: Any, told: str) -> None:
    """A failure would call the wrong place, or put a password into records."""
    table = Recipe.from_dict({"teacher": {"labels": LABELS, "chat": chat}})
    with pytest.raises(error, match=told) as caught:
        open_teacher(source, recipe=table, work=Path())
    assert "secret" not in str(caught.value)


def test_labels_come_from_the_data_where_nobody_names_them(server: ChatServer) -> None:
    """A failure would ask for labels that are told already, or choose from none."""
    table = Recipe.from_dict({"teacher": {"chat": {"model": "m"}}})
    found = open_teacher(server.url, recipe=table, work=Path(), known_labels=LABELS)
    assert found.label_names == LABELS
    with pytest.raises(LabelError, match="The labels that m is to choose from are not known"):
        open_teacher(server.url, recipe=table, work=Path())


def test_what_answers_depend_on_is_in_the_fingerprint(server: ChatServer) -> None:
    """A failure would mix the answers to two questions, or pay anew because a timeout was raised."""
    same = {"concurrency": 3, "timeout_seconds": 9.0, "max_retries": 1, "api_key_env": "KEY", "max_cost": 1, **PRICES}
    assert _teacher(server).fingerprint == _teacher(server, **same).fingerprint
    others: list[dict[str, Any]] = [
        {"model": "other"},
        {"instructions": "Choose."},
        {"descriptions": {"negative": "bad"}},
        {"parameters": {"temperature": 1}},
        {"labels": LABELS[::-1]},
    ]
    assert len({_teacher(server, **other).fingerprint for other in others} | {_teacher(server).fingerprint}) == 6


def test_an_address_may_have_a_path_and_a_version(server: ChatServer, tmp_path: Path) -> None:
    """Some services want ?api-version=...; a failure would cut it off or put the path behind it."""
    server.url += "/chat/completions?api-version=1"
    assert _teacher(server).url == server.url
    assert _label(_teacher(server), tmp_path, EXAMPLES.take([0])).record.n_asked == 1


def test_threads_end_with_the_labelling(server: ChatServer, tmp_path: Path) -> None:
    """A failure would leave calls going on, and paid for, after an error was told."""
    server.fail = lambda text, number: Failure(403) if text == TEXTS[4] else None
    server.wait_seconds = 0.02
    before = threading.active_count()
    with pytest.raises(TeacherError, match="HTTP 403"):
        _label(_teacher(server, concurrency=4), tmp_path)
    n_requests = len(server.requests)
    time.sleep(0.1)
    assert len(server.requests) == n_requests
    assert sum(thread.name.startswith("ThreadPool") for thread in threading.enumerate()) == 0
    assert before >= 1
