"""Every knob of a server, each default written once, and checked before anything is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address

from limbeck.errors import RecipeError
from limbeck.ground import machine

_LARGEST_PORT = 65535


@dataclass(frozen=True)
class Limits:
    """What is refused: with 413 what is too large in itself, with 429 what comes while too much is under way.

    Args:
        body_bytes: Of one request's body.
        text_characters: Of one text; a pair counts together.
        texts: Of one request.
        queue_tokens: That wait for one model, all requests together; a request that alone has more is too large.
        requests: Under way at once, from reading the body to sending the answer.
        body_seconds: In which a body must have come.
        head_bytes: Of what stands before a body, first line and headers.
        idle_seconds: How often a connection is looked at; found twice in a row waiting for its client, with half a head
            or an answer of which no byte was taken, it is ended.
    """

    body_bytes: int = 2_000_000
    text_characters: int = 200_000
    texts: int = 256
    queue_tokens: int = 131_072
    requests: int = 512
    body_seconds: float = 30.0
    head_bytes: int = 65_536
    idle_seconds: float = 30.0


@dataclass(frozen=True)
class Settings:
    """How a server serves.

    Args:
        host: Where it listens; the default is reached from this machine alone.
        port: 0 takes a free one, which the first log line names.
        engine: As `limbeck.load` takes it.
        threads: Threads that one batch is computed with; 0 takes the physical cores.
        workers: Batches computed at once, of each model; 0 takes as many as fill the physical cores.
        batch_tokens: Texts x longest text of a batch, at most; 0 takes what the runtime takes.
        batch_texts: Texts of a batch, at most; 0 takes what the runtime takes.
        max_wait_ms: How long a text may wait for others where a worker is free and its batch is not full.
        token: What clients must send as bearer token; None asks for none.
        watch_seconds: How often the artifacts' folders are looked at for new ones; 0 leaves that to SIGHUP.
        drain_seconds: How long, after the signal to stop, requests are still taken and answered with "connection:
            close", so that clients and load balancers turn elsewhere; what was taken is answered in any case.
        log_requests: A log line for every request, not just for those that failed.
        limits: What is refused.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    engine: str = "onnxruntime"
    threads: int = 1
    workers: int = 0
    batch_tokens: int = 0
    batch_texts: int = 0
    max_wait_ms: float = 0.0
    token: str | None = None
    watch_seconds: float = 0.0
    drain_seconds: float = 1.0
    log_requests: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {value!r}, which is {'not above' if above else 'below'} zero"
            for name, (value, above) in self._bounded().items()
            if value < 0 or (above and value == 0)
        ]
        if self.port > _LARGEST_PORT:
            faults.append(f"port is {self.port}, and ports end at {_LARGEST_PORT}")
        if self.token is not None and not (self.token.isascii() and self.token.strip() == self.token != ""):
            faults.append("the token is empty, or holds blanks at its ends or characters outside ASCII")
        if faults:
            raise RecipeError(
                f"A server cannot be set up so: {'; '.join(faults)}.", hint="`limbeck serve --help` lists the options."
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the server."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def workers_at_once(self) -> int:
        """Batches of a model that are computed at once, at least 1."""
        cores = machine.physical_cores()
        return self.workers or max(1, cores // (self.threads or cores))

    def _bounded(self) -> Mapping[str, tuple[float, bool]]:
        """Name -> number, and whether it must be above zero."""
        must = {one.name for one in fields(Limits)}
        names = [one.name for one in fields(Settings) if one.type in {"int", "float", int, float}]
        own = {name: getattr(self, name) for name in names}
        own |= {one.name: getattr(self.limits, one.name) for one in fields(Limits)}
        return {name: (value, name in must) for name, value in own.items()}
