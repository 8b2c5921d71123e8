"""A large language model as a teacher, called over HTTP at a real server on this machine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_asking import EXAMPLES, TEXTS, WANTED, label, shares, teacher
from chat_server import ChatServer, Failure

from limbeck.errors import LabelError, RecipeError, TeacherError
from limbeck.recipe.knobs import Recipe
from limbeck.teacher import http_calls, journal
from limbeck.teacher.opening import open_teacher
from limbeck.text.examples import Examples
from small_run import LABELS
from watching import Events

PRICES = {"price_per_million_input_tokens": 1.0, "price_per_million_output_tokens": 10.0}


def test_answers_are_the_probabilities_of_tokens(server: ChatServer, tmp_path: Path) -> None:
    """A failure would teach a certainty that the model does not have. By twin: what the server drew its tokens from."""
    events = Events()
    labelled = label(teacher(server), tmp_path, progress=events)
    assert np.allclose(shares(labelled), WANTED, atol=1e-3)
    assert (labelled.record.n_asked, labelled.record.n_found, labelled.record.n_unanswered) == (24, 0, 0)
    assert labelled.record.notes == ("texts: 24 calls to some-model, 1,200 tokens in and 120 out.",)
    assert events.bars == [("some-model labels texts", 24, "texts", 0, 24)]
    assert len(server.requests) == 24


def test_a_second_run_calls_nothing(server: ChatServer, tmp_path: Path) -> None:
    """A failure would pay twice."""
    first = label(teacher(server), tmp_path)
    again = teacher(server, concurrency=2, timeout_seconds=5.0, api_key_env="LIMBECK_TEST_NO_SUCH_KEY")
    events = Events()
    again.prepare({"texts": EXAMPLES}, tmp_path, progress=events)
    record = label(again, tmp_path, progress=events).record
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
    master = teacher(server)
    parts = [EXAMPLES.take(range(12)), EXAMPLES.take(range(12, 24))]
    found = [shares(label(master, tmp_path, part), part) for part in parts]
    peaks = [[0.9 if share == max(row) else 0.1 for share in row] for row in WANTED]
    assert np.allclose(np.concatenate(found), WANTED if logprobs else peaks, atol=1e-3)
    assert len(server.requests) == 24 + n_refused


def test_pairs_are_asked_as_pairs(server: ChatServer, tmp_path: Path) -> None:
    """A failure would leave out the second text."""
    pairs = Examples(("a", "a"), ("good", "bad"), None, LABELS)
    found = shares(label(teacher(server), tmp_path, pairs), pairs)
    assert found.argmax(axis=1).tolist() == [1, 0]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_the_limit_of_calls_at_once_is_held(concurrency: int, server: ChatServer, tmp_path: Path) -> None:
    """A failure would have the account throttled, or use a tenth of what was allowed."""
    server.wait_seconds = 0.05
    label(teacher(server, concurrency=concurrency), tmp_path)
    assert server.most_at_once == concurrency


def test_the_cost_is_told_before_the_first_call(server: ChatServer, tmp_path: Path) -> None:
    """By hand: texts and prompt in bytes / 4, 8 tokens an answer, at 1 and 10 a million."""
    events = Events()
    master = teacher(server, **PRICES)
    master.prepare({"a": EXAMPLES.take(range(20)), "b": EXAMPLES.take(range(4, 24))}, tmp_path, progress=events)
    assert server.requests == []
    around = len(str(master.question.body("", None, way=master.question.ways[0])["messages"]).encode())
    tokens = (sum(len(text.encode()) for text in TEXTS) + 24 * around) / 4
    cost = (tokens * 1.0 + 24 * 8 * 10.0) / 1e6
    assert events.sentences == [
        f"24 calls to {master.name}: about {tokens:,.0f} tokens in and 192 out, at 4 bytes a token in and 8 tokens an "
        f"answer; {cost:.2f} at the given prices."
    ]


def test_more_than_the_limit_is_refused_before_the_first_call(server: ChatServer, tmp_path: Path) -> None:
    """A failure would spend what was not granted."""
    master = teacher(server, max_cost=0.001, **PRICES)
    with pytest.raises(RecipeError, match=r"24 calls to .* The limit, teacher\.chat\.max_cost, is 0\.001\."):
        master.prepare({"texts": EXAMPLES}, tmp_path)
    assert server.requests == []
    with pytest.raises(RecipeError, match="max_cost needs price_per_million_input_tokens and"):
        teacher(server, max_cost=1.0)


def test_the_limit_holds_where_an_estimate_was_wrong(server: ChatServer, tmp_path: Path) -> None:
    """A failure would let a model that thinks aloud spend without end. By hand: each call costs 0.1; five are 0.5."""
    server.usage = {"prompt_tokens": 0, "completion_tokens": 10_000}
    master = teacher(server, max_cost=0.5, concurrency=1, **PRICES)
    master.prepare({"texts": EXAMPLES}, tmp_path)
    with pytest.raises(
        TeacherError, match=r"5 calls to .* have cost 0\.50; the limit, teacher\.chat\.max_cost, is 0\.5"
    ):
        label(master, tmp_path)
    assert len(server.requests) == 5
    assert label(teacher(server), tmp_path).record.n_found == 5


def test_the_key_is_sent_and_kept_nowhere(server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would put a secret into a folder that is copied, or on a screen that is shared."""
    secret = "sk-limbeck-test-secret"
    monkeypatch.setenv("LIMBECK_TEST_KEY", secret)
    master = teacher(server, api_key_env="LIMBECK_TEST_KEY")
    label(master, tmp_path)
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {secret}"}
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()
    assert secret not in f"{master!r} {master.told} {http_calls.Caller('http://x', secret, 1.0, 0)!r}"
    server.fail = lambda text, number: Failure(401, body=json.dumps({"error": {"message": f"bad key {secret}"}}))
    with pytest.raises(TeacherError, match=r"bad key \*\*\*"):
        label(master, tmp_path / "other")
    monkeypatch.delenv("LIMBECK_TEST_KEY")
    with pytest.raises(TeacherError, match=r"The environment variable LIMBECK_TEST_KEY, .* holds no key"):
        master.prepare({"texts": EXAMPLES}, tmp_path / "third")


def test_an_answer_is_on_the_disk_before_the_next_call(server: ChatServer, tmp_path: Path) -> None:
    """A failure would lose paid answers to a kill. The server looks into the journal whenever it is called."""
    master = teacher(server, concurrency=1)
    path = master._store(tmp_path).folder / journal.JOURNAL_FILE
    seen: list[tuple[int, int]] = []

    def look(text: str, number: int) -> Failure | None:
        seen.append((sum(server.answered.values()), path.read_bytes().count(b"\n") if path.exists() else 0))
        return None

    server.fail = look
    label(master, tmp_path)
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
    found = open_teacher(server.url, recipe=table, work=Path(), known_labels=lambda _task: LABELS)
    assert found.label_names == LABELS
    with pytest.raises(LabelError, match="The labels that m is to choose from are not known"):
        open_teacher(server.url, recipe=table, work=Path())


def test_what_answers_depend_on_is_in_the_fingerprint(server: ChatServer) -> None:
    """A failure would mix the answers to two questions, or pay anew because a timeout was raised."""
    same = {"concurrency": 3, "timeout_seconds": 9.0, "max_retries": 1, "api_key_env": "KEY", "max_cost": 1, **PRICES}
    assert teacher(server).fingerprint == teacher(server, **same).fingerprint
    others: list[dict[str, Any]] = [
        {"model": "other"},
        {"instructions": "Choose."},
        {"descriptions": {"negative": "bad"}},
        {"parameters": {"temperature": 1}},
        {"labels": LABELS[::-1]},
    ]
    assert len({teacher(server, **other).fingerprint for other in others} | {teacher(server).fingerprint}) == 6


def test_an_address_may_have_a_path_and_a_version(server: ChatServer, tmp_path: Path) -> None:
    """Some services want ?api-version=...; a failure would cut it off or put the path behind it."""
    server.url += "/chat/completions?api-version=1"
    assert teacher(server).url == server.url
    assert label(teacher(server), tmp_path, EXAMPLES.take([0])).record.n_asked == 1
