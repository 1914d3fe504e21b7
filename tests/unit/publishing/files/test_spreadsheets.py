import io
import sys
import threading
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import python_calamine

from gapwatch.pipeline.publishing.files import spreadsheets
from gapwatch.pipeline.publishing.files.file_reader import read_records
from gapwatch.pipeline.publishing.files.record import Expected, FileError, Reading, Record

EXPECTED = Expected(fields=frozenset({"text", "id"}), known=frozenset({"text", "id"}))


def workbook(**sheets: list[list[Any]]) -> openpyxl.Workbook:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return made


def read(made: openpyxl.Workbook, **reading: Any) -> tuple[list[Record], list[str]]:
    buffer = io.BytesIO()
    made.save(buffer)
    buffer.seek(0)
    told: list[str] = []
    expected = reading.pop("expected", EXPECTED)
    return list(read_records(io.BufferedReader(buffer), "f", Reading(**reading, expected=expected), told.append)), told


def test_cells_become_text_as_one_sees_them() -> None:
    rows = [
        ["id", "text", "time", "more"],
        [475000000000001, " 好　", datetime.fromisoformat("2026-11-03 09:05:07"), 4.5],
        [123.0, True, date(2026, 11, 3), None],
    ]
    (first, second), told = read(workbook(s=rows))
    assert first.fields == {"id": "475000000000001", "text": "好", "time": "2026-11-03 09:05:07", "more": "4.5"}
    assert second.fields == {"id": "123", "text": "true", "time": "2026-11-03", "more": ""}
    assert (first.line, second.line, first.part) == (2, 3, "s")
    assert told == ["sheet s"]


def test_a_number_with_more_digits_than_a_spreadsheet_keeps_is_told() -> None:
    (row,), told = read(workbook(s=[["id", "text"], [4.75e17, "x"]]))
    assert row.fields["id"] == "475000000000000000"
    assert "numbers in column id have lost digits" in told[-1]


def test_the_sheet_with_the_columns_is_read_and_titles_above_them_are_not() -> None:
    made = workbook(a=[["说明"]], b=[["评论导出"], [], ["id", "text"], [1, "好"], [], [2, "慢"], ["合计", None]], c=[])
    made["b"].merge_cells("A1:B1")
    records, told = read(made)
    assert [(record.line, record.fields.get("id"), bool(record.skipped)) for record in records] == [
        (4, "1", False),
        (6, "2", False),
        (7, None, True),
    ]
    assert told == ["sheet b", "line 3 names the columns; the lines before it are no rows"]


def test_one_of_several_sheets_is_named() -> None:
    made = workbook(a=[["id", "text"], [1, "a"]], b=[["id", "text"], [1, "b"]])
    with pytest.raises(FileError, match=r"sheets a, b; .*--sheet"):
        read(made)
    assert read(made, sheet="b")[0][0].fields == {"id": "1", "text": "b"}
    made["a"].sheet_state = "hidden"
    assert read(made)[0][0].part == "b"
    with pytest.raises(FileError, match="--sheet"):
        read(made, sheet="c")


def test_cells_merged_over_rows_hold_for_each() -> None:
    made = workbook(s=[[None, "id", "text"], [None, "o1", "a"], [None, None, "b"], [None, "o2", "c"]])
    made["s"].merge_cells("B2:B3")
    assert [record.fields["id"] for record in read(made)[0]] == ["o1", "o1", "o2"]


def test_a_sheet_that_memory_cannot_hold_is_refused() -> None:
    made = workbook(s=[["id", "text"]])
    made["s"]["XFD1048576"] = "far"
    with pytest.raises(FileError, match="too large a workbook"):
        read(made)


def test_a_broken_workbook_is_told() -> None:
    buffer = io.BytesIO()
    workbook(s=[["id", "text"]]).save(buffer)
    data = buffer.getvalue().replace(b"xl/worksheets/sheet1.xml", b"xl/worksheets/sheet9.xml")
    for broken in (data, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000)):
        with pytest.raises(FileError, match=r"cannot be read as a workbook|holds|--sheet"):
            list(read_records(io.BufferedReader(io.BytesIO(broken)), "f", Reading(), lambda _: None))


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(FileError, match=r"pip install 'gapwatch\[spreadsheets\]'"):
        read(workbook(s=[["id", "text"]]))


def test_the_older_kind_of_workbook_is_read_too() -> None:
    with Path(__file__).with_name("reviews.xls").open("rb") as stream:
        (row,) = read_records(stream, "f", Reading(), lambda _: None)
    assert list(row.fields.values()) == ["475000000000001", "慢", "2026-11-03 09:05:07", "4", "u1", "微信"]


def test_a_damaged_workbook_that_keeps_the_library_going_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = threading.Event()
    monkeypatch.setattr(spreadsheets, "_SECONDS", 0.0)
    monkeypatch.setattr(python_calamine, "load_workbook", lambda _: waiting.wait())
    with pytest.raises(FileError, match="it is damaged"):
        read(workbook(s=[["id", "text"]]))
    waiting.set()
