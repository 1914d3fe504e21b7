"""How a conversation went: the order of its turns, how long the customer waited, whether anybody answered.

order          By time when every turn has one (turns of one instant as given), else as given.
response       From the customer's first turn to the first turn after it of a person (`agent`), or of a `bot`.
resolution     From the customer's first turn to the end: `ended_at`, else the last turn. None if unanswered.
longest wait   The longest time from a customer's turn to the next turn of a person. What the customer adds before that
               answer does not start the time anew; an unanswered customer waits until `ended_at`.
unanswered     The customer had the last word, and no person replied to the first one. A bot's last word is an answer.

Times are in seconds. A span is None where a time is missing, where it would be negative because clocks disagree, and
where it would exceed `LONGEST_SPAN`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from gapwatch.schemas.events import Chat, Role, Turn

# Chats last minutes, over a weekend days. A month is a wrong clock, or two conversations under one id.
LONGEST_SPAN = timedelta(days=30)


class Conversation(Struct, frozen=True):
    """The measures of one conversation, by the definitions above."""

    turns: tuple[Turn, ...]
    first_response_seconds: float | None
    bot_response_seconds: float | None
    resolution_seconds: float | None
    longest_wait_seconds: float | None
    unanswered: bool
    customer_spoke_last: bool


def measure(chat: Chat) -> Conversation:
    """The measures of one conversation; `turns` are in order."""
    turns = ordered(chat.turns)
    unanswered = is_unanswered(turns)
    return Conversation(
        turns=turns,
        first_response_seconds=response_seconds(turns, "agent"),
        bot_response_seconds=response_seconds(turns, "bot"),
        resolution_seconds=None if unanswered else resolution_seconds(turns, chat.ended_at),
        longest_wait_seconds=longest_wait_seconds(turns, chat.ended_at if unanswered else None),
        unanswered=unanswered,
        customer_spoke_last=turns[-1].role == "customer",
    )


def ordered(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """By time when every turn has one, else as given."""
    times = [turn.at for turn in turns if turn.at is not None]
    if len(times) < len(turns):
        return tuple(turns)
    return tuple(turns[index] for index in sorted(range(len(turns)), key=times.__getitem__))


def response_seconds(turns: Sequence[Turn], role: Role) -> float | None:
    """From the customer's first turn to the first turn of `role` after it."""
    asked = _first(turns, "customer")
    answered = None if asked is None else _first(turns, role, asked)
    if asked is None or answered is None:
        return None
    return _span(turns[asked].at, turns[answered].at)


def resolution_seconds(turns: Sequence[Turn], ended_at: datetime | None) -> float | None:
    """From the customer's first turn to the end."""
    asked = _first(turns, "customer")
    return None if asked is None else _span(turns[asked].at, ended_at or turns[-1].at)


def longest_wait_seconds(turns: Sequence[Turn], gave_up_at: datetime | None = None) -> float | None:
    """The longest time the customer waited for a person; a customer who gave up waited until then."""
    return max((wait for wait in _waits(turns, gave_up_at) if wait is not None), default=None)


def is_unanswered(turns: Sequence[Turn]) -> bool:
    """The customer had the last word, and no person replied to the first one."""
    asked = _first(turns, "customer")
    return asked is not None and turns[-1].role == "customer" and _first(turns, "agent", asked) is None


def _waits(turns: Sequence[Turn], gave_up_at: datetime | None) -> Iterator[float | None]:
    waiting: Turn | None = None
    for turn in turns:
        if turn.role == "customer":
            waiting = waiting or turn
        elif turn.role == "agent" and waiting:
            yield _span(waiting.at, turn.at)
            waiting = None
    if waiting:
        yield _span(waiting.at, gave_up_at)


def _first(turns: Sequence[Turn], role: Role, start: int = 0) -> int | None:
    return next((index for index in range(start, len(turns)) if turns[index].role == role), None)


def _span(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None or not timedelta() <= end - start <= LONGEST_SPAN:
        return None
    return (end - start).total_seconds()
