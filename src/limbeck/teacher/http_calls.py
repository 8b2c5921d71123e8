"""One call to an address that speaks JSON, with patience: what may pass is tried again, what will not is told at once.

Tried again, after waits that double and are drawn from their upper half so that callers do not march in step: 408, 409,
425, 429 and 5xx, no connection, no answer in time, and an answer that is not JSON. A Retry-After is waited for.
Everything else, such as 401 or 404, will not get better by asking again.
"""

import contextlib
import email.utils
import http.client
import json
import random
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from limbeck.errors import TeacherError

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 60.0
LONGEST_RETRY_AFTER_SECONDS = 600.0
_MAY_PASS = frozenset({408, 409, 425, 429})
_MOST_BYTES, _PIECE_BYTES = 1 << 24, 1 << 16
_SHOWN_CHARACTERS = 300


class Refused(Exception):  # noqa: N818  (what happened; the caller knows whether it is an error)
    """The address refused a call for good.

    Args:
        status: Of HTTP.
        told: What it said about it.
    """

    def __init__(self, status: int, told: str) -> None:
        super().__init__(f"HTTP {status}: {told}")
        self.status, self.told = status, told


class Stopped(Exception):  # noqa: N818
    """Somebody else gave up meanwhile."""


class _TryAgain(Exception):  # noqa: N818
    """A fault that may pass, and how long the address asks to wait."""

    def __init__(self, why: str, wait_seconds: float = 0.0) -> None:
        super().__init__(why)
        self.wait_seconds = wait_seconds


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nowhere: the key would go along, to whatever host the answer names."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


@dataclass(frozen=True)
class Caller:
    """Calls one address; may be used from many threads at once.

    Args:
        url: Begins with http:// or https://.
        key: Sent as a bearer token, and never told; None sends none.
        timeout_seconds: Longest wait for an answer.
        max_retries: Further attempts.
        stop: Once set, waits end and nothing is called any more.
    """

    url: str
    key: str | None = field(repr=False)
    timeout_seconds: float
    max_retries: int
    stop: threading.Event = field(default_factory=threading.Event, repr=False)

    def call(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Post a JSON object, and give back the one that comes.

        Raises:
            Refused: For good.
            Stopped: See `stop`.
            TeacherError: Every attempt failed.
        """
        content = json.dumps(body, ensure_ascii=False).encode()
        for attempt in range(self.max_retries + 1):
            if self.stop.is_set():
                raise Stopped
            try:
                return self._once(content)
            except _TryAgain as fault:
                if attempt == self.max_retries or fault.wait_seconds > LONGEST_RETRY_AFTER_SECONDS:
                    raise TeacherError(
                        f"{self.url} gave no answer in {attempt + 1} attempt{'s' if attempt else ''}; the last one: "
                        f"{fault}.",
                        hint="Every answer so far is kept: run the same command again later, or with fewer calls at "
                        "once (--teacher.chat.concurrency) or more patience (--teacher.chat.max_retries, "
                        "--teacher.chat.timeout_seconds).",
                    ) from None
                if self.stop.wait(max(fault.wait_seconds, _drawn_wait(attempt))):
                    raise Stopped from None
        raise AssertionError("the last attempt returns or raises")

    def _once(self, content: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "limbeck"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(self.url, content, headers, method="POST")  # noqa: S310  (http or https)
        try:
            with _OPENER.open(request, timeout=self.timeout_seconds) as response:
                found = self._read(response)
        except urllib.error.HTTPError as error:
            raise self._fault(error) from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise Refused(0, f"its certificate is not to be trusted ({error.reason.verify_message})") from None
            raise _TryAgain(f"no connection ({error.reason})") from None
        except TimeoutError:
            raise _TryAgain(f"no answer within {self.timeout_seconds:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise _TryAgain(f"the connection broke ({type(error).__name__})") from None
        try:
            answer = json.loads(found)
        except ValueError:
            raise _TryAgain(f"an answer that is not JSON ({self._shown(found)!r})") from None
        if not isinstance(answer, dict):
            raise _TryAgain(f"an answer that is no JSON object ({self._shown(found)!r})")
        return answer

    def _read(self, response: Any) -> bytes:  # noqa: ANN401  (http.client.HTTPResponse, or an error that wraps one)
        """The body; the clock runs on while it drips."""
        deadline = time.monotonic() + self.timeout_seconds
        pieces: list[bytes] = []
        while piece := response.read1(_PIECE_BYTES):
            pieces.append(piece)
            if time.monotonic() > deadline or sum(map(len, pieces)) > _MOST_BYTES:
                raise TimeoutError
        return b"".join(pieces)

    def _fault(self, error: urllib.error.HTTPError) -> Exception:
        try:
            told = self._shown(error.read(_PIECE_BYTES))
        except (OSError, http.client.HTTPException):
            told = ""
        if error.code in _MAY_PASS or error.code >= 500:
            return _TryAgain(f"HTTP {error.code} {told}".rstrip(), _seconds(error.headers.get("Retry-After")))
        return Refused(error.code, told or str(error.reason))

    def _shown(self, content: bytes) -> str:
        """The beginning of what came, on one line, without the key should it be quoted there."""
        text = content.decode("utf-8", "replace")
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = str(json.loads(text)["error"]["message"])
        text = " ".join(text.split())
        return (text.replace(self.key, "***") if self.key else text)[:_SHOWN_CHARACTERS]


def _drawn_wait(attempt: int) -> float:
    longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**attempt)
    return random.uniform(longest / 2, longest)  # noqa: S311  (no secret)


def _seconds(retry_after: str | None) -> float:
    """A Retry-After, in seconds or as a date; 0 where it says nothing."""
    if retry_after is None:
        return 0.0
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0
