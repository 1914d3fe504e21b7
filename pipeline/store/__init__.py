"""ClickHouse: tables, writing events, deriving aggregates, recounting."""

from pipeline.store.aggregates import Aggregates as Aggregates
from pipeline.store.connection import ClickHouse as ClickHouse
from pipeline.store.connection import connect as connect
from pipeline.store.events import EventStore as EventStore
from pipeline.store.findings import Found as Found
from pipeline.store.findings import Recount as Recount
from pipeline.store.migrations import migrate as migrate
from pipeline.store.recount import recount as recount
