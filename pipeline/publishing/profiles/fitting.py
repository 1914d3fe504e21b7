"""What of a document fits its type, and every place that does not: several faults are told at once."""

import re
from difflib import get_close_matches
from functools import cache
from typing import Any, NamedTuple

from msgspec import inspect

from gapwatch.pipeline.publishing.profiles.toml_places import Document, Path
from gapwatch.pipeline.words.catalogue import Message, message

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Fault(NamedTuple):
    """What is wrong in a profile, the line where it stands, and its key, empty for the profile as a whole."""

    line: int
    key: str
    what: str

    def __str__(self) -> str:
        return self.told()

    def told(self) -> Message:
        """The fault in one line."""
        if self.key:
            return message("line {line}: {key}: {what}", line=self.line, key=self.key, what=self.what)
        return message("line {line}: {what}", line=self.line, what=self.what)


def near(name: str, known: "tuple[str, ...] | list[str]") -> str:
    """The name that was probably meant; empty where none is near."""
    by_lower = {one.lower(): one for one in known}
    return next((by_lower[one] for one in get_close_matches(name.lower(), by_lower, 1, 0.6)), "")


def _shown(path: Path) -> str:
    """A place as TOML would write it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else f'"{part}"'
            text += f".{key}" if text else key
    return text


class Faults:
    """The faults of a document, gathered."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.faults: list[Fault] = []
        self._places: set[Path] = set()

    def add(self, path: Path, what: str) -> None:
        self._places.add(path)
        self.faults.append(Fault(self._document.line(path), _shown(path), what))

    def within(self, path: Path) -> bool:
        """Whether something at a place, around it or within it is at fault already."""
        return any(one[: len(path)] == path[: len(one)] for one in self._places if one)

    def fitted(self, value: Any, kind: inspect.Type, path: Path) -> Any:
        """What of a value fits a type; each part that does not is told and left out."""
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        if isinstance(kind, inspect.UnionType):
            return self._one_of(value, kind, path)
        if isinstance(kind, inspect.StructType):
            return self._struct(value, kind, path)
        if isinstance(kind, inspect.DictType):
            return self._table(value, kind, path)
        if isinstance(kind, inspect.ListType):
            return self._list(value, kind, path)
        return self._leaf(value, kind, path)

    def _one_of(self, value: Any, kind: inspect.UnionType, path: Path) -> Any:
        kinds = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        by_form = {inspect.StructType: dict, inspect.ListType: list, inspect.DictType: dict}
        chosen = [one for one in kinds if isinstance(value, by_form.get(type(one), _Scalar))]
        if not chosen:
            self.add(path, message("this must be {kind}", kind=" / ".join(dict.fromkeys(map(_called, kinds)))))
            return _NOTHING
        if len(chosen) == 1:
            return self.fitted(value, chosen[0], path)
        fitting = [one for one in chosen if _fits(value, one)]
        if fitting:
            return value
        self.add(path, _no_fit(value, chosen))
        return _NOTHING

    def _struct(self, value: Any, kind: inspect.StructType, path: Path) -> Any:
        if not isinstance(value, dict):
            self.add(path, message("this must be {kind}", kind=_called(kind)))
            return _NOTHING
        known = {field.encode_name: field for field in kind.fields}
        for name in value.keys() - known.keys():
            self.add((*path, name), unknown(name, tuple(known)))
        kept = {}
        for name, field in known.items():
            if name in value:
                fitted = self.fitted(value[name], field.type, (*path, name))
                if fitted is not _NOTHING:
                    kept[name] = fitted
            elif field.required:
                self.add(path, _missing(name, field.type))
        return _NOTHING if path and any(f.required and f.encode_name not in kept for f in kind.fields) else kept

    def _table(self, value: Any, kind: inspect.DictType, path: Path) -> Any:
        if not isinstance(value, dict):
            self.add(path, message("this must be {kind}", kind=_called(kind)))
            return _NOTHING
        fitted = {name: self.fitted(one, kind.value_type, (*path, name)) for name, one in value.items()}
        return {name: one for name, one in fitted.items() if one is not _NOTHING}

    def _list(self, value: Any, kind: inspect.ListType, path: Path) -> Any:
        if not isinstance(value, list):
            of_tables = isinstance(kind.item_type, inspect.StructType) and path
            what = message("this must be a list of tables, each under [[{name}]]", name=path[-1]) if of_tables else None
            self.add(path, what or message("this must be {kind}", kind=_called(kind)))
            return _NOTHING
        if len(value) < (kind.min_length or 0):
            self.add(path, message("this list is empty"))
            return _NOTHING
        fitted = [self.fitted(one, kind.item_type, (*path, number)) for number, one in enumerate(value)]
        return [one for one in fitted if one is not _NOTHING]

    def _leaf(self, value: Any, kind: inspect.Type, path: Path) -> Any:
        if _fits(value, kind):
            return value
        self.add(path, _no_fit(value, [kind]))
        return _NOTHING


_NOTHING: Any = object()
_Scalar = (str, int, float)


def _fits(value: Any, kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.LiteralType):
        return isinstance(value, str) and value in kind.values
    if isinstance(kind, inspect.StrType):
        return isinstance(value, str)
    if isinstance(kind, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(kind, inspect.IntType):
        return isinstance(value, int) and not isinstance(value, bool) and value >= (kind.ge or -(2**63))
    if isinstance(kind, inspect.FloatType):
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return False


def _no_fit(value: Any, kinds: list[inspect.Type]) -> Message:
    literals = [one for kind in kinds if isinstance(kind, inspect.LiteralType) for one in kind.values]
    if literals and isinstance(value, str):
        return unknown(value, tuple(map(str, literals)))
    return message("this must be {kind}", kind=" / ".join(dict.fromkeys(map(_called, kinds))))


def unknown(name: str, known: tuple[str, ...]) -> Message:
    if meant := near(name, known):
        return message("{name} is not known here; did you mean {meant}?", name=name, meant=meant)
    return message("{name} is not known here; there are: {known}", name=name, known=", ".join(known))


def _missing(name: str, kind: inspect.Type) -> Message:
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.LiteralType):
        return message("{name} is missing: one of {known}", name=name, known=", ".join(map(str, kind.values)))
    return message("{name} is missing", name=name)


@cache
def _names_of_kinds() -> dict[type[inspect.Type], Message]:
    return {
        inspect.StructType: message("a table"),
        inspect.DictType: message("a table"),
        inspect.ListType: message("a list"),
        inspect.StrType: message("a text in quotation marks"),
        inspect.BoolType: message("true or false"),
        inspect.IntType: message("a whole number"),
        inspect.FloatType: message("a number"),
    }


def _called(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.LiteralType):
        return message("one of {known}", known=", ".join(map(str, kind.values)))
    return _names_of_kinds()[type(kind)]
