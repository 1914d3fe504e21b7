"""Log lines: for people (`console`) or for a collector (`json`), one format for our own and for the libraries'.

Lines tell what happened to how many records of which partition; never a text, a customer or a field of an event.
"""

import logging
import sys
import threading
import time
from typing import Any

import structlog

from gapwatch.pipeline.settings import Settings

# Faust (also under the names of our subclasses) and the clients tell of each rebalance and request.
_TALKATIVE = ("agents", "aiokafka", "asyncio", "faust", "kafka", "mode")
# Their debug lines show what they are configured with and what they send: passwords, tokens, texts.
_INDISCREET = ("aiokafka", "apprise", "kafka", "urllib3")
# Of one kind, by a library.
_LINES_A_MINUTE = 2
_MINUTE = 60.0
_KINDS = 1_000

_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(settings: Settings, **context: object) -> None:
    """Send the log lines of this process to standard error; `context` is put on each line."""

    def with_context(_logger: object, _method: str, line: dict[str, Any]) -> dict[str, Any]:
        return context | line

    shared = [*_SHARED, with_context]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings, shared))
    if settings.log_level != "debug":
        handler.addFilter(_FewOfAKind())
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    if settings.log_level == "debug":
        for name in _INDISCREET:
            logging.getLogger(name).setLevel(logging.INFO)
    else:
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        # It warns of each step of its own that took a tenth of a second, which on a busy machine says nothing.
        logging.getLogger("kafka.net.selector").setLevel(logging.ERROR)
        # It logs what it raises, with a traceback.
        logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)


class _FewOfAKind(logging.Filter):
    """Of what a library says again and again, whatever its values, a few lines a minute.

    A client tells of each request that a broker does not answer, which is sixty lines a second while one is away.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in _TALKATIVE:
            return True
        with self._lock:
            if len(self._kinds) > _KINDS:  # texts with values in them: none comes again
                self._kinds.clear()
            kind = self._kinds.setdefault((record.name, str(record.msg)), _Kind())
            left_out = kind.pass_on()
        if left_out:
            record.msg = f"{record.msg} ({left_out} more like this were left out)"
        return left_out is not None


class _Kind:
    """One text of one library: how many lines of it there were in its minute."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._lines = 0

    def pass_on(self) -> int | None:
        """None for a line too many; else how many were left out since the last one that was passed on."""
        now = time.monotonic()
        left_out = 0
        if now - self._began > _MINUTE:
            left_out = max(0, self._lines - _LINES_A_MINUTE)
            self._began, self._lines = now, 0
        self._lines += 1
        return left_out if self._lines <= _LINES_A_MINUTE else None


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `log = logger(__name__)`, then `log.info("what happened", topic=..., records=...)`."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound


def _formatter(settings: Settings, shared: list[Any]) -> logging.Formatter:
    if settings.log_format == "json":
        rendering: list[Any] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        rendering = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,  # the others show variables, which hold texts
            )
        ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )
