"""Numbers of a server at work, for Prometheus: counts, tokens and times, nothing of what was said.

A registry of its own for each service, so that two in one process do not add up.
"""

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

import sightwright
from sightwright.infer.engine import Completion

_SECONDS = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120)
_ENDPOINTS = (
    *("/v1/chat/completions", "/v1/extract", "/v1/models", "/v1/schemas"),
    *("/health", "/metrics"),
)
BROUGHT = "brought by the request"
"""Label of a schema that came with its request: its name is the client's."""


def endpoint_of(path: str) -> str:
    """The label of a path: one of ours, or `other`; never what a client made up.

    >>> endpoint_of("/v1/models/reader"), endpoint_of("/etc/passwd")
    ('/v1/models', 'other')
    """
    for known in _ENDPOINTS:
        if path == known or path.startswith(f"{known}/"):
            return known
    return "other"


class Telemetry:
    """What `/metrics` shows. Any thread.

    Args:
        model: the name it is served by.
        schemas: names of those loaded.
    """

    def __init__(self, model: str, schemas: Sequence[str]) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        info = Info("sightwright_model", "What is served.", registry=registry)
        info.info({"name": model, "schemas": ",".join(schemas), "version": sightwright.__version__})
        self._requests = Counter(
            "sightwright_requests", "Requests answered; 499: the client left.",
            ["endpoint", "status"], registry=registry,
        )  # fmt: skip
        self.in_flight = Gauge(
            "sightwright_requests_in_flight", "Requests inside, those that wait included.",
            registry=registry,
        )  # fmt: skip
        self._prompt_tokens = _counter("prompt_tokens", "Tokens read, of images too.", registry)
        self._completion_tokens = _counter("completion_tokens", "Tokens written.", registry)
        self._documents = Counter(
            "sightwright_documents", "Documents extracted: valid, or invalid (cut, not JSON).",
            ["schema", "outcome"], registry=registry,
        )  # fmt: skip
        self._total = Histogram(
            "sightwright_request_seconds", "From the first byte to the last of the answer.",
            ["endpoint"], buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._queue = _histogram("queue_seconds", "Wait for the engine.", registry)
        self._render = _histogram("render_seconds", "Drawing of a PDF.", registry)
        self._generate = _histogram("generate_seconds", "The engine at work.", registry)
        self._first_token = _histogram(
            "first_token_seconds", "From the question to its first token, the wait included.",
            registry,
        )  # fmt: skip

    def answered(self, path: str, status: int, seconds: float) -> None:
        endpoint = endpoint_of(path)
        self._requests.labels(endpoint, str(status)).inc()
        self._total.labels(endpoint).observe(seconds)

    def rendered(self, seconds: float) -> None:
        self._render.observe(seconds)

    def wrote_first_token(self, seconds: float) -> None:
        self._first_token.observe(seconds)

    def generated(
        self, completion: Completion, queue_seconds: float, generate_seconds: float
    ) -> None:
        self._queue.observe(queue_seconds)
        self._generate.observe(generate_seconds)
        self._prompt_tokens.inc(completion.prompt_tokens)
        self._completion_tokens.inc(completion.completion_tokens)

    def extracted(self, schema: str | None, *, valid: bool) -> None:
        """A document was read by a schema that is loaded, or (None) by one that was brought."""
        label = BROUGHT if schema is None else schema
        self._documents.labels(label, "valid" if valid else "invalid").inc()

    def text(self) -> bytes:
        """The exposition that Prometheus reads."""
        return generate_latest(self.registry)


def _counter(name: str, about: str, registry: CollectorRegistry) -> Counter:
    return Counter(f"sightwright_{name}", about, registry=registry)


def _histogram(name: str, about: str, registry: CollectorRegistry) -> Histogram:
    return Histogram(f"sightwright_{name}", about, buckets=_SECONDS, registry=registry)
