"""A run that labels through calls that cost, killed with SIGKILL in the middle: no answered call is repeated."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chat_server import ChatServer, Failure, serving

from limbeck.teacher.journal import JOURNAL_FILE
from other_teachers import encoder
from small_run import FLAGS, labelled_rows, write_rows

N_ANSWERED = 37
RUN = "from limbeck.cli.main import run\nrun()\n"
LONGEST_WAIT_SECONDS = 120.0


@pytest.mark.parametrize("task", ["classification", "multi-label"])
def test_a_killed_run_repeats_no_answered_call(task: str, tmp_path: Path) -> None:
    """A failure would have the user pay twice. The server counts: it answers 37 texts, then calls hang; then the kill.

    A call whose answer had not arrived may be made again; there were such calls, and they were.
    """
    server, is_killed = ChatServer(), threading.Event()

    def hang(text: str, number: int) -> Failure | None:
        if is_killed.is_set() or (sum(server.answered.values()) < N_ANSWERED and text not in held):
            return None
        held.add(text)
        is_killed.wait(LONGEST_WAIT_SECONDS)
        return Failure(503)  # to a process that is no more

    held: set[str] = set()
    server.fail = hang
    rows = labelled_rows(160)
    if task == "multi-label":
        rows = [{"text": row["text"], "labels": [row["label"]]} for row in rows]
    data = write_rows(tmp_path / "texts.jsonl", rows)
    with serving(server):
        command = [
            sys.executable, "-c", RUN, "compress", "--teacher", server.url, "--data", str(data), "--task", task,
            "--out", str(tmp_path / "run"), "--signals", str(tmp_path / "signals"), *FLAGS,
            "--distill.augment", "0", "--distill.epochs", "2", "--distill.baseline", "false",
            "--teacher.chat.model", "some-model", "--teacher.chat.concurrency", "3",
            "--student.encoder", str(encoder(tmp_path)), "--student.layers", "1",
            "--verify.tolerances.min_agreement", "0", "--verify.tolerances.min_retention", "0",
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
            try:
                _wait_until(lambda: len(held) == 3 and _n_lines(tmp_path / "signals") == sum(server.answered.values()))
            finally:
                first.send_signal(signal.SIGKILL)
        assert first.returncode == -signal.SIGKILL
        before = dict(server.answered)
        assert N_ANSWERED <= len(before) <= N_ANSWERED + 3
        is_killed.set()
        _wait_until(lambda: server._now == 0)

        done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
        assert done.returncode == 0, done.stderr
        assert {text: server.answered[text] for text in before} == dict.fromkeys(before, 1)
        assert set(server.answered.values()) == {1}
        assert len(server.answered) == 160
        assert held <= set(server.answered)


def _n_lines(root: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in root.glob(f"*/{JOURNAL_FILE}"))


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
