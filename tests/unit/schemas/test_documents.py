import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from gapwatch.pipeline.events.decode import Rejected, decode
from gapwatch.pipeline.kafka.topics import DEAD_LETTER_TOPICS, EVENT_TOPICS
from gapwatch.schemas.events import EventType
from gapwatch.schemas.examples import EXAMPLES
from gapwatch.schemas.generate import ROOT, asyncapi, documents, json_schema, with_tables

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TYPES = get_args(EventType)
EACH_EXAMPLE = [(event_type, name) for event_type in TYPES for name in EXAMPLES[event_type]]
TURN = {"role": "customer", "text": "在吗"}


@pytest.mark.parametrize("path", sorted(documents()), ids=lambda path: path.name)
def test_generated_files_are_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == documents()[path], "run: python -m gapwatch.schemas.generate"


@pytest.mark.parametrize("event_type", TYPES)
def test_the_json_schema_is_valid(event_type: EventType) -> None:
    Draft202012Validator.check_schema(json_schema(event_type))


@pytest.mark.parametrize(("event_type", "name"), EACH_EXAMPLE)
def test_every_example_keeps_the_contract(event_type: EventType, name: str) -> None:
    example = EXAMPLES[event_type][name]
    assert list(Draft202012Validator(json_schema(event_type)).iter_errors(example)) == []
    event = decode(event_type, json.dumps(example).encode(), NOW)
    assert decode(event_type, msgspec.json.encode(event), NOW) == event


@pytest.mark.parametrize(
    ("event_type", "changes"),
    [
        ("feedback", {}),
        ("feedback", {"event_id": ""}),
        ("feedback", {"event_id": "x" * 128}),
        ("feedback", {"event_id": "x" * 129}),
        ("feedback", {"event_id": "a\x00b"}),
        ("feedback", {"event_id": None}),
        ("feedback", {"channel": "tiktok"}),
        ("feedback", {"product_id": None}),
        ("feedback", {"product_id": ""}),
        ("feedback", {"rating": 6}),
        ("feedback", {"rating": "5"}),
        ("feedback", {"rating": None, "text": " \u3000"}),
        ("feedback", {"rating": 1, "text": ""}),
        ("feedback", {"text": "好" * 100_001}),
        ("feedback", {"shop": 7}),
        ("feedback", {"attributes": {"a": 1}}),
        ("feedback", {"attributes": {"": "x"}}),
        ("feedback", {"attributes": {"a": "x" * 10_001}}),
        ("feedback", {"attributes": {str(number): "" for number in range(101)}}),
        ("complaint", {"text": ""}),
        ("complaint", {"status": "lost"}),
        ("complaint", {"promised_at": None}),
        ("chat", {"turns": []}),
        ("chat", {"turns": [TURN] * 10_001}),
        ("chat", {"turns": [{**TURN, "role": "boss"}]}),
        ("chat", {"turns": [{**TURN, "mood": "bad"}]}),
        ("chat", {"turns": [{**TURN, "text": ""}]}),
        ("chat", {"conversation_id": 5}),
    ],
)
def test_the_schema_and_the_decoder_agree(event_type: EventType, changes: dict[str, Any]) -> None:
    event = next(iter(EXAMPLES[event_type].values())) | changes
    try:
        decode(event_type, json.dumps(event).encode(), NOW)
    except Rejected:
        accepted = False
    else:
        accepted = True
    assert Draft202012Validator(json_schema(event_type)).is_valid(event) == accepted


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def resolved(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_the_asyncapi_document_is_whole() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    for reference in references(document):
        assert resolved(document, reference)
    for operation in document["operations"].values():
        channel = resolved(document, operation["channel"]["$ref"])
        assert operation["action"] in {"send", "receive"}
        assert all(message["$ref"].rpartition("/")[2] in channel["messages"] for message in operation["messages"])


def test_the_asyncapi_document_names_every_topic() -> None:
    addresses = {channel["address"] for channel in asyncapi()["channels"].values()}
    assert addresses == {*EVENT_TOPICS, *DEAD_LETTER_TOPICS}


def test_asyncapi_schemas_keep_to_the_draft_that_asyncapi_extends() -> None:
    for schema in asyncapi()["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)


def test_tables_are_made_anew_and_the_rest_stays() -> None:
    page = "before\n<!-- table turn -->\nold\n<!-- end -->\nafter"
    made = with_tables(page)
    assert made.startswith("before\n<!-- table turn -->\n| field |")
    assert made.endswith("<!-- end -->\nafter")
    assert "old" not in made
    assert with_tables(made) == made


def test_the_repository_is_where_files_are_written() -> None:
    assert (ROOT / "pyproject.toml").is_file()
