"""A teacher that is a large language model behind an OpenAI-compatible address: each text is a call, and calls cost.

So nothing is called twice: every answer is on the disk before the next call is made (see `journal`). What a run will
cost is told before its first call, and a limit is kept. What is asked, by the task: `chat_tasks`; how a call is made:
`http_calls`.
"""

import os
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from limbeck.errors import RecipeError, TeacherError
from limbeck.ground import fingerprint, wording
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.chat import ChatTable
from limbeck.recipe.knobs import TeacherTable
from limbeck.records.run import LabellingRecord
from limbeck.teacher import chat_calls, journal
from limbeck.teacher.answering import Labelled, MadeUpTexts, TimedAnswers, key_of_answers
from limbeck.teacher.chat_prompt import FORMAT, Question
from limbeck.teacher.chat_tasks import question_of
from limbeck.teacher.http_calls import Caller
from limbeck.teacher.signals import SignalStore
from limbeck.text.examples import Examples

_ENDPOINT = "/chat/completions"
_BYTES_A_TOKEN = 4


@dataclass(frozen=True)
class ChatTeacher:
    """A large language model behind an address.

    Args:
        url: Where calls go.
        table: How it is called.
        question: What it is asked.
        fingerprint: Of the address and the question; how patiently it is called does not count.
        ledger: What it took so far, of all parts.
    """

    url: str
    table: ChatTable
    question: Question
    fingerprint: str
    ledger: chat_calls.Ledger = field(default_factory=chat_calls.Ledger, compare=False, repr=False)
    made_up: MadeUpTexts = "paid"
    size_bytes: int | None = None
    n_parameters: int | None = None

    @property
    def name(self) -> str:
        """The model and its host."""
        return f"{self.question.model} at {urllib.parse.urlsplit(self.url).netloc}"

    @property
    def task(self) -> str:
        """What it is asked."""
        return self.question.task

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels, in the order of their codes; or what stands for a number."""
        return self.question.label_names

    @property
    def told(self) -> Mapping[str, str]:
        """By the name of the model; where it was called is nobody's business who has the artifact."""
        return {"name": self.question.model, "fingerprint": self.fingerprint}

    def prepare(self, wanted: Mapping[str, Examples], root: Path, *, progress: Progress = SILENT) -> None:
        """Tell what the calls that are still to be made will cost, about; refuse more than the limit, or a missing key.

        Raises:
            RecipeError: The estimate is above `teacher.chat.max_cost`.
            TeacherError: The variable that should hold the key is empty.
        """
        store = self._store(root)
        with journal.opened(store) as opened:
            asked: dict[str, int] = {}
            for examples in wanted.values():
                for position in chat_calls.open_questions(examples, store, opened):
                    text = examples.texts[position] + (examples.text_pairs[position] if examples.text_pairs else "")
                    asked[examples.text_fingerprints[position]] = len(text.encode())
        if not asked:
            return
        _key(self.table)
        around = len(str(self.question.body("", None, way=self.question.ways[0])["messages"]).encode())
        input_tokens = (sum(asked.values()) + around * len(asked)) / _BYTES_A_TOKEN
        output_tokens = self.question.n_answer_tokens * len(asked)
        cost = self.table.cost(input_tokens=input_tokens, output_tokens=output_tokens)
        told = (
            f"{wording.counted(len(asked), 'call')} to {self.name}: about {wording.count(input_tokens)} tokens in and "
            f"{wording.count(output_tokens)} out, at {_BYTES_A_TOKEN} bytes a token in and "
            f"{self.question.n_answer_tokens} tokens an answer"
            f"{'' if cost is None else f'; {cost:.2f} at the given prices'}."
        )
        progress.say(told)
        if self.table.max_cost is not None and cost is not None and cost > self.table.max_cost:
            raise RecipeError(
                f"{told} The limit, teacher.chat.max_cost, is {self.table.max_cost:g}.",
                hint="Raise the limit, or give fewer texts.",
            )

    def label(
        self,
        examples: Examples,
        root: Path,
        *,
        settings: TeacherTable,  # noqa: ARG002  (its own table may be a member's)
        part_name: str,
        judges: bool,  # noqa: ARG002
        progress: Progress = SILENT,
    ) -> Labelled:
        """See `Teacher.label`; texts that it does not answer are left out, up to `teacher.chat.max_unanswered`.

        Raises:
            TeacherError: It is refused or cannot be reached, too many texts are without an answer, or the limit of cost
                is reached. Every answer so far is kept.
            OutputError: The disk is full, or another process asks this teacher.
        """
        store = self._store(root)
        calls_before, tokens_before = self.ledger.calls, self.ledger.tokens
        with journal.opened(store) as opened:
            before = chat_calls.open_questions(examples, store, opened)
            if before:
                caller = Caller(self.url, _key(self.table), self.table.timeout_seconds, self.table.max_retries)
                asking = chat_calls.Asking(caller, self.question, self.table, opened, self.ledger, self.name)
                asking.ask(examples, before, part_name=part_name, progress=progress)
        unanswered = store.unanswered(examples.text_fingerprints)
        notes = self._notes(
            part_name,
            n_texts=len(examples),
            n_unanswered=len(unanswered),
            n_calls=self.ledger.calls - calls_before,
            tokens=(self.ledger.tokens[0] - tokens_before[0], self.ledger.tokens[1] - tokens_before[1]),
        )
        for note in notes:
            progress.say(note)
        return Labelled(
            store,
            LabellingRecord(
                n_texts=len(examples),
                n_found=len(examples) - len(before),
                n_asked=len(before),
                n_truncated=0,
                folder=str(store.folder),
                n_unanswered=len(unanswered),
                notes=notes,
            ),
        )

    @contextmanager
    def timed(self, threads: int) -> Iterator[TimedAnswers | None]:  # noqa: ARG002
        """Nothing: it does not run here, and each answer would be paid for."""
        yield None

    def _store(self, root: Path) -> SignalStore:
        return SignalStore(root, key_of_answers(self.fingerprint, n_classes=len(self.label_names)))

    def _notes(
        self, part_name: str, *, n_texts: int, n_unanswered: int, n_calls: int, tokens: tuple[int, int]
    ) -> tuple[str, ...]:
        notes = []
        if n_calls:
            cost = self.table.cost(input_tokens=tokens[0], output_tokens=tokens[1])
            notes.append(
                f"{part_name}: {wording.counted(n_calls, 'call')} to {self.question.model}, {wording.count(tokens[0])} "
                f"tokens in and {wording.count(tokens[1])} out"
                f"{'' if cost is None else f', {cost:.2f} at the given prices'}."
            )
        if n_unanswered:
            left_out = f"{'it is' if n_unanswered == 1 else 'they are'} left out"
            notes.append(
                f"{part_name}: {self.question.model} {self.question.fault} for "
                f"{wording.counted(n_unanswered, 'text')} of {n_texts}; {left_out}."
            )
        return tuple(notes)


def is_address(source: str) -> bool:
    """Whether a source is an address to call."""
    return source.startswith(("http://", "https://"))


def chat_teacher(
    source: str,
    table: ChatTable,
    *,
    labels: Sequence[str],
    known_labels: Sequence[str],
    task: str = "classification",
) -> ChatTeacher:
    """A model behind an address as a teacher; nothing is called yet.

    Args:
        source: The base address, such as "https://host/v1", or that of its chat completions.
        table: The recipe's `teacher.chat`.
        labels: The recipe's `teacher.labels`; empty takes the data's.
        known_labels: The classes of the data; empty where it has none.
        task: What it is asked; one that `chat_tasks.askable` lets through.

    Raises:
        RecipeError: The address holds a password; or see `chat_tasks.question_of`.
        LabelError: Nobody names the labels.
    """
    parts = urllib.parse.urlsplit(source)
    if parts.username or parts.password or not parts.hostname:
        raise RecipeError(
            f"The address of the teacher, on the host {parts.hostname}, must be a plain one, without a password.",
            hint="Put the key into an environment variable and name it: --teacher.chat.api_key_env MY_KEY.",
        )
    question = question_of(table, source=source, task=task, labels=labels, known_labels=known_labels)
    path = parts.path.rstrip("/")
    path = path if path.endswith(_ENDPOINT) else path + _ENDPOINT
    url = urllib.parse.urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
    named = fingerprint.of_settings({"chat": FORMAT, "url": url, **question.as_json()})
    return ChatTeacher(url, table, question, named)


def _key(table: ChatTable) -> str | None:
    if table.api_key_env is None:
        return None
    key = os.environ.get(table.api_key_env, "").strip()
    if not key:
        raise TeacherError(
            f"The environment variable {table.api_key_env}, which teacher.chat.api_key_env names, holds no key.",
            hint=f"Set it in the shell that runs limbeck: export {table.api_key_env}=...",
        )
    return key
