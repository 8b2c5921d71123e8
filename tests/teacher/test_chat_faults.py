"""All that goes wrong between a run and a language model over HTTP, at a real server on this machine."""

import email.utils
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from chat_asking import EXAMPLES, TEXTS, WANTED, label, shares, teacher
from chat_server import ChatServer, Failure, serving

from limbeck.errors import OutputError, TeacherError
from limbeck.teacher import http_calls, journal
from limbeck.teacher.answering import key_of_answers
from limbeck.teacher.signals import SignalStore


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
    labelled = label(teacher(server, timeout_seconds=0.5), tmp_path)
    assert np.allclose(shares(labelled), WANTED, atol=1e-3)
    assert len(server.requests) == 28
    assert set(server.answered.values()) == {1}


def test_a_retry_after_is_waited_for(server: ChatServer, tmp_path: Path) -> None:
    """A failure would hammer a server that has asked for rest, and be shut out."""
    moments: list[float] = []

    def fail(text: str, number: int) -> Failure | None:
        moments.append(time.monotonic())
        return Failure(429, headers={"Retry-After": "1"}) if number == 1 else None

    server.fail = fail
    label(teacher(server), tmp_path, EXAMPLES.take([0]))
    assert moments[1] - moments[0] >= 1.0
    in_a_second = email.utils.formatdate(time.time() + 2, usegmt=True)
    assert 0.0 < http_calls._seconds(in_a_second) <= 2.0
    assert http_calls._seconds("soon") == http_calls._seconds("-3") == 0.0


def test_patience_ends_and_what_was_answered_is_kept(server: ChatServer, tmp_path: Path) -> None:
    """A failure would hang for ever, or lose what was paid for."""
    server.fail = lambda text, number: Failure(503, body="still busy") if text == TEXTS[-1] else None
    master = teacher(server, max_retries=2, concurrency=1)
    with pytest.raises(
        TeacherError, match=r"gave no answer in 3 attempts; the last one: HTTP 503 still busy\..*(?s:.*)Every answer"
    ):
        label(master, tmp_path)
    assert len(server.requests) == 23 + 3
    server.fail = lambda text, number: None
    record = label(teacher(server), tmp_path).record
    assert (record.n_found, record.n_asked) == (23, 1)
    assert set(server.answered.values()) == {1}


def test_a_rest_of_an_hour_is_not_waited_for(server: ChatServer, tmp_path: Path) -> None:
    """A failure would look like a hang."""
    server.fail = lambda text, number: Failure(429, headers={"Retry-After": "3600"})
    with pytest.raises(TeacherError, match=r"gave no answer in 1 attempt; the last one: HTTP 429 out of order"):
        label(teacher(server), tmp_path)
    assert len(server.requests) == 1


def test_no_server_is_told(tmp_path: Path) -> None:
    """A failure would be a traceback of urllib."""
    with serving(ChatServer()) as gone:
        pass
    with pytest.raises(TeacherError, match=r"gave no answer in 2 attempts; the last one: no connection \(.*refused"):
        label(teacher(gone, max_retries=1), tmp_path)


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
        label(teacher(server), tmp_path)
    assert hint in caught.value.hint
    assert len(server.requests) == n_calls


def test_a_key_that_expires_stops_all_calls(server: ChatServer, tmp_path: Path) -> None:
    """A failure would go on through thousands of texts that cannot be answered any more."""
    server.fail = lambda text, number: Failure(401) if sum(server.answered.values()) >= 5 else None
    with pytest.raises(TeacherError, match="HTTP 401"):
        label(teacher(server, concurrency=2), tmp_path)
    assert 6 <= len(server.requests) <= 8
    server.fail = lambda text, number: None
    assert label(teacher(server), tmp_path).record.n_found >= 5
    assert set(server.answered.values()) == {1}


def test_another_kind_of_address_is_told(server: ChatServer, tmp_path: Path) -> None:
    """A failure would be a KeyError."""
    server.fail = lambda text, number: Failure(200, body='{"answer": 42}')
    with pytest.raises(TeacherError, match=r"gave an answer without choices: \{'answer': 42\}"):
        label(teacher(server), tmp_path)


def test_an_answer_outside_the_labels_is_asked_again(server: ChatServer, tmp_path: Path) -> None:
    """A failure would lose a text to one slip of the model."""
    server.say = lambda text, codes, number: "I would say it is good." if number < 3 and text == TEXTS[3] else None
    labelled = label(teacher(server), tmp_path)
    assert np.allclose(shares(labelled), WANTED, atol=1e-3)
    assert len(server.requests) == 26
    last = max(server.requests, key=lambda request: len(request["messages"]))["messages"]
    assert [message["content"] for message in last if message["role"] == "assistant"] == ["I would say it is good."] * 2


def test_a_text_without_a_label_is_counted_and_left_out(server: ChatServer, tmp_path: Path) -> None:
    """A failure would invent a label, or pay for the same refusal in every run."""
    server.say = lambda text, codes, number: "" if text == TEXTS[3] else None
    labelled = label(teacher(server), tmp_path)
    assert labelled.store.unanswered(EXAMPLES.text_fingerprints) == [3]
    assert labelled.record.n_unanswered == 1
    assert labelled.record.notes[-1] == "texts: some-model names no label for 1 text of 24; it is left out."
    assert len(server.requests) == 23 + 3
    again = label(teacher(server), tmp_path).record
    assert (again.n_asked, again.n_unanswered, len(server.requests)) == (0, 1, 26)


def test_a_text_that_the_address_will_not_take_is_left_out(server: ChatServer, tmp_path: Path) -> None:
    """A filter refuses single texts with a 400; a failure would stop every run at the same text."""
    server.fail = lambda text, number: Failure(400, body="against the rules") if text == TEXTS[5] else None
    labelled = label(teacher(server), tmp_path)
    assert labelled.store.unanswered(EXAMPLES.text_fingerprints) == [5]
    assert label(teacher(server), tmp_path).record.n_asked == 0
    assert len(server.requests) == 24


def test_too_many_texts_without_a_label_stop_the_run(server: ChatServer, tmp_path: Path) -> None:
    """A failure would pay for thousands of answers that nobody can use."""
    server.say = lambda text, codes, number: "Let me think about that" if text in TEXTS[2:] else None
    with pytest.raises(TeacherError, match=r"names no label for 2 of 24 texts; the last answer was 'Let me think") as e:
        label(teacher(server, concurrency=1), tmp_path)
    assert "max_unanswered" in e.value.hint
    assert len(server.requests) <= 2 + 3 * 3
    labelled = label(teacher(server, max_unanswered=1.0), tmp_path)
    assert labelled.record.n_unanswered == 22
    server.say = lambda text, codes, number: "hm" if text == TEXTS[0] else None
    with pytest.raises(TeacherError, match="names no label for 1 of 24"):
        label(teacher(server, max_unanswered=0.0), tmp_path / "strict")


def test_a_torn_journal_is_read_as_far_as_it_goes(server: ChatServer, tmp_path: Path) -> None:
    """A kill can stop a write in the middle of a line; a failure would not start again, or garble what follows."""
    master = teacher(server)
    store = SignalStore(tmp_path, key_of_answers(master.fingerprint, n_classes=2))
    names = EXAMPLES.text_fingerprints
    with journal.opened(store) as opened:
        opened.answered(names[0], np.array([1.0, 2.0], np.float32))
        opened.reject(names[1], "hm")
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


def test_threads_end_with_the_labelling(server: ChatServer, tmp_path: Path) -> None:
    """A failure would leave calls going on, and paid for, after an error was told."""
    server.fail = lambda text, number: Failure(403) if text == TEXTS[4] else None
    server.wait_seconds = 0.02
    before = threading.active_count()
    with pytest.raises(TeacherError, match="HTTP 403"):
        label(teacher(server, concurrency=4), tmp_path)
    n_requests = len(server.requests)
    time.sleep(0.1)
    assert len(server.requests) == n_requests
    assert sum(thread.name.startswith("ThreadPool") for thread in threading.enumerate()) == 0
    assert before >= 1
