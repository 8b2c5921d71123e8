"""What is counted and measured, in the form that Prometheus reads."""

from collections.abc import Callable, Sequence
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """All figures of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._requests = self._counter("requests", "Requests that were answered, by status.", "route", "status")
        self._request_seconds = self._histogram(
            "request_seconds", "From the first byte of a request's headers to its answer.", _SECONDS, "route"
        )
        self._under_way = Gauge(
            "limbeck_requests_under_way", "Requests that have no answer yet.", registry=self._registry
        )
        self._refused = self._counter("refused", "Requests that were not answered, by reason.", "reason")
        self._gone = self._counter("clients_gone", "Requests whose client did not wait for the answer.")
        self._texts = self._counter("texts", "Texts that were computed; of long ones, windows.", "model")
        self._tokens = self._counter("tokens", "Tokens that were computed.", "model")
        self._padded = self._counter("padding_tokens", "Padding that was computed beside them.", "model")
        self._batch_texts = self._histogram("batch_texts", "Texts of a batch.", _TEXTS, "model")
        self._batch_seconds = self._histogram("batch_seconds", "Computing a batch.", _SECONDS, "model")
        self._queue_seconds = self._histogram("queue_seconds", "Wait of a text for its batch.", _SECONDS, "model")
        self._waiting_texts = self._gauge("queue_texts", "Texts that wait.", "model")
        self._waiting_tokens = self._gauge("queue_tokens", "Tokens that wait.", "model")
        self._swaps = self._counter("swaps", "New artifacts, by what became of them.", "model", "outcome")
        self._artifact = self._gauge("artifact", "1 for the artifact that is served.", "model", "task", "fingerprint")
        self._by_route: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._named: dict[str, tuple[str, str, str]] = {}

    def watch_requests(self, under_way: Callable[[], int]) -> None:
        """How many requests have no answer yet is looked at whenever somebody asks for the figures."""
        self._under_way.set_function(under_way)

    def ends(self, route: str, *, status: int, seconds: float) -> None:
        """A request was answered."""
        kept = self._by_route.get((route, status))
        if kept is None:
            kept = self._requests.labels(route, str(status)), self._request_seconds.labels(route)
            self._by_route[route, status] = kept
        kept[0].inc()
        kept[1].observe(seconds)

    def refused(self, reason: str) -> None:
        """A request was not answered."""
        self._refused.labels(reason).inc()

    def client_gone(self) -> None:
        """Nobody waits any more for an answer."""
        self._gone.inc()

    def serves(self, model: str, *, task: str, fingerprint: str) -> None:
        """This artifact is served under this name from now on."""
        if model in self._named:
            self._artifact.remove(*self._named[model])
        self._named[model] = (model, task, fingerprint)
        self._artifact.labels(model, task, fingerprint).set(1)
        for outcome in ("swapped", "refused"):
            self._swaps.labels(model, outcome)

    def swapped(self, model: str, outcome: Literal["swapped", "refused"]) -> None:
        """A new artifact took the place of the old one, or could not."""
        self._swaps.labels(model, outcome).inc()

    def of_model(self, model: str) -> "ModelMetrics":
        """What a model's batcher tells to."""
        return ModelMetrics(
            counters=tuple(one.labels(model) for one in (self._texts, self._tokens, self._padded)),
            histograms=tuple(
                one.labels(model) for one in (self._batch_texts, self._batch_seconds, self._queue_seconds)
            ),
        )

    def watch_queue(self, model: str, waiting: Callable[[], tuple[int, int]]) -> None:
        """What waits for a model is looked at whenever somebody asks for the figures.

        Args:
            model: Its name.
            waiting: Gives texts and tokens.
        """
        self._waiting_texts.labels(model).set_function(lambda: waiting()[0])
        self._waiting_tokens.labels(model).set_function(lambda: waiting()[1])

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"limbeck_{name}", meaning, labels, registry=self._registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"limbeck_{name}", meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, edges: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"limbeck_{name}", meaning, labels, registry=self._registry, buckets=edges)


class ModelMetrics:
    """The figures of one model; see `limbeck.serve.batcher.Watches`.

    Args:
        counters: Texts, tokens, padding.
        histograms: Texts of a batch, seconds of a batch, seconds of waiting.
    """

    def __init__(self, *, counters: tuple[Counter, ...], histograms: tuple[Histogram, ...]) -> None:
        self._texts, self._tokens, self._padded = counters
        self._batch_texts, self._batch_seconds, self._queue_seconds = histograms

    def batch(self, *, texts: int, tokens: int, padded: int, seconds: float, waited: Sequence[float]) -> None:
        """One batch was computed."""
        self._texts.inc(texts)
        self._tokens.inc(tokens)
        self._padded.inc(padded - tokens)
        self._batch_texts.observe(texts)
        self._batch_seconds.observe(seconds)
        for one in waited:
            self._queue_seconds.observe(one)
