"""What stands in a record under a name: the cell of a column, or a value within JSON by its path."""

from collections.abc import Container, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

import msgspec

from gapwatch.pipeline.publishing.files.record import UNSEEN
from gapwatch.pipeline.publishing.profiles.profile import Joined, Source

Cells = Mapping[str, Any]
_ENDS_LINE = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4"})
_NO_TEXT = frozenset({"script", "style"})


def columns_of(source: Source) -> list[str]:
    """The columns that a source names."""
    if isinstance(source, str):
        return [source]
    return source.join if isinstance(source, Joined) else source


def cell(column: str, *scopes: Cells) -> Any:
    """What stands under a column's name in the first scope that has it; else by the name as a path; else None."""
    for scope in scopes:
        if column in scope:
            return scope[column]
    if "." not in column:
        return None
    parts = column.split(".")
    return next((found for scope in scopes if (found := _by_path(parts, scope)) is not None), None)


def _by_path(parts: Sequence[str], scope: Any) -> Any:
    for part in parts:
        if isinstance(scope, dict):
            scope = scope.get(part)
        elif isinstance(scope, list) and part.isdecimal() and int(part) < len(scope):
            scope = scope[int(part)]
        else:
            return None
    return scope


def narrowed(source: Source, names: Container[str]) -> Source:
    """A source without the columns that records with these names cannot have, so that each is not searched for them."""
    if isinstance(source, str):
        return source
    there = [column for column in columns_of(source) if column in names or column.partition(".")[0] in names]
    return Joined(there, source.between) if isinstance(source, Joined) else there


def chosen(source: Source, *scopes: Cells) -> list[str]:
    """The columns of a source that count: of a list the first that is filled, else the first that is there."""
    if not isinstance(source, list):
        return columns_of(source)
    there = [column for column in source if cell(column, *scopes) is not None]
    return [column for column in there if text_of(cell(column, *scopes))][:1] or there[:1]


def value_of(source: Source, *scopes: Cells) -> Any:
    """The value of a source, joined columns as one text; None where there is none."""
    columns = chosen(source, *scopes)
    if isinstance(source, Joined):
        return source.between.join(text for column in columns if (text := text_of(cell(column, *scopes)))) or None
    return cell(columns[0], *scopes) if columns else None


def text_of(value: Any) -> str:
    """A value as text, without what stands around it unseen; a list as its values with commas between."""
    if isinstance(value, str):
        return value.strip(UNSEEN)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list) and not any(isinstance(item, list | Mapping) for item in value):
        return ", ".join(text for item in value if (text := text_of(item)))
    if isinstance(value, list | Mapping):
        return msgspec.json.encode(value).decode() if value else ""
    return "" if value is None else str(value)


def without_tags(text: str) -> str:
    """The text of HTML, with lines where it has breaks and paragraphs; a picture is `[图片]`."""
    if "<" not in text and "&" not in text:
        return text
    parser = _TextOfHtml()
    parser.feed(text)
    parser.close()
    lines = ("".join(parser.pieces)).splitlines()
    return "\n".join(line for line in (" ".join(line.split()) for line in lines) if line)


class _TextOfHtml(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _NO_TEXT
        self.pieces += ["\n"] * (tag in _ENDS_LINE) + ["[图片]"] * (tag == "img")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _NO_TEXT and self._hidden > 0
        self.pieces += ["\n"] * (tag in _ENDS_LINE)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)


def names_in(value: Any, path: str = "", depth: int = 3) -> Iterator[tuple[str, Any]]:
    """The paths of what is not nested further within a record, each with its value; lists are not entered."""
    for name, inner in value.items():
        if isinstance(inner, Mapping) and depth > 1 and inner:
            yield from names_in(inner, f"{path}{name}.", depth - 1)
        else:
            yield f"{path}{name}", inner
