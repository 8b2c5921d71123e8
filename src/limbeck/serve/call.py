"""One request under way: its body, the model it is for, and waiting for what was asked of it."""

import asyncio
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import orjson

from limbeck.errors import DataError
from limbeck.runtime.asked import Asked
from limbeck.serve.batcher import Values, Work
from limbeck.serve.refusals import RefusedError, malformed, too_large
from limbeck.serve.settings import Limits
from limbeck.serve.shelf import Served
from limbeck.tasks import Answer

_INLINE_CHARACTERS = 20_000
"""Texts of so many are tokenized where they are; more, in a thread, so that other requests go on meanwhile."""
_INLINE_TOKENS = 4096
"""As above, for making answers of logits."""
_PATIENCE = 0.1
"""Seconds after which it is worth a look whether the client still waits."""

Message = MutableMapping[str, Any]
_Given = TypeVar("_Given")


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True)
class Question:
    """Texts, or pairs of texts, or some of both.

    Args:
        texts: (n,) first texts; where words have tags, lists of words too.
        pairs: (n,) second texts; None for what is no pair.
        is_single: Whether it was given as one, and its answer is given so.
    """

    texts: list[Any]
    pairs: list[str | None]
    is_single: bool = False

    @classmethod
    def of(cls, texts: list[Any], *, is_single: bool = False) -> "Question":
        """Texts that are no pairs."""
        return cls(texts, [None] * len(texts), is_single)

    def check(self, limits: Limits, *, parameter: str) -> None:
        """Refuse what is too large, or nothing at all.

        Args:
            limits: What is too large.
            parameter: Key of the body that holds the texts.
        """
        if not self.texts:
            raise malformed(f"{parameter!r} holds no text; give at least one.", parameter=parameter)
        if len(self.texts) > limits.texts:
            raise too_large(
                f"{parameter!r} holds {len(self.texts)} texts, and one request may have {limits.texts}. "
                "Send fewer at once.",
                parameter=parameter,
            )
        for index, (text, pair) in enumerate(zip(self.texts, self.pairs, strict=True)):
            n_characters = (len(text) if isinstance(text, str) else sum(map(len, text))) + len(pair or "")
            if n_characters > limits.text_characters:
                raise too_large(
                    f"Text {index} of {parameter!r} has {n_characters} characters, and a text may have "
                    f"{limits.text_characters}. Send a part of it.",
                    parameter=parameter,
                )


@dataclass(frozen=True)
class Found:
    """What a model computed for a question.

    Args:
        served: The model.
        parts: What was asked and computed, with the places of its texts in the question: one part, or two where
            single texts and pairs were mixed.
    """

    served: Served
    parts: tuple[tuple[Sequence[int], Asked, Values], ...]

    @property
    def n_tokens(self) -> int:
        """Of all texts."""
        return sum(sum(asked.encoded.lengths) for _, asked, _ in self.parts)

    @property
    def values(self) -> Values:
        """(n, classes) logits, of a model that answers once a text; see `answers` for the others."""
        if len(self.parts) == 1:
            return self.parts[0][2]
        places = np.concatenate([np.asarray(places) for places, _, _ in self.parts])
        found: Values = np.concatenate([values for _, _, values in self.parts])[np.argsort(places)]
        return found

    async def answers(self) -> list[Answer]:
        """(n,) as the runtime gives them."""
        return self._answers() if self.n_tokens <= _INLINE_TOKENS else await asyncio.to_thread(self._answers)

    def _answers(self) -> list[Answer]:
        found: dict[int, Answer] = {}
        for places, asked, values in self.parts:
            found |= zip(places, self.served.model.answers_to(asked, values), strict=True)
        return [found[index] for index in range(len(found))]


class Call:
    """A request.

    Args:
        scope: Of ASGI.
        receive: Of ASGI.
        limits: What is refused.
    """

    def __init__(self, scope: Message, receive: Any, *, limits: Limits) -> None:  # noqa: ANN401  (ASGI's own callable)
        self._receive = receive
        self.limits = limits
        self.model_name: str | None = scope.get("path_params", {}).get("model")
        self.body: dict[str, Any] = {}
        self.served: Served | None = None
        self.n_texts = 0

    async def read(self, length: str | None) -> None:
        """Read the body, a JSON object.

        Args:
            length: The header that tells how long it is, if there is one.
        """
        if length is not None and length.isdigit() and int(length) > self.limits.body_bytes:
            raise self._too_long()
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                content = await self._content()
        except TimeoutError:
            raise RefusedError(408, f"The body did not come within {self.limits.body_seconds:g} seconds.") from None
        if len(content) > self.limits.body_bytes:
            raise self._too_long()
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise malformed(f"The body is not JSON ({error}).") from None
        if not isinstance(body, dict):
            raise malformed("The body is not a JSON object.")
        self.body = body
        named = body.get("model")
        if self.model_name is None and named is not None:
            if not isinstance(named, str):
                raise malformed('"model" is not a string.', parameter="model")
            self.model_name = named

    async def _content(self) -> bytes:
        message = await self._receive()
        pieces: list[bytes] = [message.get("body", b"")]
        n_bytes = len(pieces[0])
        while message.get("more_body", False) and n_bytes <= self.limits.body_bytes:
            message = await self._receive()
            pieces.append(message.get("body", b""))
            n_bytes += len(pieces[-1])
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        return b"".join(pieces)

    def flag(self, key: str, *, default: bool) -> bool:
        """A switch of the body; null counts as left out."""
        found = self.body.get(key)
        if found is None:
            return default
        if not isinstance(found, bool):
            raise malformed(f"{key!r} is {found!r}, which is neither true nor false.", parameter=key)
        return found

    async def ask(self, served: Served, question: Question, *, parameter: str) -> Found:
        """Have a question computed.

        Args:
            served: The model.
            question: At least one text.
            parameter: Key of the body that holds the texts.

        Raises:
            RefusedError: It is too large or cannot be read by this model, or too much waits.
            ClientGoneError: Nobody waits for the answer.
        """
        question.check(self.limits, parameter=parameter)
        self.served, self.n_texts = served, len(question.texts)
        parts: list[tuple[Sequence[int], Work]] = []
        try:
            for places in _alike(question.pairs):
                texts = [question.texts[place] for place in places]
                pairs = [question.pairs[place] for place in places]
                asked = await self._encoded(served, texts, pairs, parameter=parameter)
                if asked.encoded.truncated:
                    self._check_truncation(served, places[asked.encoded.truncated[0]], parameter=parameter)
                parts.append((places, served.submit(asked)))
            return Found(
                served, tuple([(places, work.asked, await self._computed(served, work)) for places, work in parts])
            )
        except BaseException:
            for _, work in parts:
                if not work.done.done() or work.done.cancelled():
                    served.drop(work)
            raise

    async def _encoded(self, served: Served, texts: list[Any], pairs: list[str | None], *, parameter: str) -> Asked:
        second = None if pairs[0] is None else [pair or "" for pair in pairs]
        n_characters = sum(map(len, texts)) + sum(map(len, second or ()))
        try:
            return await inline(n_characters, served.model.ask, texts, second)
        except DataError as error:
            raise malformed(f"{error.message} {error.hint}", parameter=parameter) from None

    def _check_truncation(self, served: Served, index: int, *, parameter: str) -> None:
        options = self.body.get("parameters")
        given = self.body if not isinstance(options, dict) else self.body | options
        if given.get("truncate") is False:
            raise malformed(
                f"Text {index} has more than the {served.model.encoder.max_tokens} tokens that the model reads, and "
                '"truncate" is false.',
                parameter=parameter,
            )
        wanted, side = given.get("truncation_direction"), served.model.encoder.cut_side
        if isinstance(wanted, str) and wanted.lower() != side:
            raise malformed(
                f"Text {index} is too long, and this model was taught on texts cut at the {side}, not the {wanted}: "
                'leave "truncation_direction" out.',
                parameter="truncation_direction",
            )

    async def _computed(self, served: Served, work: Work) -> Values:
        watcher: asyncio.Task[None] | None = None

        def watch() -> None:
            nonlocal watcher
            watcher = asyncio.ensure_future(self._tell_when_gone(served, work))

        timer = work.loop.call_later(_PATIENCE, watch)
        try:
            return await work.done
        finally:
            timer.cancel()
            if watcher is not None:
                watcher.cancel()

    async def _tell_when_gone(self, served: Served, work: Work) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not work.done.done():
            served.drop(work)
            work.fail(ClientGoneError())

    def _too_long(self) -> RefusedError:
        return too_large(f"The body has more than {self.limits.body_bytes} bytes. Send fewer texts at once.")


async def inline(n_characters: int, call: Callable[..., _Given], *arguments: Any) -> _Given:  # noqa: ANN401
    """Call what takes time in proportion to a text: here if it is short, else in a thread."""
    if n_characters <= _INLINE_CHARACTERS:
        return call(*arguments)
    return await asyncio.to_thread(call, *arguments)


def _alike(pairs: Sequence[str | None]) -> list[Sequence[int]]:
    """The places of single texts and those of pairs, whatever of both there is."""
    is_pair = [pair is not None for pair in pairs]
    if all(is_pair) or not any(is_pair):
        return [range(len(pairs))]
    return [[place for place, found in enumerate(is_pair) if found is kind] for kind in (False, True)]
