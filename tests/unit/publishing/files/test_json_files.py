import io
import json
from typing import Any

import pytest

from gapwatch.pipeline.publishing.files import json_files
from gapwatch.pipeline.publishing.files.json_files import json_records
from gapwatch.pipeline.publishing.files.record import Expected, FileError, Reading, Record

ROWS: list[dict[str, Any]] = [
    {"text": "好", "n": 1.5},
    {"text": "a]}\n,[", "n": {"x": [1]}},
    {"text": "", "n": 12345678901234567890},
]
EXPECTED = Expected(fields=frozenset({"text"}))


def read(text: str, **reading: Any) -> list[Record]:
    stream = io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8", newline="")
    return list(json_records(stream, "f", Reading(**reading, expected=EXPECTED), lambda _: None))


def values(records: list[Record]) -> list[Any]:
    return [json.loads(record.value or b"null") for record in records]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, ROWS)),
        json.dumps(ROWS),
        "\n\n " + json.dumps(ROWS, indent=2) + "\n",
        "\n".join(json.dumps(row, indent=2) for row in ROWS),
        json.dumps({"code": 0, "data": {"items": ROWS, "tags": ["a"], "none": []}}),
        json.dumps({"code": 0, "data": {"items": ROWS}}, indent=4),
    ],
    ids=["lines", "array", "pretty array", "pretty objects", "document", "pretty document"],
)
@pytest.mark.parametrize("chunk", [7, 64 * 1024])
def test_whichever_way_records_stand_they_are_read(text: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_files, "_CHUNK", chunk)
    records = read(text)
    assert values(records) == ROWS
    assert "12345678901234567890" in records[2].text


def test_records_know_their_lines() -> None:
    assert [record.line for record in read(json.dumps(ROWS, indent=1))] == [2, 6, 14]
    assert [record.line for record in read(json.dumps({"data": ROWS}, indent=1))] == [3, 7, 15]


def test_one_of_several_lists_is_named() -> None:
    text = json.dumps({"data": {"items": ROWS, "more": ROWS[:1]}})
    with pytest.raises(FileError, match=r"data\.items, data\.more; .*--records"):
        read(text)
    assert values(read(text, records="data.more")) == ROWS[:1]
    with pytest.raises(FileError, match="--records"):
        read(text, records="data.absent")


def test_an_event_with_a_list_is_no_document() -> None:
    assert values(read('{"text": "x", "turns": [{"role": "bot"}]}')) == [{"text": "x", "turns": [{"role": "bot"}]}]


def test_an_empty_list_is_no_record() -> None:
    assert read("[]") == read('{"code": 0, "data": []}') == read(" [ ] \n") == []


def test_broken_lines_are_records_of_their_own() -> None:
    records = read('{"text": "a\n{"text": "b"}\n[]\n')
    assert [(record.line, record.text) for record in records] == [(1, '{"text": "a'), (2, '{"text": "b"}'), (3, "[]")]


@pytest.mark.parametrize(
    "text", ['[{"text": "a"}, {"text": ', '[{"text": "a"} {"text": "b"}]', '[{"text": "a"}] x', "[}"]
)
def test_a_broken_array_names_the_line(text: str) -> None:
    with pytest.raises(FileError, match="is no JSON from line 1 on"):
        read(text)
