"""The contract of dead letters: why a record became one, and what its headers tell."""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why a record is a dead letter, or was not published. A closed set: dashboards and commands group by it."""

    NULL_VALUE = "null_value"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_OBJECT = "not_object"
    TOO_DEEP = "too_deep"
    MISSING_FIELD = "missing_field"
    NULL_FIELD = "null_field"
    EMPTY_FIELD = "empty_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    TOO_LONG = "too_long"
    TEXT_TOO_LARGE = "text_too_large"
    EMPTY_TEXT = "empty_text"
    CONTROL_CHARACTER = "control_character"
    UNKNOWN_CHANNEL = "unknown_channel"
    UNKNOWN_ROLE = "unknown_role"
    UNKNOWN_STATUS = "unknown_status"
    UNKNOWN_FIELD = "unknown_field"
    ATTRIBUTE_CLASH = "attribute_clash"
    TIME_WITHOUT_OFFSET = "time_without_offset"
    TIME_UNPARSABLE = "time_unparsable"
    TIME_IN_FUTURE = "time_in_future"
    TIME_BEFORE_2000 = "time_before_2000"
    OLDER_THAN_RETENTION = "older_than_retention"
    READER_FAILED = "reader_failed"
    STORE_REFUSED = "store_refused"
    NOT_CSV = "not_csv"
    RECORD_TOO_LARGE = "record_too_large"
    RECORD_UNREADABLE = "record_unreadable"


MEANING: Final[dict[Reason, tuple[str, str]]] = {
    Reason.NULL_VALUE: ("The record has no value.", "Publish the event; delete nothing by publishing null."),
    Reason.NOT_UTF8: ("The bytes are not UTF-8.", "Encode as UTF-8; GBK and GB 18030 are the usual cause."),
    Reason.NOT_JSON: ("The text is not JSON, or starts with a byte-order mark.", "Write it with a JSON library."),
    Reason.NOT_OBJECT: ("The JSON is a list, a string, a number or null.", "One object per record."),
    Reason.TOO_DEEP: ("Nested deeper than 32 levels.", "Flatten what is no part of the contract."),
    Reason.MISSING_FIELD: ("A required field is absent.", "Fill it."),
    Reason.NULL_FIELD: ("A required field is null.", "Fill it; optional fields may be null."),
    Reason.EMPTY_FIELD: ('A required name is "" or a chat has no turns.', "Fill it."),
    Reason.WRONG_TYPE: (
        "A field has another JSON type.",
        "Ids and names are text, in quotes also where they are digits; a rating is a number, without quotes.",
    ),
    Reason.OUT_OF_RANGE: ("A rating outside 1 to 5.", "Map the channel's scale to 1–5."),
    Reason.TOO_LONG: ("A name, an attribute or the list of turns is too long.", "See the limits of the field."),
    Reason.TEXT_TOO_LARGE: (
        "A text of more than 100,000 characters, or a chat of more than 1,000,000.",
        "Nobody speaks that long: look for a pasted file or a loop.",
    ),
    Reason.EMPTY_TEXT: ("A blank text without a rating.", "Do not publish what says nothing."),
    Reason.CONTROL_CHARACTER: (
        "A name holds a control character or half a surrogate pair.",
        "Clean names before publishing. In texts such characters are replaced instead.",
    ),
    Reason.UNKNOWN_CHANNEL: ("A channel the contract does not know.", "Map it to one of the twelve."),
    Reason.UNKNOWN_ROLE: ("A turn of another role.", "customer, agent (a person) or bot."),
    Reason.UNKNOWN_STATUS: ("A complaint of another status.", "open, answered or resolved."),
    Reason.UNKNOWN_FIELD: ("A turn has a field the contract does not know.", "Put it into the event's attributes."),
    Reason.ATTRIBUTE_CLASH: (
        "An unknown field at the top has the name of an attribute, so that one would be lost.",
        "Name it once.",
    ),
    Reason.TIME_WITHOUT_OFFSET: ("A time without offset from UTC.", "Add it: 2026-11-22T10:00:00+08:00."),
    Reason.TIME_UNPARSABLE: ("A text that is no RFC 3339 time.", "2026-11-22T10:00:00+08:00."),
    Reason.TIME_IN_FUTURE: (
        "More than a day ahead of the worker's clock (a promise: ten years).",
        "Set the source's clock; once the day has come, a replay is accepted.",
    ),
    Reason.TIME_BEFORE_2000: (
        "A time before the year 2000.",
        "Usually an unset clock or seconds taken for milliseconds.",
    ),
    Reason.OLDER_THAN_RETENTION: (
        "The event is older than what the store keeps (`GAPWATCH_RETENTION_DAYS`).",
        "Keep more days and replay, or leave it out.",
    ),
    Reason.READER_FAILED: ("Reading the text failed: a fault of gapwatch.", "Report it; replay after the update."),
    Reason.STORE_REFUSED: ("ClickHouse refused the row: a fault of gapwatch.", "Report it; replay after the update."),
    Reason.NOT_CSV: (
        "Publishing only: a row of a CSV file has other cells than the header names.",
        "Quote cells that hold the delimiter, quotes or line breaks.",
    ),
    Reason.RECORD_TOO_LARGE: (
        "The record is larger than the topic takes (8 MiB as gapwatch creates it), also where compression hid it.",
        "Attributes can be that large; keep what is needed. The record itself stays in its topic.",
    ),
    Reason.RECORD_UNREADABLE: (
        "The batch in which it was published cannot be unpacked.",
        "Look at its publisher's Kafka client; publish again what the batch held.",
    ),
}
"""What each reason says, and what the publisher does about it."""

HEADERS: Final = {
    "gapwatch.reason": "One of the reasons.",
    "gapwatch.detail": "The place in the record, in words; never what the customer wrote.",
    "gapwatch.source-topic": "Topic of the record.",
    "gapwatch.source-partition": "Its partition.",
    "gapwatch.source-offset": "Its offset.",
    "gapwatch.source-timestamp": "Its Kafka timestamp, milliseconds since 1970; a replayed record carries it too.",
    "gapwatch.failed-at": "When the worker gave it up, RFC 3339.",
    "gapwatch.worker-version": "Version of gapwatch that gave it up.",
    "gapwatch.replays": "How many times it had been replayed before.",
    "gapwatch.left-out": "Its size in bytes, if it was too large to be kept here; otherwise 0.",
}
"""The headers of a dead letter, all UTF-8 text. Headers that the record had before stay beside them."""
