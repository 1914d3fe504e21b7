"""What an application imports: `from gapwatch import Publisher`, and the events that it publishes.

The rooms of the repository (`pipeline`, `agents`, ...) are packages of this one, so that they cannot meet an
application's packages of the same names.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gapwatch.pipeline.publishing.publisher import DeliveryError, InvalidEventError, Publisher
    from gapwatch.schemas.events import Chat, Complaint, Feedback, Turn

__all__ = ["Chat", "Complaint", "DeliveryError", "Feedback", "InvalidEventError", "Publisher", "Turn"]

_HOMES = dict.fromkeys(("DeliveryError", "InvalidEventError", "Publisher"), "pipeline.publishing.publisher")
_HOMES |= dict.fromkeys(("Chat", "Complaint", "Feedback", "Turn"), "schemas.events")


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for: no command waits for the Kafka client that it does not use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
