"""Asking a large language model about many texts: a few calls at a time, every answer written down as it comes."""

import math
import threading
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

from limbeck.errors import TeacherError
from limbeck.ground.progress import SILENT, Bar, Progress
from limbeck.recipe.chat import ChatTable
from limbeck.teacher.chat_prompt import Question, Way
from limbeck.teacher.http_calls import Caller, Refused, Stopped
from limbeck.teacher.journal import Journal
from limbeck.teacher.signals import SignalStore
from limbeck.text.examples import Examples

ATTEMPTS = 3
"""How often a text is asked about before it counts as one without an answer."""
_NOT_UNDERSTOOD = frozenset({400, 422, 501})
_SHOWN_CHARACTERS = 200


@dataclass
class Ledger:
    """What talking to an address took, and what was found out about it; kept by many threads.

    Args:
        calls: Calls that were answered.
        tokens: Of them, in and out.
        way: The best way that the address understands, once it is known.
    """

    calls: int = 0
    tokens: tuple[int, int] = (0, 0)
    way: Way | None = None
    _counting: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, usage: object) -> None:
        """Count an answer by the `usage` that came with it."""
        told = usage if isinstance(usage, dict) else {}
        amounts = [told.get(name) for name in ("prompt_tokens", "completion_tokens")]
        read, written = (amount if isinstance(amount, int) else 0 for amount in amounts)
        with self._counting:
            self.calls += 1
            self.tokens = (self.tokens[0] + read, self.tokens[1] + written)


def open_questions(examples: Examples, store: SignalStore, journal: Journal) -> list[int]:
    """Positions of the texts to be asked about: no answer, and not yet given up."""
    names = examples.text_fingerprints
    return [position for position in store.missing(names) if len(journal.rejected.get(names[position], ())) < ATTEMPTS]


@dataclass
class Asking:
    """One labelling under way.

    Args:
        caller: Makes the calls.
        question: What is asked.
        table: Concurrency and limits.
        journal: Where answers go.
        ledger: What all calls take.
        name: What the teacher is called.
    """

    caller: Caller
    question: Question
    table: ChatTable
    journal: Journal
    ledger: Ledger
    name: str

    def ask(self, examples: Examples, positions: Sequence[int], *, part_name: str, progress: Progress = SILENT) -> None:
        """Ask about the texts at `positions`; the first one finds out what the address understands.

        Raises:
            TeacherError: See `ChatTeacher.label`.
            OutputError: The disk is full.
        """
        n_found, names = len(examples) - len(positions), set(examples.text_fingerprints)
        title = f"{self.question.model} labels {part_name}"
        with progress.bar(title, total=len(examples), unit="texts", done=n_found) as bar:
            others, way = list(positions), self.ledger.way
            if way is None:
                way = self.ledger.way = self._find_way(examples, others.pop(0))
                bar.advance()
            with ThreadPoolExecutor(self.table.concurrency) as pool:
                waiting = [pool.submit(self._work, examples, position, way) for position in others]
                try:
                    self._wait_for(waiting, bar, names)
                except BaseException:
                    # What is under way comes to its end and is kept; nothing new is called.
                    self.caller.stop.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        self._refuse_too_many(names)

    def _wait_for(self, waiting: Sequence["Future[None]"], bar: Bar, names: AbstractSet[str]) -> None:
        for done in as_completed(waiting):
            fault = done.exception()
            if isinstance(fault, Stopped):
                continue  # the one who stopped it comes too
            if fault is not None:
                raise fault
            bar.advance(note=self._note())
            self._refuse_too_many(names)

    def _find_way(self, examples: Examples, position: int) -> Way:
        """The best way that the address understands, found by asking about one text.

        Source: no server tells what it takes; those that do not know a field answer 400 or 422.
        """
        refusals = []
        for way in self.question.ways:
            try:
                self._ask_until_answered(examples, position, way)
            except Refused as refused:
                if refused.status not in _NOT_UNDERSTOOD:
                    raise self._refused(refused) from None
                refusals.append(refused)
            else:
                return way
        raise self._refused(refusals[-1])

    def _work(self, examples: Examples, position: int, way: Way) -> None:
        """One text, in a thread of its own; a fault stops the others at once, before they call again."""
        try:
            self._ask_about(examples, position, way)
        except BaseException:
            self.caller.stop.set()
            raise

    def _ask_about(self, examples: Examples, position: int, way: Way) -> None:
        try:
            self._ask_until_answered(examples, position, way)
        except Refused as refused:
            if refused.status not in _NOT_UNDERSTOOD:
                raise self._refused(refused) from None
            # It understood others: it is this text that it will not take, as too long or against its rules.
            name = examples.text_fingerprints[position]
            for _ in range(ATTEMPTS - len(self.journal.rejected.get(name, ()))):
                self.journal.reject(name, str(refused)[:_SHOWN_CHARACTERS])

    def _ask_until_answered(self, examples: Examples, position: int, way: Way) -> None:
        name = examples.text_fingerprints[position]
        text_pair = None if examples.text_pairs is None else examples.text_pairs[position]
        while len(rejected := self.journal.rejected.get(name, [])) < ATTEMPTS:
            self._refuse_beyond_limit()
            body = self.question.body(examples.texts[position], text_pair, way=way, rejected=rejected)
            choice = self._choice(self.caller.call(body))
            content = choice["message"].get("content")
            content = content if isinstance(content, str) else ""
            logits = self.question.read(content, choice)
            if logits is not None:
                self.journal.answered(name, logits)
                return
            self.journal.reject(name, content[:_SHOWN_CHARACTERS])

    def _choice(self, answer: dict[str, Any]) -> dict[str, Any]:
        self.ledger.count(answer.get("usage"))
        try:
            choice: dict[str, Any] = answer["choices"][0]
            choice["message"].get("content")
        except (KeyError, IndexError, TypeError, AttributeError):
            raise TeacherError(
                f"{self.caller.url} gave an answer without choices: {str(answer)[:_SHOWN_CHARACTERS]}",
                hint="The address must speak the chat completions of the OpenAI API; its base often ends in /v1.",
            ) from None
        return choice

    def _note(self) -> str:
        cost = self.table.cost(input_tokens=self.ledger.tokens[0], output_tokens=self.ledger.tokens[1])
        return "" if cost is None else f"{cost:.2f} spent"

    def _refuse_beyond_limit(self) -> None:
        cost = self.table.cost(input_tokens=self.ledger.tokens[0], output_tokens=self.ledger.tokens[1])
        if cost is not None and self.table.max_cost is not None and cost >= self.table.max_cost > 0:
            raise TeacherError(
                f"{self.ledger.calls} calls to {self.name} have cost {cost:.2f}; the limit, teacher.chat.max_cost, is "
                f"{self.table.max_cost:g}.",
                hint="Every answer so far is kept: raise the limit and run the same command again.",
            )

    def _refuse_too_many(self, names: AbstractSet[str]) -> None:
        rejected = list(self.journal.rejected.items())  # a copy, as other threads add to it
        given_up = [answers for name, answers in rejected if len(answers) >= ATTEMPTS and name in names]
        n_texts, share = len(names), self.table.max_unanswered
        if len(given_up) > (max(1, math.floor(share * n_texts)) if share > 0 else 0):
            raise TeacherError(
                f"{self.name} {self.question.fault} for {len(given_up)} of {n_texts} texts; the last answer was "
                f"{given_up[-1][-1]!r}, and {self.question.choices_told}.",
                hint="Say more in teacher.chat.instructions and teacher.chat.descriptions; a model that thinks first "
                "needs a higher max_tokens in teacher.chat.parameters. teacher.chat.max_unanswered accepts more.",
            )

    def _refused(self, refused: Refused) -> TeacherError:
        hints = {
            401: "Check the key in the variable that teacher.chat.api_key_env names.",
            403: "Check that the key may use this model.",
            404: "Check the address (its base often ends in /v1) and teacher.chat.model.",
            400: "Check teacher.chat.model and teacher.chat.parameters: some models take max_completion_tokens instead "
            "of max_tokens, and no temperature.",
        }
        return TeacherError(
            f"{self.caller.url} refused the call: HTTP {refused.status} {refused.told}",
            hint=hints.get(refused.status, "Check the address and the table teacher.chat of the recipe."),
        )
