"""The turns of conversations: out of messages in a list, messages in rows, or a transcript."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo

import msgspec

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.publishing.files.times import rfc_3339
from gapwatch.pipeline.publishing.files.transcripts import role_of, spoken
from gapwatch.pipeline.publishing.profiles.cells import Cells, narrowed, text_of, value_of, without_tags
from gapwatch.pipeline.publishing.profiles.field_values import in_usual_form
from gapwatch.pipeline.publishing.profiles.profile import Conversation, Profile, TurnSource
from gapwatch.pipeline.publishing.profiles.row_rules import RowRule, why_passed_over
from gapwatch.pipeline.words.catalogue import message
from gapwatch.schemas.events import Role

# Rows of a table have the same names; messages of JSON may differ.
_KINDS_OF_MESSAGES = 1_000
_OF_TRANSCRIPT = TurnSource(text="text", speaker="speaker", at="at")


class SpokenTurn(NamedTuple):
    """A turn, and the name of who speaks."""

    role: str
    text: str
    at: str
    speaker: str

    def fields(self) -> dict[str, str]:
        """As the contract has it."""
        return {"role": self.role, "text": self.text} | ({"at": self.at} if self.at else {})


class TurnReader:
    """Reads turns as a profile says."""

    def __init__(self, profile: Profile, zone: ZoneInfo | None) -> None:
        self._profile = profile
        self._zone = zone
        self._conversation = profile.conversation or Conversation()
        self._wordless = frozenset(self._conversation.wordless)
        self._narrowed: dict[tuple[tuple[str, ...], ...], list[TurnSource]] = {}
        self._roles = [(_pattern(name), role) for name, role in self._conversation.roles.items()]

    def of_message(self, *scopes: Cells) -> list[SpokenTurn]:
        """The turns of one message or row: one, or several where the profile names several columns that are filled.

        Raises Rejected where nobody is known to speak so.
        """
        sources = self._sources(scopes)
        found = [self._turn(source, scopes) for source in sources]
        return [turn for turn in found if turn.text or (len(sources) == 1 and (turn.speaker or turn.at))]

    def _sources(self, scopes: tuple[Cells, ...]) -> list[TurnSource]:
        """Where turns stand, narrowed to what messages with the same names have."""
        names = tuple(map(tuple, scopes))
        if names not in self._narrowed:
            if len(self._narrowed) >= _KINDS_OF_MESSAGES:
                self._narrowed.clear()
            there = frozenset(chain(*names))
            self._narrowed[names] = [_narrowed(source, there) for source in self._profile.turns]
        return self._narrowed[names]

    def of_list(self, messages: Any, record: Cells, rules: Iterable[RowRule]) -> Iterator[SpokenTurn]:
        """The turns of a list of messages within a record.

        Raises Rejected where it is no list of messages, its detail naming the message.
        """
        rules = list(rules)
        if not isinstance(messages, list) or not all(isinstance(one, Mapping) for one in messages):
            raise Rejected(
                Reason.WRONG_TYPE, message("{path} is no list of messages", path=self._conversation.messages)
            )
        for number, one in enumerate(messages):
            if why_passed_over(rules, one):
                continue
            try:
                yield from self.of_message(one, record)
            except Rejected as rejected:
                detail = message(
                    "{path}[{number}]: {detail}",
                    path=self._conversation.messages,
                    number=number,
                    detail=rejected.detail,
                )
                raise Rejected(rejected.reason, detail) from None

    def of_transcript(self, record: Cells, event_time: Any, rules: Iterable[RowRule]) -> Iterator[SpokenTurn]:
        """The turns of a transcript, the day taken from the event's time where the transcript gives only the clock.

        Raises Rejected where it is none, or nobody is known to speak so.
        """
        rules = list(rules)
        transcript = text_of(value_of(self._conversation.transcript or [], record))
        for said in spoken(
            without_tags(transcript) if self._profile.html else transcript,
            self._zone,
            self._day(text_of(event_time)),
            self._speakers(record, rules),
        ):
            cells = said._asdict()
            if not why_passed_over(rules, cells):
                yield self._turn(_OF_TRANSCRIPT, (cells, record))

    def _turn(self, source: TurnSource, scopes: tuple[Cells, ...]) -> SpokenTurn:
        text = text_of(value_of(source.text, *scopes))
        text = without_tags(text) if self._profile.html else text
        text = "" if text in self._wordless else text
        at = in_usual_form(self._profile, text_of(value_of(source.at, *scopes))) if source.at else ""
        speaker = text_of(value_of(source.speaker, *scopes)) if source.speaker else ""
        if source.role:
            return SpokenTurn(source.role, text, at, speaker)
        role = self._role(speaker, scopes) if text or speaker or at else ""
        return SpokenTurn(role, text, at, speaker)

    def _role(self, speaker: str, scopes: tuple[Cells, ...]) -> str:
        customer = self._conversation.customer
        if speaker and customer and text_of(value_of(customer, *scopes)) == speaker:
            return "customer"
        for pattern, role in self._roles:
            if pattern.fullmatch(speaker):
                return role
        if (known := role_of(speaker)) in get_args(Role):
            return known
        raise Rejected(
            Reason.UNKNOWN_ROLE,
            message(
                "who is {speaker}: customer, agent or bot? Say so under [conversation.roles], or pass over what is no "
                "word of anybody with [[skip]]",
                speaker=f"“{speaker[:40]}”" if speaker else "(—)",
            ),
        )

    def _speakers(self, record: Cells, rules: Iterable[RowRule]) -> dict[str, str]:
        """Names that tell the head of a turn: those of the profile, and those that it passes over."""
        names: dict[str, str] = {name.rstrip("*"): role for name, role in self._conversation.roles.items()}
        if customer := text_of(value_of(self._conversation.customer or [], record)):
            names[customer] = "customer"
        passed_over = [name for rule in rules if rule.column == "speaker" for name in rule.values]
        return {name: role for name, role in names.items() if name and "*" not in name} | {
            name: name for name in passed_over if name
        }

    def _day(self, event_time: str) -> datetime | None:
        with suppress(ValueError, Rejected):
            return datetime.fromisoformat(rfc_3339(event_time, self._zone))
        return None


def _narrowed(source: TurnSource, names: Container[str]) -> TurnSource:
    return msgspec.structs.replace(
        source,
        text=narrowed(source.text, names),
        speaker=narrowed(source.speaker, names) if source.speaker else None,
        at=narrowed(source.at, names) if source.at else None,
    )


def _pattern(name: str) -> re.Pattern[str]:
    """A name in which `*` stands for any characters, whatever its case."""
    return re.compile(".*".join(map(re.escape, name.split("*"))), re.IGNORECASE | re.DOTALL)


def fits(name: str, speaker: str) -> bool:
    """Whether a speaker has a name of a profile, in which `*` stands for any characters."""
    return _pattern(name).fullmatch(speaker) is not None


def customer_of(turns: Iterable[SpokenTurn]) -> str:
    """The name under which the customer speaks; empty where there is none."""
    return next((turn.speaker for turn in turns if turn.role == "customer" and turn.speaker), "")
