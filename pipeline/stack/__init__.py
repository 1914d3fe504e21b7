"""A real Kafka and a real ClickHouse from Python packages alone, for work, tests and the demo."""

from gapwatch.pipeline.stack.local import LocalStack, ServiceStatus

__all__ = ["LocalStack", "ServiceStatus"]
