"""What the gateway exports to Prometheus. `docs/reference/gateway.md` lists it."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The metrics of one gateway."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.events = self._counter("events", "Events by type and result: accepted, or why not.", "type", "result")
        self.requests = self._counter("requests", "Requests answered, by route and status.", "route", "status")
        self.limited = self._counter("rate_limited", "Requests of keys that had sent more than they may.")
        self.kafka_errors = self._counter("kafka_errors", "Requests whose events Kafka did not acknowledge in time.")
        self.signatures = self._counter("webhooks_refused", "Webhooks whose signature or time did not fit.", "webhook")
        self.seconds = Histogram(
            "gapwatch_gateway_request_seconds",
            "From the head of a request to its answer, by route.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"gapwatch_gateway_{name}", meaning, labels, registry=self._registry)
