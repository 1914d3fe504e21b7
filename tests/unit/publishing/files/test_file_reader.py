import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.events.decode import Rejected, decode
from gapwatch.pipeline.publishing.files.encodings import detect_encoding
from gapwatch.pipeline.publishing.files.file_reader import read_records
from gapwatch.pipeline.publishing.files.record import Expected, FileError, FileFormat, Reading
from gapwatch.pipeline.publishing.files.shape import Row, Shape
from gapwatch.schemas.events import Chat

SHANGHAI = ZoneInfo("Asia/Shanghai")
EVENT = {"event_id": "e1", "event_time": "2026-01-02T03:04:05Z", "channel": "app", "customer_id": "c", "text": "好"}


class Loose(Shape):
    """A shape that needs no field, so that a test names only what it is about."""

    def expected(self) -> Expected:
        return replace(super().expected(), fields=frozenset())


def rows_of(stream: io.BufferedReader, name: str, shape: Shape, **reading: Any) -> Iterator[Row]:
    return shape.rows(read_records(stream, name, Reading(**reading, expected=shape.expected()), lambda _: None), name)


def read(data: bytes, file_format: FileFormat = "csv", encoding: str | None = None, **shape: Any) -> list[Row]:
    stream = io.BufferedReader(io.BytesIO(data))
    return list(rows_of(stream, "f", Loose("feedback", **shape), file_format=file_format, encoding=encoding))


def fields(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row.value)
    return found


def one(data: str, **shape: Any) -> dict[str, Any]:
    (row,) = read(data.encode(), **shape)
    return fields(row)


def line(**changes: Any) -> bytes:
    return json.dumps(EVENT | changes, ensure_ascii=False).encode()


def test_json_lines_pass_as_they_are() -> None:
    lines = [line(), b'{"event_id":"e2",  "text":"x"}', b"[]", b"{bad"]
    rows = read(b"\n".join(lines) + b"\n\n", "jsonl")
    assert [(row.line, row.value) for row in rows] == list(enumerate(lines, 1))


def test_blank_lines_count_as_lines() -> None:
    assert [row.line for row in read(b"\n" + line() + b"\n  \n" + line(), "jsonl")] == [2, 4]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_the_encoding_is_found_out(codec: str, file_format: FileFormat) -> None:
    content = "text,店\n很好,甲\n" if file_format == "csv" else '{"text":"很好","店":"甲"}\n'
    (row,) = read(content.encode(codec), file_format)
    assert fields(row)["text"] == "很好"
    assert fields(row)["店"] == "甲"


def test_one_damaged_line_does_not_change_the_encoding() -> None:
    good, bad = line(text="很好"), line(text="很好").replace("很".encode(), b"\xff")
    rows = read(b"\n".join([good, bad, good]), "jsonl")
    assert [row.value for row in rows] == [good, bad, good]
    with pytest.raises(Rejected, match="not_utf8"):
        decode("feedback", rows[1].value)


def test_a_damaged_row_of_a_csv_file_is_a_fault() -> None:
    rows = read("text\n很好\n".encode() + b"\xff\xff\n" + "很好\n".encode())
    assert [row.fault.reason if row.fault else None for row in rows] == [None, "not_utf8", None]


def test_a_sample_may_end_amid_a_character() -> None:
    assert detect_encoding("很好\n很".encode()[:-1]) == "utf-8"


def test_a_named_encoding_counts() -> None:
    (row,) = read('{"text":"很好"}'.encode("big5"), "jsonl", "big5")
    assert fields(row)["text"] == "很好"


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(FileError, match="klingon"):
        read(b"", encoding="klingon")


def test_a_file_in_another_encoding_than_named_is_refused() -> None:
    with pytest.raises(FileError, match="--encoding"):
        read(b"text\nabc", encoding="utf-16")


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_delimiter_is_found_out(delimiter: str) -> None:
    assert one(f'text{delimiter}shop\n"好{delimiter}评"{delimiter}7\n') | {"event_id": ""} == {
        "event_id": "",
        "text": f"好{delimiter}评",
        "shop": "7",
    }


def test_columns_are_mapped_and_constants_added() -> None:
    found = one("评论,时间,店\n好,x,7\n", columns={"text": "评论", "order_id": "时间"}, constants={"channel": "app"})
    assert found == {"event_id": found["event_id"], "text": "好", "order_id": "x", "店": "7", "channel": "app"}


def test_a_cell_wins_over_a_constant_unless_it_is_empty() -> None:
    rows = read(b"text,channel\na,qq\nb,\n", constants={"channel": "app"})
    assert [fields(row)["channel"] for row in rows] == ["qq", "app"]


@pytest.mark.parametrize(
    ("cell", "rating"), [("5", 5), ("4.0", 4), ("", None), ("-", None), ("nan", None), ("★★★★☆", 4)]
)
def test_ratings_are_numbers(cell: str, rating: int | None) -> None:
    assert one(f"text,评分\nx,{cell}\n", columns={"rating": "评分"}).get("rating") == rating


def test_empty_cells_are_absent_but_an_empty_text_is_a_text() -> None:
    found = one("text,order_id,rating\n,,5\n")
    assert found == {"event_id": found["event_id"], "text": "", "rating": 5}


def test_nested_fields_are_json_in_a_cell() -> None:
    turns = '[{""role"":""customer"",""text"":""在吗""}]'
    header = "event_id,event_time,channel,customer_id,conversation_id,turns,attributes"
    (row,) = read(f'{header}\ne,2026-01-01T00:00:00Z,app,c,k,"{turns}","{{""a"":""b""}}"\n'.encode())
    event = decode("chat", row.value)
    assert isinstance(event, Chat)
    assert event.turns[0].text == "在吗"
    assert event.attributes == {"a": "b"}


def test_times_get_the_offset_of_the_zone() -> None:
    cell, expected = "2026-01-02 03:04:05", "2026-01-02T03:04:05+08:00"
    assert one(f"text,event_time\nx,{cell}\n", timezone=SHANGHAI)["event_time"] == expected
    (row,) = read(line(event_time=cell), "jsonl", timezone=SHANGHAI)
    assert fields(row)["event_time"] == expected


def test_a_value_that_is_none_of_its_field_is_a_fault() -> None:
    rows = read("text,event_time,rating\nx,昨天,\ny,2026-01-02 03:04:05,\nz,,很棒\n".encode())
    assert [row.fault and str(row.fault.reason) for row in rows] == [
        "time_unparsable",
        "time_without_offset",
        "wrong_type",
    ]
    assert rows[0].fault is not None
    assert rows[0].fault.detail.startswith("$.event_time: 昨天 is no time")


def test_numbers_in_json_lines_keep_their_digits_when_fields_are_renamed() -> None:
    (row,) = read(b'{"t":"x","weight":1.50,"n":12345678901234567890123}', "jsonl", columns={"text": "t"})
    assert b'"weight":1.50,"n":12345678901234567890123' in row.value


def test_rows_know_their_line_and_text() -> None:
    rows = read('text,shop\n"a\nb",1\n\n好,2\n'.encode())
    assert [(row.line, row.text) for row in rows] == [(2, '"a\nb",1'), (5, "好,2")]


@pytest.mark.parametrize(
    "content", ['text,shop\n"a"b,c\n', "text,shop\na,b,c\n", 'text,shop\n"' + "x" * 9_000_000 + '"\n']
)
def test_a_broken_row_is_a_fault_and_the_next_is_read(content: str) -> None:
    rows = read((content + "good,1\n").encode())
    assert rows[0].fault is not None
    assert rows[0].fault.reason == "not_csv"
    assert fields(rows[-1])["text"] == "good"


def faults(rows: list[Row]) -> list[tuple[int, str | None]]:
    return [(row.line, row.fault and row.fault.reason) for row in rows]


@pytest.mark.parametrize("row", ['3,"坏,app', '3,app,"坏'])
def test_an_open_quotation_mark_takes_only_its_own_row(row: str) -> None:
    lines = [f"{n},好,app" for n in range(1, 11)]
    lines[2] = row
    rows = read("\n".join(["event_id,text,channel", *lines, ""]).encode())
    assert faults(rows) == [(n, "not_csv" if n == 4 else None) for n in range(2, 12)]
    assert rows[2].fault is not None
    assert "spans 8 lines, up to line 11" in rows[2].fault.detail
    assert rows[2].text == row


def test_a_later_quotation_mark_does_not_hide_swallowed_rows() -> None:
    rows = read(b'id,text\n1,"a\n2,b\n3,"c"\n4,"d\n5,e\n6,"f\n7,g\n')
    assert faults(rows) == [(2, "not_csv"), (3, None), (4, None), (5, "not_csv"), (6, None), (7, "not_csv"), (8, None)]


def test_a_row_of_several_lines_with_too_few_cells_swallowed_others() -> None:
    rows = read(b'id,text,shop\n1,"a,x\n2,b,y\n3,c,z"\n4,d,w\n')
    assert faults(rows) == [(2, "not_csv"), (3, None), (4, None), (5, None)]


def test_empty_cells_at_the_end_may_be_missing_or_too_many() -> None:
    rows = read(b"text,shop,rating\na\nb,s\nc,s,5,, \nd,s,5,,x\n")
    assert faults(rows) == [(2, None), (3, None), (4, None), (5, "not_csv")]
    assert [fields(row).get("rating") for row in rows[:3]] == [None, None, 5]


@pytest.mark.parametrize("cell", ["壶", "壶\u3000", "\xa0壶", "\u200b壶\ufeff", "\t壶 "])
def test_what_is_not_seen_around_a_cell_or_header_is_no_part_of_it(cell: str) -> None:
    assert one(f"text;{cell}\n好;{cell}\n")["壶"] == "壶"


def test_a_file_without_columns_for_required_fields_names_them_all() -> None:
    stream = io.BufferedReader(io.BytesIO("text,时间\na,b\n".encode()))
    shape = Shape("feedback", constants={"channel": "app"})
    with pytest.raises(FileError, match=r"no column for customer_id, event_time; it has text, 时间. .*--map.*--set"):
        list(rows_of(stream, "f", shape))


def test_a_mapped_field_that_no_json_line_has_is_told() -> None:
    with pytest.raises(FileError, match=r"no row of f has a column contnt.*body"):
        read(b'{"body":"a"}\n{"body":"b"}\n', "jsonl", columns={"text": "contnt"})
    assert len(read(b'{"body":"a"}\n{"contnt":"b"}\n', "jsonl", columns={"text": "contnt"})) == 2


def test_constants_and_name_belong_to_a_made_id() -> None:
    def made(name: str, **constants: str) -> str:
        stream = io.BufferedReader(io.BytesIO(b"text\na\n"))
        (row,) = rows_of(stream, name, Loose("feedback", constants=constants))
        return str(fields(row)["event_id"])

    ids = [made("A/f", product_id="A"), made("A/f", product_id="B"), made("B/f", product_id="A"), made("A/f")]
    assert len(set(ids)) == 4
    assert made("A/f", region="x", product_id="A") == made("A/f", product_id="A", region="x")


def test_a_row_knows_the_id_that_its_file_gives() -> None:
    assert [row.event_id for row in read(b"event_id,text\n7,a\n,b\n")] == ["7", ""]
    assert [row.event_id for row in read(line() + b'\n{"text":"x"}\n{"event_id":7}', "jsonl")] == ["e1", "", "7"]


@pytest.mark.parametrize(
    ("content", "columns", "told"),
    [
        ("", {}, "is empty"),
        ("a,text,text\n", {}, "two columns named text"),
        ("a,b\n", {"text": "评论"}, "no column 评论; it has a, b"),
        (b"\xff\xff,b\n", {}, "another encoding"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(content: str | bytes, columns: Mapping[str, str], told: str) -> None:
    with pytest.raises(FileError, match=told):
        read(content if isinstance(content, bytes) else content.encode(), columns=columns, encoding="utf-8")


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_no_column_displaces_another(file_format: FileFormat) -> None:
    content = b"text,body\na,b\n" if file_format == "csv" else b'{"text":"a","body":"b"}'
    (row,) = read(content, file_format, columns={"text": "body"})
    assert row.fault is not None
    assert row.fault.reason == "attribute_clash"


def test_a_made_event_id_is_the_same_each_time_and_differs_between_rows() -> None:
    first, second = (read(b"text\na\na\nb\n") for _ in range(2))
    ids = [fields(row)["event_id"] for row in first]
    assert ids == [fields(row)["event_id"] for row in second]
    assert len(set(ids)) == 3


def test_rows_come_while_the_stream_is_still_open(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream, os.fdopen(writer, "wb") as feeder:
        feeder.write(line() + b"\n")
        feeder.flush()
        with contextlib.closing(rows_of(stream, "-", Shape("feedback"))) as rows:
            assert next(rows).value == line()
            feeder.write(line(event_id="e2") + b"\n")
            feeder.flush()
            assert next(rows).value == line(event_id="e2")


@given(st.binary(max_size=400), st.sampled_from(["csv", "jsonl"]))
def test_any_file_is_read_or_refused(data: bytes, file_format: FileFormat) -> None:
    try:
        rows = read(data, file_format, timezone=SHANGHAI, constants={"channel": "app"})
    except FileError:
        return
    for row in rows:
        assert row.fault or row.value


def test_columns_of_one_name_are_numbered() -> None:
    assert one("text,a,a,a (2)\nx,1,2,3\n") | {"event_id": ""} == {
        "event_id": "",
        "text": "x",
        "a": "1",
        "a (2)": "2",
        "a (2) (2)": "3",
    }


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('="0012"', "0012"),
        ("`微信", "微信"),
        ("`a`", "`a`"),
        ("'4750000000000001", "4750000000000001"),
        ("'90年代", "'90年代"),
        ("=A1", "=A1"),
    ],
)
def test_what_keeps_a_spreadsheet_from_counting_is_no_part_of_a_cell(cell: str, expected: str) -> None:
    assert one(f"text,order_id\nx,{cell}\n")["order_id"] == expected


@pytest.mark.parametrize(
    ("row", "skipped"),
    [
        ("合计,,", True),
        ("#合计：2,,", True),
        ("合计,c,", True),
        ("总计三次投诉都没人理,c,", False),
        ("合计两天,c,5", False),
        ("#双十一#好慢,c,", False),
        ("text,customer_id,rating", True),
    ],
)
def test_only_sums_and_remarks_are_passed_over(row: str, skipped: bool) -> None:
    (found,) = read(
        f"text,customer_id,rating\n{row}\n".encode(),
        constants={"channel": "app", "event_time": "2026-01-01"},
        timezone=SHANGHAI,
    )
    assert bool(found.skipped) == skipped
    assert skipped or found.fault is None


def test_a_transcript_in_json_is_turns_too() -> None:
    stream = io.BufferedReader(io.BytesIO('{"turns":"买家：在吗"}'.encode()))
    (row,) = rows_of(stream, "f", Loose("chat"))
    assert fields(row)["turns"] == [{"role": "customer", "text": "在吗"}]
