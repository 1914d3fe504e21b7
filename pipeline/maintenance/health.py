"""Whether Kafka and ClickHouse answer, how far the workers are behind, and when an event was stored last."""

from datetime import datetime
from typing import NamedTuple

from clickhouse_driver.errors import Error, ErrorCodes
from kafka.errors import KafkaError

from gapwatch.pipeline.endpoints import Endpoints
from gapwatch.pipeline.errors import SettingsError, summary
from gapwatch.pipeline.kafka.topics import lag
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store import connect
from gapwatch.pipeline.words.catalogue import message

_NO_TABLES_YET = {ErrorCodes.UNKNOWN_TABLE, ErrorCodes.UNKNOWN_DATABASE}


class Health(NamedTuple):
    """`lag` by topic; `last_write` None when nothing has been stored; `problems` empty when both servers answer."""

    lag: dict[str, int]
    last_write: datetime | None
    problems: list[str]


def examine(servers: Endpoints) -> Health:
    """Ask both servers; what they refuse is a problem in the result, not an error."""
    problems: list[str] = []
    behind: dict[str, int] = {}
    last_write = None
    try:
        behind = lag(settings().group)
    except KafkaError as error:
        problems.append(message("Kafka at {kafka} does not answer: {error}", kafka=servers.kafka, error=summary(error)))
    try:
        last_write = _last_write(servers.clickhouse)
    except (Error, OSError, EOFError, SettingsError) as error:
        problems.append(message("ClickHouse does not answer: {error}", error=summary(error)))
    return Health(behind, last_write, problems)


def _last_write(url: str) -> datetime | None:
    with connect(url) as client:
        try:
            [(stored, count)] = client.execute("SELECT max(stored_at), count() FROM events")
        except Error as error:
            if error.code in _NO_TABLES_YET:
                return None
            raise
    return stored if count else None
