"""The reference of profiles says what the types say, and the profiles that come with gapwatch are sound."""

import typing
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest
from support.repository import ROOT

from gapwatch.pipeline.publishing.profiles import profile as types
from gapwatch.pipeline.publishing.profiles.library import load_profile, shipped_names
from gapwatch.pipeline.publishing.profiles.profile import Profile

PAGE = (ROOT / "docs" / "reference" / "profiles.md").read_text(encoding="utf-8")
TABLES = {
    Profile: "At the top",
    types.FileOptions: "[file]",
    types.Joined: "Joined columns",
    types.Times: "[times]",
    types.Scale: "[ratings]",
    types.Conversation: "[conversation]",
    types.TurnSource: "[[turns]]",
    types.Rule: "[[skip]]",
}


NAMES = {str: "text", bool: "`true`, `false`", int: "whole number", float: "number"}


def called(kind: Any) -> str:
    """A type as the reference names it."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind in (types.Source, types.Scalar):
        return "column, list of columns, or joined columns" if kind == types.Source else "text or number"
    if origin is typing.Annotated:
        return called(parts[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in parts)
    if origin in {typing.Union, UnionType}:
        return ", ".join(dict.fromkeys(called(one) for one in parts if one is not type(None)))
    of_tables = origin is list and parts[0] in TABLES
    listed = {list: "tables" if of_tables else "list of texts", dict: f"table of {called(parts[-1])}" if parts else ""}
    return listed.get(origin) or NAMES.get(kind, "table")


def rows(kind: type[msgspec.Struct]) -> list[str]:
    hints = typing.get_type_hints(kind, include_extras=True)
    made = ["| key | what it is | meaning |", "|---|---|---|"]
    for field in msgspec.structs.fields(kind):
        annotated = hints[field.name]
        meta = next(one for one in annotated.__metadata__ if isinstance(one, msgspec.Meta))
        required = ", required" if field.required else ""
        made.append(f"| `{field.encode_name}` | {called(annotated)}{required} | {meta.description} |")
    return made


@pytest.mark.parametrize(("kind", "heading"), TABLES.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_the_reference_says_what_the_types_say(kind: type[msgspec.Struct], heading: str):
    assert f"## {heading}\n" in PAGE
    assert "\n".join(rows(kind)) in PAGE


@pytest.mark.parametrize("name", shipped_names())
def test_profiles_that_come_with_gapwatch_are_sound(name: str):
    assert load_profile(name).about
    assert f"| `{name}` |" in PAGE
