"""The errors a user meets.

GapwatchError            one clear line for the command line; exit code 1
├── SettingsError        a setting is missing or wrong
├── StackError           the local Kafka or ClickHouse cannot start, stop or be reached
├── StoreError           ClickHouse refused, or the tables are not what this version expects
│   ├── StoreUnavailable ClickHouse cannot do it now; the same call may succeed later
│   │   └── StoreOutOfMemory  it may also succeed at once with less
│   └── RowsRefused      a value among the rows cannot be stored; the other rows can, without it
└── PublishError         Kafka did not accept an event
"""

from gapwatch.pipeline.words.catalogue import Message, message


def summary(error: BaseException) -> str:
    """The first line of an error's message; its kind where it has none, as a connection that ends."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class GapwatchError(Exception):
    """Something the user can act on. The message says what was wrong, where, and what to do.

    It is made of a text and the values of its {placeholders}. So logs write it in English, and whoever reads it has it
    in his language (`message`, see gapwatch.pipeline.words.catalogue.Speaker.again).
    """

    def __init__(self, text: str = "", /, **values: object) -> None:
        parts = {name: part.message if isinstance(part, GapwatchError) else part for name, part in values.items()}
        self.message: Message = text if isinstance(text, Message) else message(text, **parts)
        super().__init__(self.message)


class SettingsError(GapwatchError):
    """A setting is missing or wrong."""


class StackError(GapwatchError):
    """The local Kafka or ClickHouse cannot start, stop or be reached."""


class StoreError(GapwatchError):
    """ClickHouse refused, or its tables are not what this version expects."""


class StoreUnavailable(StoreError):  # noqa: N818 - a state that passes, not a fault
    """ClickHouse cannot do it now: down, overloaded, disk full. Repeating the call does no harm and may succeed."""


class StoreOutOfMemory(StoreUnavailable):
    """A query needs more memory than ClickHouse allows or has left: a call that asks for less may succeed at once."""


class RowsRefused(StoreError):  # noqa: N818 - a verdict about rows, not a fault
    """A value among the rows cannot be stored. Nothing of the batch is lost by storing it again in smaller parts."""


class PublishError(GapwatchError):
    """Kafka did not accept an event."""
