"""ClickHouse: tables, writing events, deriving aggregates."""

from gapwatch.pipeline.store.aggregates import Aggregates as Aggregates
from gapwatch.pipeline.store.connection import ClickHouse as ClickHouse
from gapwatch.pipeline.store.connection import connect as connect
from gapwatch.pipeline.store.event_store import EventStore as EventStore
from gapwatch.pipeline.store.lost_records import LostRecords as LostRecords
from gapwatch.pipeline.store.migrations import migrate as migrate
