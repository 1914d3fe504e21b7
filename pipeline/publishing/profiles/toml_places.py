"""TOML with the line of each of its keys, so that a fault can be told where it stands."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_QUOTED = re.compile(r"""\"[^"]*"|'[^']*'|\#.*""")
_MOST_FAULTS = 50


class SyntaxFault(NamedTuple):
    """A place that is no TOML. `lacks_quotes` where other characters than ASCII stand outside of quotation marks."""

    line: int
    what: str
    lacks_quotes: bool


class Document(NamedTuple):
    """What TOML says, as far as it can be read; the lines of its keys; and what is no TOML of it."""

    content: dict[str, Any]
    lines: dict[Path, int]
    faults: list[SyntaxFault]

    def line(self, path: Path) -> int:
        """The line of a place, or of the nearest place around it; 1 where it stands nowhere."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_toml(text: str) -> Document:
    """Read TOML. A line that cannot be read is told and left out; after a broken table nothing more is told."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    faults: list[SyntaxFault] = []
    while len(faults) < _MOST_FAULTS:
        try:
            content = tomllib.loads("\n".join(lines))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            fault = _fault(error, lines)
            faults.append(fault)
            broken = lines[fault.line - 1]
            if not broken.strip() or broken.lstrip().startswith("["):
                return Document({}, {}, faults)
            lines[fault.line - 1] = ""
        else:
            return Document(content, dict(_places(lines)), faults)
    return Document({}, {}, faults)


def _fault(error: Exception, lines: list[str]) -> SyntaxFault:
    found = _LINE.search(str(error))
    number = min(int(found[1]) if found and found[1] else len(lines), len(lines))
    what = _LINE.sub("", str(error)).splitlines()[0]
    return SyntaxFault(number, what, not _QUOTED.sub("", lines[number - 1]).isascii())


def _places(lines: list[str]) -> Iterator[tuple[Path, int]]:
    """The path of each key with its line; tables of an array are numbered from 0."""
    table: Path = ()
    numbers: dict[Path, int] = {}
    for number, statement in _statements(lines):
        content = tomllib.loads(statement)
        if statement.lstrip().startswith("[["):
            path = _header(content)
            numbers[path] = numbers.get(path, -1) + 1
            table = (*path, numbers[path])
            yield table, number
            if not numbers[path]:
                yield path, number
        elif statement.lstrip().startswith("["):
            table = _header(content)
            yield table, number
        else:
            yield from ((table + path, number) for path in _paths(content))


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines that say something, those that belong together in one; each with the number of the first."""
    began, held = 0, ""
    for number, line in enumerate(lines, 1):
        if not held and (not line.strip() or line.lstrip().startswith("#")):
            continue
        began, held = (began, f"{held}\n{line}") if held else (number, line)
        if _is_whole(held):
            yield began, held
            held = ""


def _is_whole(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _header(content: Any) -> Path:
    """The keys of a table's header, which is all that the content has."""
    path: Path = ()
    while isinstance(content, dict) and content:
        ((key, content),) = content.items()
        path = (*path, key)
    return path


def _paths(content: dict[str, Any]) -> Iterator[Path]:
    """The paths of all keys, the longest first."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from ((key, *path) for path in _paths(value))
        yield (key,)
