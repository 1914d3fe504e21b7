"""From the records of a file to events: columns become fields, values those of the contract, each event gets an id."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.publishing.files.own_words import words_of
from gapwatch.pipeline.publishing.files.record import Expected, Record
from gapwatch.pipeline.publishing.files.transcripts import turns_of
from gapwatch.pipeline.publishing.files.values import converted, is_nothing
from gapwatch.pipeline.words.catalogue import message
from gapwatch.schemas.events import EVENT_TYPES, EventType


class Row(NamedTuple):
    """One event of a file: the line it starts on, the text it has there, and its bytes as JSON.

    `event_id` is the one that the file gives, empty where it gives none. Where there are no bytes, `fault` tells what
    is broken, or `skipped` why the row is no event. `rows` is of how many rows of the file it was made,
    `of` the channel and the customer it is of.
    """

    line: int
    text: str
    value: bytes = b""
    event_id: str = ""
    fault: Rejected | None = None
    skipped: str = ""
    rows: int = 1
    of: str = ""


def required_fields(event_type: EventType) -> frozenset[str]:
    """The fields that a file must give each event of this type; an absent `event_id` is made."""
    fields = msgspec.structs.fields(EVENT_TYPES[event_type])
    return frozenset(field.name for field in fields if field.required) - {"event_id"}


@dataclass(frozen=True)
class Shape:
    """How the columns of a file become fields of the contract.

    `columns` maps a field to its name in the file; other columns keep their names, but for those to be left out.
    `constants` are for events whose field is absent. `timezone` is that of times without offset. `converters` make
    the value of a field from that of the file, before the forms are read that are read anyway; they raise Rejected.
    """

    event_type: EventType
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    timezone: ZoneInfo | None = None
    left_out: frozenset[str] = frozenset()
    converters: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    def expected(self) -> Expected:
        """What a file of this shape should hold."""
        required = required_fields(self.event_type)
        fields = required - self.columns.keys() - self.constants.keys()
        needed = frozenset(self.columns.get(name, name) for name in required - self.constants.keys())
        names = frozenset(EVENT_TYPES[self.event_type].__struct_fields__)
        columns = frozenset(self.columns.values())
        return Expected(columns | self.left_out, fields, names | columns, needed)

    def rows(self, records: Iterable[Record], name: str) -> Generator[Row]:
        """The events of a file's records.

        An event without `event_id` gets one made of `name`, the sheet or file within, line, the text of the row
        and the constants. So the same
        row is the same event each time the file is read with the same constants, also when other options are
        corrected; other constants make another event. Give a `name` that does not change between runs, and differs
        between files.
        """
        for record in records:
            yield self._row(record, name)

    def _row(self, record: Record, name: str) -> Row:
        row = Row(record.line, record.text, fault=record.fault, skipped=record.skipped, rows=record.rows)
        if row.fault or row.skipped:
            return row
        if record.value is not None and not record.fields:
            return row._replace(value=record.value)  # no object; decoding says what it is
        try:
            fields = self.fields(record.fields)
        except Rejected as rejected:
            return row._replace(fault=rejected)
        if not _says_something(fields):
            return row._replace(skipped=message("the customer wrote nothing, and gave no rating"))
        if "event_id" not in fields:
            return row._replace(value=msgspec.json.encode({"event_id": self._made_id(record, name), **fields}))
        as_it_is = record.value is not None and fields == record.fields
        value = record.value if as_it_is and record.value else msgspec.json.encode(fields)
        of = "\n".join(_text(fields.get(name)) for name in ("channel", "customer_id"))
        return row._replace(value=value, event_id=_text(fields["event_id"]), of=of)

    def fields(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of the contract from those of the file.

        Raises Rejected when a column would displace another, or a value is none of its field.
        """
        names = {column: name for name, column in self.columns.items()}
        kept = {column: value for column, value in found.items() if column not in self.left_out}
        fields = {names.get(column, column): value for column, value in kept.items()}
        if len(fields) < len(kept):
            raise Rejected(Reason.ATTRIBUTE_CLASH, message("two columns are to become one field"))
        fields = {name: value for name, value in fields.items() if name == "text" or not is_nothing(name, value)}
        fields |= {name: value for name, value in self.constants.items() if name not in fields}
        fields = {name: self._converted(name, value) for name, value in fields.items()}
        if transcript := _text(fields.get("turns")):
            fields["turns"] = self._turns(transcript, fields)
        return _with_own_words(fields) if "text" in EVENT_TYPES[self.event_type].__struct_fields__ else fields

    def _converted(self, name: str, value: Any) -> Any:
        if name in self.converters:
            value = self.converters[name](value)
        return converted(name, value, self.timezone)

    def _turns(self, transcript: str, fields: Mapping[str, Any]) -> list[dict[str, str]]:
        """The turns of a transcript, the day taken from the event's time where it gives only the clock."""
        began = None
        with suppress(ValueError):
            began = datetime.fromisoformat(_text(fields.get("event_time", "")))
        return turns_of(transcript, self.timezone, began)

    def _made_id(self, record: Record, name: str) -> str:
        constants = (f"{field}={value}" for field, value in sorted(self.constants.items()))
        parts = [*filter(None, (name, record.part)), str(record.line), record.text, *constants]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _with_own_words(fields: dict[str, Any]) -> dict[str, Any]:
    """The customer's own words as text, the others as attributes; as it is where all are the customer's."""
    words = words_of(_text(fields.get("text", "")))
    if not words.quoted and not words.filled_in:
        return fields
    made = fields | {"text": words.own}
    for name, text in (("quoted", words.quoted), ("filled_in", words.filled_in)):
        if text:
            made[name + "_" * (name in fields)] = text
    return made


def _says_something(fields: Mapping[str, Any]) -> bool:
    """False where others' words were all the text, and no rating says anything either."""
    return fields.get("text") != "" or "rating" in fields or not fields.keys() & {"quoted", "filled_in"}


def _text(value: Any) -> str:
    """The text of a field, which is JSON where it comes from a JSON file."""
    if isinstance(value, Raw):
        with suppress(ValueError):
            value = msgspec.json.decode(value)
    return value if isinstance(value, str) else ""
