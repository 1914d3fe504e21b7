import io
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gapwatch.pipeline.publishing.doubtful_ids import DoubtfulIds
from gapwatch.pipeline.publishing.file_check import Checked, check_rows
from gapwatch.pipeline.publishing.files.file_reader import read_records
from gapwatch.pipeline.publishing.files.record import FileError, Reading
from gapwatch.pipeline.publishing.files.shape import Row, Shape
from gapwatch.pipeline.publishing.rejects import Rejects

HEADER = ["event_id", "event_time", "channel", "customer_id", "text", "rating"]
CONSTANTS = {"channel": "app", "customer_id": "c", "event_time": "2026-01-02T03:04:05Z"}


def check(data: bytes, constants: dict[str, str] | None = None, **reading: Any) -> tuple[Checked, Rejects, list[str]]:
    told: list[str] = []
    shape = Shape("feedback", constants=constants or {})
    stream = io.BufferedReader(io.BytesIO(data))
    rows = shape.rows(read_records(stream, "f", Reading(**reading, expected=shape.expected()), told.append), "f")
    rejects = Rejects(told.append)
    return check_rows("feedback", rows, rejects), rejects, told


def test_what_a_file_holds() -> None:
    rows = [f"e{n},2026-01-0{n}T00:00:00Z,app,c,好," for n in range(1, 8)] + ["x,x,app,c,好,", "合计,,,,,"]
    checked, rejects, _ = check("\n".join([",".join(HEADER), *rows]).encode())
    assert (checked.rows, checked.events, len(checked.samples), rejects.skipped) == (9, 7, 5, 1)
    assert str(checked.earliest) == "2026-01-01 00:00:00+00:00"
    assert str(checked.latest) == "2026-01-07 00:00:00+00:00"
    assert rejects.reasons == {"time_unparsable": 1}


def doubtful(rows: Iterable[tuple[str, bytes, str]]) -> DoubtfulIds:
    found = DoubtfulIds()
    given_rows = (Row(line, "", value, event_id, of=of) for line, (event_id, value, of) in enumerate(rows, 2))
    assert len(list(found.watch(given_rows))) == len(list(rows))
    return found


def test_ids_that_stand_twice() -> None:
    found = doubtful(
        [("1", b"a", "x"), ("1", b"a", "x"), ("1", b"b", "x"), ("1", b"c", "y"), ("", b"a", ""), ("", b"b", "")]
    )
    assert (found.copies.lines, found.repeated.lines, found.displacing.lines) == ([3], [4, 5], [4])


def test_ids_that_a_spreadsheet_has_shortened() -> None:
    assert doubtful([("4.75E+15", b"a", "x"), ("1e+9", b"b", "x"), ("E+15", b"c", "x")]).shortened.lines == [2, 3]


CELLS = st.text(st.sampled_from('a好"\n\r,;\t|#\x00 　合计{}[]'), max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_every_row_of_a_table_is_an_event_refused_or_passed_over(table: list[list[str]], newline: str) -> None:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""').replace("\r", " ").replace("\x00", "") + '"'

    lines = [",".join(map(quoted, cells)) for cells in table]
    checked, rejects, _ = check(newline.join(['text,"a"', *lines]).encode(), CONSTANTS)
    rows = [cells for cells in table if any(quoted(cell)[1:-1].strip("\n \t　") for cell in cells)]
    broken_lines = sum(quoted(cell).count("\n") for cells in table for cell in cells)
    told = checked.events + rejects.reasons.total() + rejects.skipped
    assert checked.rows == told
    assert len(rows) <= told <= len(rows) + broken_lines


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=120).map(str.encode),
        st.text(st.sampled_from('text,\n"{}[]:1好 \t;|\\\x00'), max_size=80).map(
            lambda text: ("text,x\n" + text).encode()
        ),
        st.text(st.sampled_from('{}[]:",1好 \n'), max_size=60).map(lambda text: ('[{"text":"a"},' + text).encode()),
        st.binary(max_size=60).map(lambda data: b"PK\x03\x04" + data),
        st.binary(max_size=60).map(lambda data: b"\x1f\x8b\x08\x00" + data),
        st.binary(max_size=60).map(lambda data: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + data),
    ),
    st.sampled_from([None, "csv", "jsonl", "json"]),
    st.sampled_from([None, "utf-16", "gb18030"]),
)
def test_any_bytes_are_checked_or_refused_with_a_reason(data: bytes, file_format: Any, encoding: str | None) -> None:
    try:
        checked, rejects, _ = check(data, CONSTANTS, file_format=file_format, encoding=encoding)
    except FileError:
        return
    assert checked.rows == checked.events + rejects.reasons.total() + rejects.skipped
