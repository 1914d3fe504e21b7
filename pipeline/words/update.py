"""Bring the catalogue to what the code says: `python -m gapwatch.pipeline.words.update`.

New texts are added without a translation, those that nothing says are taken out, and the compiled file is written anew.
"""

import ast
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from gapwatch.pipeline.words.catalogue import DOMAIN, FOLDER

ROOMS = ("agents", "commands", "dashboards", "pipeline", "schemas")
PO = FOLDER / "zh" / "LC_MESSAGES" / f"{DOMAIN}.po"
MO = PO.with_suffix(".mo")

# The errors of ours; a text of theirs is said where somebody reads it.
ERRORS = (
    "DeliveryError",
    "FileError",
    "GapwatchError",
    "GrafanaError",
    "GrafanaUnavailable",
    "InvalidEventError",
    "ProfileError",
    "PublishError",
    "RequestError",
    "RowsRefused",
    "SettingsError",
    "StackError",
    "StoreError",
    "StoreOutOfMemory",
    "StoreUnavailable",
)

_PACKAGE = Path(__file__).parents[2]
# By what texts are said, or made to be said elsewhere.
_KEYWORDS = ("say", "message", "gettext_noop", *ERRORS)
_OF_CLICK = ("command", "group", "option", "argument")


def said() -> dict[str, list[str]]:
    """Every text that the code says, and in which files."""
    found: dict[str, list[str]] = {}
    for room in ROOMS:
        for path in sorted((_PACKAGE / room).rglob("*.*")):
            for text in dict.fromkeys(_texts_in(path)):
                found.setdefault(text, []).append(path.relative_to(_PACKAGE).as_posix())
    return found


def _texts_in(path: Path) -> Iterator[str]:
    if path.suffix == ".py":
        yield from _texts_of_code(path.read_text(encoding="utf-8"))
    elif path.parent.name == "templates":
        with path.open("rb") as file:
            yield from (str(text) for _, text, _, _ in extract("jinja2", file, keywords=dict.fromkeys(_KEYWORDS)))


def _texts_of_code(code: str) -> Iterator[str]:
    """Texts in calls of the keywords, also within f-strings, which Babel passes over; and the help of commands."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in _KEYWORDS:
                yield from (text for one in node.args[:1] for text in _literal(one))
            if _called(node) in _OF_CLICK:
                yield from (text for word in node.keywords if word.arg == "help" for text in _literal(word.value))
        elif isinstance(node, ast.FunctionDef) and any(_called(one) in _OF_CLICK for one in node.decorator_list):
            docstring = ast.get_docstring(node)  # none where the help is an argument of the decorator
            yield from [docstring] if docstring else []


def _called(node: ast.expr) -> str:
    """The last part of the name that is called."""
    function = node.func if isinstance(node, ast.Call) else node
    return str(getattr(function, "attr", getattr(function, "id", "")))


def _literal(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def updated(old: Catalog) -> Catalog:
    """The catalogue of what the code says, with the translations that there are."""
    new = Catalog(
        locale=old.locale,
        header_comment="# The Chinese of gapwatch; the English stands in the code.",
        project="gapwatch",
        version="",
        msgid_bugs_address="",
        last_translator="",
        language_team="",
        creation_date=old.creation_date,
        revision_date=old.creation_date,
        fuzzy=False,
    )
    for text, files in said().items():
        known = old.get(text)
        new.add(text, known.string if known else "", [(file, 0) for file in files])
    return new


def read() -> Catalog:
    """The catalogue as it stands."""
    with PO.open("rb") as file:
        return read_po(file)


def compiled(catalogue: Catalog) -> bytes:
    """What the standard library's gettext reads."""
    buffer = BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def main() -> None:
    catalogue = updated(read())
    with PO.open("wb") as file:
        write_po(file, catalogue, width=120, include_lineno=False, sort_by_file=True)
    MO.write_bytes(compiled(catalogue))
    missing = [str(message.id) for message in catalogue if message.id and not message.string]
    print(f"{len(catalogue)} texts, {len(missing)} without a translation", *missing, sep="\n  ")


if __name__ == "__main__":
    main()
