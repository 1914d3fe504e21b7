"""Whether Kafka and ClickHouse answer, how far workers are behind, what they missed, when an event was stored last."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeVar

from clickhouse_driver.errors import Error, ErrorCodes
from kafka.errors import KafkaError

from gapwatch.pipeline.endpoints import Endpoints
from gapwatch.pipeline.errors import SettingsError, summary
from gapwatch.pipeline.kafka.lost import Lost, count
from gapwatch.pipeline.kafka.topics import Progress, progress
from gapwatch.pipeline.settings import settings
from gapwatch.pipeline.store import LostRecords, connect
from gapwatch.pipeline.words.catalogue import message

T = TypeVar("T")

_NO_TABLES_YET = {ErrorCodes.UNKNOWN_TABLE, ErrorCodes.UNKNOWN_DATABASE}


class Health(NamedTuple):
    """`lag` by topic; `last_write` None when nothing has been stored; `problems` empty when both servers answer.

    `lost` by topic: records of the last four weeks that left the topic before a worker read them.
    """

    lag: dict[str, int]
    lost: dict[str, int]
    last_write: datetime | None
    problems: list[str]


def examine(servers: Endpoints) -> Health:
    """Ask both servers; what they refuse is a problem in the result, not an error."""
    problems: list[str] = []
    reached = Progress({}, [])
    last_write, noted = None, list[Lost]()
    try:
        reached = progress(settings().group)
    except KafkaError as error:
        problems.append(message("Kafka at {kafka} does not answer: {error}", kafka=servers.kafka, error=summary(error)))
    try:
        last_write, noted = _stored(servers.clickhouse)
    except (Error, OSError, EOFError, SettingsError) as error:
        problems.append(message("ClickHouse does not answer: {error}", error=summary(error)))
    return Health(reached.lag, count([*reached.lost, *noted]), last_write, problems)


def _stored(url: str) -> tuple[datetime | None, list[Lost]]:
    """When an event was stored last, and what workers noted as lost."""
    with connect(url) as client:
        [(stored, events)] = _unless_new(
            lambda: client.execute("SELECT max(stored_at), count() FROM events"), [(None, 0)]
        )
        return stored if events else None, _unless_new(LostRecords(client, settings().group).noted, [])


def _unless_new(query: Callable[[], T], otherwise: T) -> T:
    """What a query finds, or `otherwise` where its table is yet to be made."""
    try:
        return query()
    except Error as error:
        if error.code in _NO_TABLES_YET:
            return otherwise
        raise
