"""A profile applied: records of an export → events, each with the place where it is refused or passed over.

for row in apply(profile, [webhook_body], "chatwoot"):
    row.value    # the event as JSON, to be published; its contract is checked there
    row.fault    # why there is none
    row.skipped  # why there need be none
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.publishing.files.record import Expected, Reading, Record
from gapwatch.pipeline.publishing.files.shape import Row, Shape, required_fields
from gapwatch.pipeline.publishing.files.transcripts import MessageColumns, conversations
from gapwatch.pipeline.publishing.files.values import plain
from gapwatch.pipeline.publishing.profiles.cells import Cells, cell, chosen, columns_of, narrowed, text_of, value_of
from gapwatch.pipeline.publishing.profiles.field_values import constants_of, field_value
from gapwatch.pipeline.publishing.profiles.profile import Profile, Source
from gapwatch.pipeline.publishing.profiles.row_rules import RowRule, apart, why_passed_over
from gapwatch.pipeline.publishing.profiles.turns import SpokenTurn, TurnReader, customer_of
from gapwatch.pipeline.words.catalogue import message

# Under these names a row of messages holds its turn while conversations are gathered; no column is called so.
_ROLE, _TEXT, _AT = "\0role", "\0text", "\0at"
# What a conversation has of its own, beside the columns of the record: the name under which the customer speaks.
CUSTOMER = "customer"
# A profile that comes with gapwatch may name dozens of columns for one field.
_SHOWN = 4
# Rows of a table have the same names; those of JSON may differ.
_KINDS_OF_RECORDS = 1_000


def with_options(
    profile: Profile,
    columns: Mapping[str, str],
    constants: Mapping[str, str],
    left_out: Iterable[str],
    timezone: ZoneInfo | None,
) -> Profile:
    """The profile with what is said beside it, which wins."""
    times = msgspec.structs.replace(profile.times, timezone=timezone.key) if timezone else profile.times
    return msgspec.structs.replace(
        profile,
        columns=profile.columns | dict(columns),
        constants=profile.constants | dict(constants),
        leave_out=[*profile.leave_out, *left_out],
        times=times,
    )


def reading_of(profile: Profile, given: Mapping[str, Any]) -> Reading:
    """How the file of a profile is to be read; what is given wins."""
    own = msgspec.structs.asdict(profile.file)
    own["file_format"] = own.pop("format")
    del own["fill_down"]
    said = {name: value for name, value in given.items() if value is not None}
    return Reading(**(own | said), expected=Application(profile).expected())


def apply(profile: Profile, objects: Iterable[Mapping[str, Any]], name: str) -> list[Row]:
    """The events of objects as JSON has them, such as the bodies of webhooks; `line` counts them from 1.

    `name` says where they come from; of it, the object and its number an event without id gets its own.
    """
    records = (Record(line, msgspec.json.encode(one).decode(), one) for line, one in enumerate(objects, 1))
    return list(Application(profile).rows(records, name))


def gathers_rows(profile: Profile) -> bool:
    """Whether each row is a message, so that conversations are gathered from the rows of the whole file."""
    conversation = profile.conversation
    inner = conversation and (conversation.messages or conversation.transcript)
    return bool(profile.turns) and not inner


class Application:
    """A profile, ready to be applied to the records of one file."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        zone = ZoneInfo(profile.times.timezone) if profile.times.timezone else None
        self._shape = Shape(profile.type, constants=constants_of(profile), timezone=zone)
        self._turns = TurnReader(profile, zone)
        self._rules = [RowRule.of(rule) for rule in profile.skip]
        self._required = required_fields(profile.type) - profile.constants.keys()
        self._of_turns = frozenset(_columns_of_turns(profile))
        self._named = self._of_turns.union(*map(columns_of, (profile.columns | profile.attributes).values()))
        self._by_rows = gathers_rows(profile)
        self._narrowed: dict[tuple[str, ...], dict[str, Source]] = {}
        self._seen: set[str] = set()
        self._above: dict[str, Any] = {}
        self._begun: set[str] = set()
        self._broken: dict[str, int] = {}

    def expected(self) -> Expected:
        """What a file should hold: the columns that have no others in their place, and all that are known."""
        needed = [source for name, source in self._profile.columns.items() if name in self._required]
        if self._by_rows:
            needed += [source for turn in self._profile.turns for source in (turn.text, turn.speaker) if source]
        conversation = self._profile.conversation
        needed += [
            source for source in (conversation and (conversation.transcript or conversation.messages),) if source
        ]
        columns = {column for source in needed for column in columns_of(source) if len(columns_of(source)) == 1}
        plain_columns = frozenset(column for column in columns - {CUSTOMER} if "." not in column)
        return Expected(plain_columns, frozenset(), self._named, plain_columns)

    def rows(self, records: Iterable[Record], name: str, tell: Callable[[str], object] | None = None) -> Generator[Row]:
        """The events of records. `tell` hears at the end which columns of the profile no record had."""
        prepared = map(self._prepared, records)
        made = self._conversations(prepared) if self._by_rows else map(self._single, prepared)
        yield from self._shape.rows(made, name)
        if tell and self._seen and (absent := self._absent()):
            tell(message("no row has a column for: {fields}", fields=", ".join(absent)))

    def _prepared(self, record: Record) -> Record:
        """The record with its cells as values, those that are empty filled from above."""
        if record.fault or record.skipped:
            return record
        if record.value is not None and not record.fields:
            detail = message("no object, and a profile is applied to objects")
            return record._replace(fault=Rejected(Reason.NOT_OBJECT, detail))
        cells = {column: plain(value) for column, value in record.fields.items()}
        for column in self._profile.file.fill_down:
            if text_of(cells.get(column)):
                self._above[column] = cells[column]
            elif column in self._above:
                cells[column] = self._above[column]
        self._seen |= self._named & cells.keys()
        return record._replace(fields=cells, value=None)

    def _single(self, record: Record) -> Record:
        """The event of one record."""
        if record.fault or record.skipped:
            return record
        rules, inner = apart(self._rules, record.fields)
        if why := why_passed_over(rules, record.fields):
            return record._replace(skipped=why)
        try:
            if self._profile.conversation is None:
                return self._checked(record._replace(fields=self._fields(record.fields)))
            return self._with_turns(record, inner)
        except Rejected as rejected:
            return record._replace(fault=rejected)

    def _with_turns(self, record: Record, rules: list[RowRule]) -> Record:
        cells = record.fields
        conversation = self._profile.conversation
        if conversation and conversation.messages:
            turns = list(self._turns.of_list(cell(conversation.messages, cells), cells, rules))
        else:
            columns = self._profile.columns
            time = field_value(self._profile, "event_time", columns.get("event_time", []), cells)
            turns = list(self._turns.of_transcript(cells, time or self._profile.constants.get("event_time"), rules))
        return self._with_defaults(record, self._fields(cells, {CUSTOMER: customer_of(turns)}), turns)

    def _with_defaults(self, record: Record, fields: dict[str, Any], turns: list[SpokenTurn]) -> Record:
        if not turns:
            return record._replace(skipped=message("nobody says anything in this conversation"))
        made = fields | {"turns": [turn.fields() for turn in turns]}
        if "event_time" not in made and turns[0].at:
            made["event_time"] = turns[0].at
        return self._checked(record._replace(fields=_with_id(made)))

    def _conversations(self, records: Iterable[Record]) -> Iterator[Record]:
        columns = MessageColumns("conversation_id", _ROLE, _TEXT, _AT, frozenset({"customer_id", "channel"}))
        messages = (made for record in records for made in self._messages(record))
        for record in conversations(messages, columns):
            line = self._broken.get(text_of(record.fields.get("conversation_id")))
            if line is not None:
                detail = message("the message of line {line} is refused, and with it its conversation", line=line)
                yield record._replace(fault=Rejected(Reason.WRONG_TYPE, detail))
                continue
            if record.fault or record.skipped:
                yield record
                continue
            fields = {name: value for name, value in record.fields.items() if value != ""}
            at = fields.pop(_AT, "")
            yield self._checked(record._replace(fields=_with_id({"event_time": at} | fields if at else fields)))

    def _messages(self, record: Record) -> Iterator[Record]:
        """A row as messages: one, or several where it holds a question and an answer."""
        if record.fault or record.skipped:
            yield record
            return
        if why := why_passed_over(apart(self._rules, record.fields)[0], record.fields):
            yield record._replace(skipped=why)
            return
        try:
            turns = self._turns.of_message(record.fields)
            fields = self._fields(record.fields, {CUSTOMER: customer_of(turns)})
        except Rejected as rejected:
            # Without one of its messages a conversation would say something else.
            conversation = text_of(value_of(self._profile.columns.get("conversation_id", []), record.fields))
            self._broken.setdefault(conversation, record.line)
            yield record._replace(fault=rejected, fields={})
            return
        conversation = text_of(fields.get("conversation_id"))
        if conversation in self._begun:
            fields.pop("event_time", None)  # a conversation has the time of its first row
        self._begun.add(conversation)
        for turn in turns:
            yield record._replace(fields=fields | {_ROLE: turn.role, _TEXT: turn.text, _AT: turn.at})
        if not turns:
            yield record._replace(skipped=message("nobody says anything in this row"))

    def _fields(self, cells: Cells, *more: Cells) -> dict[str, Any]:
        """The fields and attributes of a record.

        Raises Rejected where a value is none of its field.
        """
        profile = self._profile
        fields: dict[str, Any] = {}
        used = set(self._of_turns)
        for name, source in self._sources(cells).items():
            value = field_value(profile, name, source, cells, *more)
            used.update(chosen(source, cells))
            if value is not None and (value != "" or name == "text"):
                fields[name] = value
        return fields | self._others(cells, used.union(fields))

    def _sources(self, cells: Cells) -> dict[str, Source]:
        """The sources of fields and attributes, narrowed to what records with the same names have."""
        names = tuple(cells)
        if names not in self._narrowed:
            if len(self._narrowed) >= _KINDS_OF_RECORDS:
                self._narrowed.clear()
            there = frozenset((*names, CUSTOMER))
            every = self._profile.columns | self._profile.attributes
            found = {name: narrowed(source, there) for name, source in every.items()}
            self._narrowed[names] = {name: source for name, source in found.items() if columns_of(source)}
        return self._narrowed[names]

    def _others(self, cells: Cells, used: set[str]) -> dict[str, str]:
        """The columns that become attributes under their own names."""
        if self._profile.others == "leave_out":
            return {}
        left = cells.keys() - used - set(self._profile.leave_out)
        return {column: text for column in cells if column in left and (text := text_of(cells[column]))}

    def _checked(self, record: Record) -> Record:
        """The record, with a fault where it lacks a field that each event must have."""
        missing = sorted(self._required - record.fields.keys())
        if not missing:
            return record
        told = ", ".join(f"{name} ({_shown(self._profile.columns.get(name))})" for name in missing)
        detail = message(
            "nothing in the columns of {missing}; the row has {columns}",
            missing=told,
            columns=", ".join(column for column in record.fields if not column.startswith("\0")),
        )
        return record._replace(fault=Rejected(Reason.MISSING_FIELD, detail))

    def _absent(self) -> list[str]:
        """Fields of which no record has a column, with the column where only one was named."""
        profile = self._profile
        return [
            name if isinstance(source, list) else f"{name} ({_shown(source)})"
            for name, source in (profile.columns | profile.attributes).items()
            if not (profile.type == "chat" and name == "event_time")  # which the first turn has too
            if not any(column in self._seen or "." in column or column == CUSTOMER for column in columns_of(source))
        ]


def _columns_of_turns(profile: Profile) -> Iterator[str]:
    """The columns that make the turns of conversations."""
    conversation = profile.conversation
    sources: list[Source | None] = [source for turn in profile.turns for source in (turn.text, turn.speaker, turn.at)]
    sources += [conversation.messages, conversation.transcript] if conversation else []
    for source in sources:
        yield from columns_of(source) if source else ()


def _shown(source: Source | None) -> str:
    columns = columns_of(source) if source else []
    return ", ".join([*columns[:_SHOWN], *["…"] * (len(columns) > _SHOWN)]) or "—"


def _with_id(fields: dict[str, Any]) -> dict[str, Any]:
    """A conversation is known by its id: a later export of it, with more turns, is a correction."""
    conversation = fields.get("conversation_id")
    return {"event_id": conversation} | fields if conversation else fields
