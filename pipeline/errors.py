"""The errors a user meets.

GapwatchError            one clear line for the command line; exit code 1
├── SettingsError        a setting is missing or wrong
├── StackError           the local Kafka or ClickHouse cannot start, stop or be reached
├── StoreError           ClickHouse refused, or the tables are not what this version expects
└── PublishError         Kafka did not accept an event
"""


class GapwatchError(Exception):
    """Something the user can act on. The message says what was wrong, where, and what to do."""


class SettingsError(GapwatchError):
    """A setting is missing or wrong."""


class StackError(GapwatchError):
    """The local Kafka or ClickHouse cannot start, stop or be reached."""


class StoreError(GapwatchError):
    """ClickHouse refused, or its tables are not what this version expects."""


class PublishError(GapwatchError):
    """Kafka did not accept an event."""
