"""A guess written down as TOML, with what was guessed and what is left to decide."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

from gapwatch.pipeline.publishing.files.shape import required_fields
from gapwatch.pipeline.publishing.profiles.column_names import SAID, SAID_AT, SPEAKER
from gapwatch.pipeline.publishing.profiles.guessing import Guess, Guessed
from gapwatch.pipeline.words.catalogue import gettext_noop
from gapwatch.schemas.events import CLOSED_FIELDS, EVENT_TYPES, Role

Say = Callable[..., str]
_WHY = {"name": gettext_noop("by its name"), "values": gettext_noop("by its values")}
_CHOICES = {
    **CLOSED_FIELDS,
    "rating": ("1", "2", "3", "4", "5"),
}
_OPTIONAL = ("order_id", "product_id", "region")


def draft(guess: Guess, source: str, say: Say) -> str:
    """The TOML of a first profile; `say` says its comments in the reader's language.

    It says all that is known, and has a line beginning with `#` for each thing that a person has to decide.
    """
    parts = (_file, _columns, _constants, _values, _ratings, _times, _conversation, _turns, _skip)
    lines = [*_top(guess, source, say), *(line for part in parts for line in part(guess, say))]
    return "\n".join(lines).rstrip() + "\n"


def draft_of_transcript(profile: str, speakers: Iterable[str], source: str, say: Say) -> str:
    """The TOML of a profile for transcripts, with a line for each speaker of whom nothing is known."""
    table = "[conversation.roles]\n"
    choices = _to_decide(say, ", ".join(get_args(Role)))
    asked = "".join(f"# {_quoted(name)} = …{_comment(choices)}\n" for name in speakers)
    return "\n".join(_heading(source, say)) + "\n" + profile.replace(table, table + asked)


def _heading(source: str, say: Say) -> Iterator[str]:
    yield "# " + say("Made from {file}. Look at each line, decide what is left to decide, then try it:", file=source)
    yield f"#   gapwatch check {source} --profile THIS-FILE"
    yield ""


def _top(guess: Guess, source: str, say: Say) -> Iterator[str]:
    yield from _heading(source, say)
    yield f"type = {_quoted(guess.type)}" + _comment(say("the others: {types}", types=_but(EVENT_TYPES, guess.type)))
    if guess.others:
        yield ""
        yield "# " + say(
            "These become attributes; name here those that are not to: {columns}", columns=_all(guess.others)
        )
    yield "leave_out = []"
    yield ""


def _file(guess: Guess, say: Say) -> Iterator[str]:
    if not guess.file:
        return
    told = {"fill_down": say("a guess: cells are merged"), "records": say("by its values")}
    yield "[file]"
    for key, value in guess.file.items():
        yield f"{key} = {_quoted(value)}" + (_comment(told[key]) if key in told else "")
    yield ""


def _columns(guess: Guess, say: Say) -> Iterator[str]:
    yield "[columns]"
    fields = EVENT_TYPES[guess.type].__struct_fields__
    named = {name: one for name, one in guess.columns.items() if name in fields}
    for name, one in named.items():
        yield _assigned(name, one, say)
    made = {"turns"} | ({"event_time"} if SAID_AT in guess.turn or guess.transcript else set())
    for name in sorted(required_fields(guess.type) - named.keys() - made - guess.constants.keys()):
        yield _undecided(name, say("which column? or a value for all rows under [constants]"), say)
    for name in _OPTIONAL:
        if name not in named:
            yield f"# {name} = …" + _comment(say("if there is one"))
    attributes = {name: one for name, one in guess.columns.items() if name not in named}
    if attributes:
        yield ""
        yield "[attributes]"
        yield from (_assigned(name, one, say) for name, one in attributes.items())
    yield ""


def _constants(guess: Guess, say: Say) -> Iterator[str]:
    if not guess.constants:
        return
    yield "[constants]"
    for name, value in guess.constants.items():
        others = say("a guess; one of {known}", known=", ".join(_CHOICES[name])) if name in _CHOICES else say("a guess")
        yield f"{name} = {_quoted(value)}" + _comment(others)
    yield ""


def _values(guess: Guess, say: Say) -> Iterator[str]:
    for name in guess.columns:
        meanings, unknown = guess.meanings.get(name, {}), guess.unknown.get(name, [])
        if meanings or unknown:
            yield f"[values.{name}]"
            yield from (f"{_quoted(value)} = {_quoted(meaning)}" for value, meaning in meanings.items())
            choices = ", ".join(_CHOICES.get(name, ()))
            yield from (f"# {_quoted(value)} = …" + _comment(_to_decide(say, choices)) for value in unknown)
            yield ""


def _ratings(guess: Guess, say: Say) -> Iterator[str]:
    if guess.scale and "rating" in guess.columns:
        worst, best = guess.scale
        yield "[ratings]" + _comment(say("a guess by the values"))
        yield f"worst = {worst:g}"
        yield f"best = {best:g}"
        yield ""


def _times(guess: Guess, say: Say) -> Iterator[str]:
    if guess.without_offset:
        yield "[times]"
        yield 'timezone = "Asia/Shanghai"' + _comment(say("a guess: the times have no offset"))
        yield ""


def _conversation(guess: Guess, say: Say) -> Iterator[str]:
    found = {"messages": guess.messages, "transcript": guess.transcript, "customer": guess.customer}
    if any(found.values()):
        yield "[conversation]"
        yield from (f"{key} = {_quoted(name)}" + _comment(say("by its values")) for key, name in found.items() if name)
        yield ""
    if guess.roles or guess.nobody:
        yield "[conversation.roles]"
        yield from (f"{_quoted(name)} = {_quoted(role)}" for name, role in guess.roles.items())
        choices = _to_decide(say, ", ".join(get_args(Role)))
        yield from (f"# {_quoted(name)} = …" + _comment(choices) for name in guess.nobody)
        yield ""


def _turns(guess: Guess, say: Say) -> Iterator[str]:
    if not guess.turn:
        return
    yield "[[turns]]"
    for key, part in (("speaker", SPEAKER), ("text", SAID), ("at", SAID_AT)):
        if part in guess.turn:
            yield _assigned(key, guess.turn[part], say)
        elif key != "at":
            yield _undecided(key, say("which column?"), say)
    yield ""


def _skip(guess: Guess, say: Say) -> Iterator[str]:
    for column, values in guess.passed_over.items():
        yield "[[skip]]" + _comment(say("a guess: these are no words of people"))
        yield f"column = {_quoted(column)}"
        yield f"is = [{', '.join(map(_quoted, values))}]"
        yield ""


def _assigned(name: str, one: Guessed, say: Say) -> str:
    joined = ", ".join(map(_quoted, (one.column, *one.sequels)))
    column = f'{{ join = [{joined}], between = "\\n" }}' if one.sequels else _quoted(one.column)
    return f"{name} = {column}" + _comment(say(_WHY[one.why]))


def _undecided(name: str, question: str, say: Say) -> str:
    return f"# {name} = …" + _comment(_to_decide(say, question))


def _to_decide(say: Say, what: str) -> str:
    return say("to decide: {what}", what=what)


def _comment(text: str) -> str:
    return f"  # {text}"


def _quoted(value: Any) -> str:
    """A value as TOML has it; JSON's texts are TOML's, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _but(names: Any, one: str) -> str:
    return ", ".join(name for name in names if name != one)


def _all(names: list[str]) -> str:
    return ", ".join(" ".join(name.split()) for name in names)
