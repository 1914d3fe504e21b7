"""What an error of ClickHouse means for the work at hand: try again, leave a row out, or stop.

Codes are ClickHouse's (`system.errors`); messages change between versions and are never matched.
"""

import struct
from traceback import walk_tb
from typing import Literal

from clickhouse_driver import errors as driver
from clickhouse_driver.columns.service import write_column

from gapwatch.pipeline.errors import RowsRefused, StoreError, StoreOutOfMemory, StoreUnavailable
from gapwatch.pipeline.words.catalogue import gettext_noop, message

Verdict = Literal["retry", "retry with less", "refuse", "stop"]

# Code: (verdict, why). What is not named here stops: unknown trouble must be seen, and nothing was acknowledged.
CODES: dict[int, tuple[Verdict, str]] = {
    3: ("retry", gettext_noop("the connection ended in mid-answer")),
    32: ("retry", gettext_noop("the connection ended in mid-answer")),
    74: ("retry", gettext_noop("the server's disk cannot be read")),
    75: ("retry", gettext_noop("the server's disk cannot be written, mostly because it is full")),
    76: ("retry", gettext_noop("the server has no file handle or no disk space left")),
    88: ("retry", gettext_noop("the server's disk is full")),
    159: ("retry", gettext_noop("the query took longer than the server allows, which load explains")),
    160: ("retry", gettext_noop("the query was slower than the server allows, which load explains")),
    198: ("retry", gettext_noop("the host name does not resolve now")),
    202: ("retry", gettext_noop("too many queries at once")),
    203: ("retry", gettext_noop("no free connection between replicas")),
    209: ("retry", gettext_noop("no answer in time")),
    210: ("retry", gettext_noop("the server cannot be reached")),
    225: ("retry", gettext_noop("the server has lost its Keeper")),
    236: ("retry", gettext_noop("the server is shutting down")),
    241: ("retry with less", gettext_noop("the server is short of memory")),
    242: ("retry", gettext_noop("the replica is read-only until it has its Keeper back")),
    243: ("retry", gettext_noop("the server's disk is full")),
    252: ("retry", gettext_noop("the server merges more slowly than parts arrive")),
    279: ("retry", gettext_noop("no shard answers")),
    285: ("retry", gettext_noop("fewer replicas live than the quorum asks for")),
    286: ("retry", gettext_noop("the quorum has not confirmed the write before this one")),
    289: ("retry", gettext_noop("this replica lags behind the quorum")),
    319: ("retry", gettext_noop("it is unknown whether the rows were stored; storing them again does no harm")),
    394: ("retry", gettext_noop("the query was cancelled, as at a shutdown")),
    425: ("retry", gettext_noop("a system call of the server failed")),
    439: ("retry", gettext_noop("the server has no thread left")),
    473: ("retry", gettext_noop("two queries would have waited for each other")),
    745: ("retry", gettext_noop("the server is overloaded")),
    999: ("retry", gettext_noop("the server's Keeper failed")),
    1001: ("retry", gettext_noop("the server's standard library failed, mostly because the disk is full")),
    6: ("refuse", gettext_noop("a value cannot be parsed")),
    53: ("refuse", gettext_noop("a value is of another type than its column")),
    69: ("refuse", gettext_noop("a value is out of its column's range")),
    70: ("refuse", gettext_noop("a value cannot be converted to its column's type")),
    117: ("refuse", gettext_noop("a value breaks its column's format")),
    128: ("refuse", gettext_noop("an array is too large")),
    131: ("refuse", gettext_noop("a string is too large")),
    190: ("refuse", gettext_noop("nested arrays differ in length")),
    321: ("refuse", gettext_noop("a value is out of its column's range")),
    349: ("refuse", gettext_noop("NULL in a column that takes none")),
    33: ("stop", gettext_noop("a part of a table is damaged; see Recover in docs/how-to/operate.md")),
    40: ("stop", gettext_noop("a part of a table is damaged; see Recover in docs/how-to/operate.md")),
    246: ("stop", gettext_noop("a part of a table is damaged; see Recover in docs/how-to/operate.md")),
    10: ("stop", gettext_noop("a column is missing: the tables are not what this version expects")),
    16: ("stop", gettext_noop("a column is missing: the tables are not what this version expects")),
    47: ("stop", gettext_noop("a name is unknown: the tables are not what this version expects")),
    60: ("stop", gettext_noop("a table is missing; create the tables with: gapwatch init")),
    81: ("stop", gettext_noop("the database is missing; create it with: gapwatch init")),
    62: ("stop", gettext_noop("the server does not understand the query; it may be too old")),
    115: ("stop", gettext_noop("the server does not know a setting; it may be too old")),
    164: ("stop", gettext_noop("the user may only read")),
    192: ("stop", gettext_noop("the user is unknown; look at GAPWATCH_CLICKHOUSE")),
    193: ("stop", gettext_noop("the password is wrong; look at GAPWATCH_CLICKHOUSE")),
    194: ("stop", gettext_noop("a password is needed; look at GAPWATCH_CLICKHOUSE")),
    497: ("stop", gettext_noop("the user lacks a right")),
    516: ("stop", gettext_noop("user or password is wrong; look at GAPWATCH_CLICKHOUSE")),
}
_KINDS: dict[Verdict, type[StoreError]] = {
    "retry": StoreUnavailable,
    "retry with less": StoreOutOfMemory,
    "refuse": RowsRefused,
    "stop": StoreError,
}

# What the driver raises when a value does not fit the column it is encoded for, before anything is sent.
_ENCODING_ERRORS = (struct.error, OverflowError, TypeError, ValueError, AttributeError)


def store_error(error: Exception, server: str, *, inserting: bool = False) -> StoreError:
    """The error of the store that `error`, raised by the driver, amounts to; `server` is host:port for the message.

    Rows can only be refused while `inserting` them: of a query, the same code or exception is a fault of the program.
    """
    if isinstance(error, driver.PartiallyConsumedQueryError | driver.UnexpectedPacketFromServerError):
        return StoreUnavailable("ClickHouse at {server}: the connection lost step; it is opened anew", server=server)
    if isinstance(error, driver.Error):
        return _of_code(error, server, inserting=inserting)
    if isinstance(error, OSError | EOFError):
        return StoreUnavailable(
            "ClickHouse at {server} cannot be reached: {error}", server=server, error=error or type(error).__name__
        )
    if inserting and isinstance(error, _ENCODING_ERRORS) and _of_encoding(error):
        # The message of an encoding error quotes the value: what a customer wrote stays out of logs.
        return RowsRefused("a row cannot be stored: {name} while its values were encoded", name=type(error).__name__)
    return StoreError(
        "ClickHouse at {server}: {name} in the driver; a fault of gapwatch, report it",
        server=server,
        name=type(error).__name__,
    )


def _of_encoding(error: Exception) -> bool:
    """Whether the driver raised it while writing a column of rows: it has no class of its own for that."""
    return any(frame.f_code is write_column.__code__ for frame, _ in walk_tb(error.__traceback__))


def _of_code(error: driver.Error, server: str, *, inserting: bool) -> StoreError:
    verdict, why = CODES.get(error.code, ("stop", gettext_noop("an error that gapwatch does not know")))
    kind = StoreError if verdict == "refuse" and not inserting else _KINDS[verdict]
    detail = "" if verdict == "refuse" else f": {_first_line(error)}"
    return kind(
        gettext_noop("ClickHouse at {server}: {why} (code {code}){detail}"),
        server=server,
        why=message(why),
        code=error.code,
        detail=detail,
    )


def _first_line(error: driver.Error) -> str:
    lines = str(error.message or "").strip().splitlines()
    return lines[0].removesuffix(" Stack trace:")[:300] if lines else type(error).__name__
