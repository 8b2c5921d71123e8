"""Why a request gets no answer: one exception, told in the words of whoever's API was spoken."""

from typing import Any

TOO_LARGE, MALFORMED, OTHER_TASK, OVERLOADED, STOPPING = 413, 422, 424, 429, 503


class RefusedError(Exception):
    """A request that is not answered.

    Args:
        status: HTTP status.
        message: What was expected, what came, and what to do.
        kind: Of fault, in one word, as text-embeddings-inference tells it: "Validation", "Overloaded", ...
        parameter: Key of the body that is at fault, if one is.
        retry_seconds: When to try again, where that will help.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "Validation",
        parameter: str | None = None,
        retry_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.parameter = parameter
        self.retry_seconds = retry_seconds

    @property
    def headers(self) -> dict[str, str]:
        """What goes with it, besides its type."""
        found = {} if self.retry_seconds is None else {"retry-after": str(self.retry_seconds)}
        return found | ({"www-authenticate": "Bearer"} if self.status == 401 else {})

    def body(self, *, openai: bool) -> dict[str, Any]:
        """As JSON.

        Args:
            openai: In the form of OpenAI's API, else in that of text-embeddings-inference.
        """
        if openai:
            kind = "invalid_request_error" if self.status < 429 else self.kind.lower()
            return {"error": {"message": self.message, "type": kind, "param": self.parameter, "code": self.status}}
        return {"error": self.message, "error_type": self.kind}


def too_large(message: str, *, parameter: str | None = None) -> RefusedError:
    """More than a server takes at once."""
    return RefusedError(TOO_LARGE, message, parameter=parameter)


def malformed(message: str, *, parameter: str | None = None) -> RefusedError:
    """A body that says nothing that can be answered."""
    return RefusedError(MALFORMED, message, parameter=parameter)


def other_task(message: str) -> RefusedError:
    """A model that answers other questions than a route asks."""
    return RefusedError(OTHER_TASK, message, kind="Backend")


def overloaded(message: str, *, retry_seconds: int) -> RefusedError:
    """Too much is under way."""
    return RefusedError(OVERLOADED, message, kind="Overloaded", retry_seconds=retry_seconds)
