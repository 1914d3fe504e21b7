import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner, Result
from kafka.errors import KafkaError
from support.topic import Topic

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.errors import PublishError
from gapwatch.pipeline.events.decode import decode
from gapwatch.pipeline.publishing.bookmark import Bookmark
from gapwatch.pipeline.publishing.file_run import publish_rows
from gapwatch.pipeline.publishing.files.shape import Row
from gapwatch.pipeline.publishing.publisher import DeliveryError, Publisher
from gapwatch.pipeline.publishing.rejects import Rejects

CHINESE = ["--map", "text=评论内容", "--map", "event_time=时间", "--set", "channel=app", "--set", "customer_id=c"]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings_env: pytest.MonkeyPatch) -> Path:
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(gapwatch, arguments)


def event(number: int, **changes: Any) -> str:
    fields = {
        "event_id": f"e{number}",
        "event_time": "2026-01-02T03:04:05Z",
        "channel": "app",
        "customer_id": f"c{number % 5}",
        "text": "好",
    }
    return json.dumps(fields | changes)


def jsonl(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def ids(topic: Topic) -> list[str]:
    return sorted(decode("feedback", record.value).event_id for record in topic.records())


def test_a_file_is_published_and_its_rejects_are_listed(topic: Topic, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "f.jsonl", event(1), "{bad", event(2, rating=9), event(3))
    rejects = tmp_path / "rejects.jsonl"
    result = run("publish", "feedback", file, "--rejects", str(rejects))
    assert result.exit_code == 1
    assert "2 published, 2 rejected" in result.stdout
    assert "line 2: not_json" in result.stderr
    assert "line 3: out_of_range: $.rating" in result.stderr
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(reject["line"], reject["row"]) for reject in kept] == [(2, "{bad"), (3, event(2, rating=9))]
    assert ids(topic) == ["e1", "e3"]


def test_rejects_may_be_tolerated(topic: Topic, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "f.jsonl", event(1), "{bad")
    assert run("publish", "feedback", file, "--skip-invalid").exit_code == 0


def test_a_csv_file_with_chinese_columns_in_gbk_is_published(topic: Topic, tmp_path: Path) -> None:
    file = tmp_path / "评论.csv"
    file.write_text("时间,评论内容,店铺\n2026/1/2 3:04,很好,甲\n2026/1/3 3:04,不好,乙\n", encoding="gbk")
    result = run("publish", "feedback", str(file), *CHINESE, "--timezone", "Asia/Shanghai")
    assert result.exit_code == 0, result.output
    events = sorted((decode("feedback", record.value) for record in topic.records()), key=lambda e: e.event_time)
    assert [e.attributes for e in events] == [{"店铺": "甲"}, {"店铺": "乙"}]
    assert events[0].event_time.isoformat() == "2026-01-02T03:04:00+08:00"


def test_publishing_a_file_without_ids_again_publishes_the_same_events(topic: Topic, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "f.jsonl", *(event(n).replace('"event_id": ', '"old_id": ') for n in range(3)))
    for _ in range(2):
        assert run("publish", "feedback", file).exit_code == 0
    published = ids(topic)
    assert len(published) == 6
    assert len(set(published)) == 3


def test_standard_input_is_published(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    piped = io.BufferedReader(io.BytesIO(f"{event(1)}\n{event(2)}\n".encode()))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(piped))
    gapwatch(["publish", "feedback", "-"], standalone_mode=False)
    assert ids(topic) == ["e1", "e2"]


def test_standard_input_cannot_be_resumed() -> None:
    result = run("publish", "feedback", "-", "--resume")
    assert result.exit_code == 2
    assert "cannot be resumed" in result.stderr


def test_a_finished_file_has_nothing_to_resume_until_it_grows(topic: Topic, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "f.jsonl", *(event(n) for n in range(3)))
    assert run("publish", "feedback", file).exit_code == 0
    assert "0 published" in run("publish", "feedback", file, "--resume").stdout
    with Path(file).open("a") as stream:
        stream.write(event(3) + "\n")
    assert "1 published" in run("publish", "feedback", file, "--resume").stdout
    assert ids(topic) == ["e0", "e1", "e2", "e3"]


def test_another_file_under_the_same_name_is_not_resumed(topic: Topic, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "f.jsonl", event(1))
    assert run("publish", "feedback", file).exit_code == 0
    jsonl(tmp_path / "f.jsonl", event(2), event(3))
    result = run("publish", "feedback", file, "--resume")
    assert isinstance(result.exception, PublishError)
    assert "without --resume" in str(result.exception)


@pytest.mark.parametrize("stop_after", [0, 1, 900, 2_500])
def test_an_interrupted_run_goes_on_where_kafka_acknowledged(
    topic: Topic, tmp_path: Path, stop_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gapwatch.pipeline.publishing.publisher._MAX_UNACKNOWLEDGED", 100)
    lines = [event(n) if n % 10 else "{bad" for n in range(3_000)]
    file = jsonl(tmp_path / "f.jsonl", *lines)
    original = Publisher.publish
    published = 0

    def interrupted(publisher: Publisher, *arguments: Any) -> None:
        nonlocal published
        published += 1
        if published == stop_after + 1:
            raise KeyboardInterrupt
        original(publisher, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "publish", interrupted)
        assert run("publish", "feedback", file, "--skip-invalid").exit_code == 1
    result = run("publish", "feedback", file, "--skip-invalid", "--resume")
    assert result.exit_code == 0, result.output
    assert set(ids(topic)) == {f"e{n}" for n in range(3_000) if n % 10}


def test_the_bookmark_never_passes_what_kafka_did_not_acknowledge(
    topic: Topic, tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(jsonl(tmp_path / "f.jsonl", *(event(n) for n in range(50))))
    bookmark = Bookmark(file, "feedback", data_dir)
    with Publisher() as publisher:
        rows = [Row(n, event(n), event(n).encode()) for n in range(1, 51)]
        publish_rows("feedback", rows[:20], publisher, Rejects(print), bookmark)
        assert bookmark.line == 20

        def refused() -> None:
            raise DeliveryError(["e21"], KafkaError())

        monkeypatch.setattr(publisher, "flush", refused)
        publisher._options["linger_ms"] = 1_000
        publisher._disconnect()  # so that the next event gets a producer that waits
        with pytest.raises(DeliveryError):
            publish_rows("feedback", rows[20:], publisher, Rejects(print), bookmark)
        monkeypatch.undo()
        assert bookmark.line == 20


def reviews(folder: Path, *rows: str, header: str = "customer_id,text,event_time,channel") -> str:
    folder.mkdir(exist_ok=True)
    (folder / "reviews.csv").write_text("\n".join([header, *rows]) + "\n")
    return str(folder / "reviews.csv")


def test_equal_rows_of_two_shops_are_two_events_and_the_same_file_again_is_the_same(
    topic: Topic, tmp_path: Path
) -> None:
    row = "c,好,2026-01-02T03:04:05Z,app"
    for _ in range(2):
        for shop in ("A", "B"):
            result = run("publish", "feedback", reviews(tmp_path / f"shop{shop}", row), "--set", f"product_id={shop}")
            assert result.exit_code == 0, result.output
    events = {event.event_id: event for event in (decode("feedback", record.value) for record in topic.records())}
    assert sorted(str(event.product_id) for event in events.values()) == ["A", "B"]


def test_an_open_quotation_mark_loses_no_row(topic: Topic, tmp_path: Path) -> None:
    header = "event_id,customer_id,event_time,channel,text"
    rows = [f"e{n},c,2026-01-02T03:04:05Z,app,{chr(34) * (n == 2)}好" for n in range(10)]
    file = reviews(tmp_path, *rows, header=header)
    assert "9 valid, 1 invalid" in run("check", "feedback", file).stdout
    result = run("publish", "feedback", file)
    assert result.exit_code == 1
    assert "line 4: not_csv: a quotation mark that opens here is not closed" in result.stderr
    assert ids(topic) == [f"e{n}" for n in range(10) if n != 2]


def test_rows_older_than_the_store_keeps_are_told_with_the_first_day_kept(topic: Topic, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    times = [now, now - timedelta(days=500), datetime(2020, 5, 6, tzinfo=UTC), now - timedelta(days=397)]
    file = reviews(tmp_path, *(f"c{n},慢,{at.isoformat()},app" for n, at in enumerate(times)))
    for command in ("check", "publish"):
        result = run(command, "feedback", file)
        assert result.exit_code == 0
        assert f"2 rows are older than {now - timedelta(days=398):%Y-%m-%d}" in result.stderr
        assert "(first in lines 3, 4)" in result.stderr
    assert len(topic.records()) == 4


def test_ids_that_stand_for_several_events_are_told(topic: Topic, tmp_path: Path) -> None:
    file = reviews(
        tmp_path,
        "4.75E+15,a,慢,2026-01-02T03:04:05Z,app",
        "4.75E+15,b,好,2026-01-02T03:04:05Z,app",
        "4.75E+15,b,好,2026-01-02T03:04:05Z,app",
        "x,b,好,2026-01-02T03:04:05Z,app",
        header="event_id,customer_id,text,event_time,channel",
    )
    for command in ("check", "publish"):
        result = run(command, "feedback", file)
        assert result.exit_code == 0
        assert "2 rows repeat the event_id of an earlier row with other content" in result.stderr
        assert "(first in lines 3, 4)" in result.stderr
        assert "3 rows have an event_id that a spreadsheet has shortened" in result.stderr


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"event_time": "yesterday"}, "--timezone"),
        ({"event_time": "2026-01-02T03:04:05"}, "--timezone"),
        ({"rating": "4.5"}, "4.5 lies between two stars"),
        ({"channel": None, "customer_id": None}, "null_field"),
    ],
)
def test_a_reject_says_what_to_do(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    result = run("check", "feedback", jsonl(tmp_path / "f.jsonl", event(1, **row)))
    assert result.exit_code == 1
    assert told in result.stderr


def test_missing_fields_are_listed_at_once(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "f.jsonl", '{"event_id": "e", "text": "好", "time": "x"}')
    result = run("check", "feedback", file)
    assert "channel, customer_id, event_time missing; the row has event_id, text, time" in result.stderr
    csv = run("check", "feedback", reviews(tmp_path, "c,好", header="customer_id,评论"))
    assert "no column for channel, event_time, text; it has customer_id, 评论" in str(csv.exception)


def test_check_publishes_nothing(topic: Topic, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "f.jsonl", event(1), *["{bad"] * 25)
    result = run("check", "feedback", file)
    assert result.exit_code == 1
    assert "1 valid, 25 invalid" in result.stdout
    assert "25  not_json" in result.stdout
    assert result.stderr.count("not_json") == 20
    assert topic.records() == []
    assert run("check", "feedback", jsonl(tmp_path / "g.jsonl", event(1))).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "survey", "-"], "'survey' is not one of"),
        (["check", "feedback", "absent.jsonl"], "does not exist"),
        (["check", "feedback", "-", "--map", "text"], "NAME=VALUE"),
        (["check", "feedback", "-", "--map", "rateing=评分"], "did you mean rating?"),
        (["check", "feedback", "-", "--map", "text=a", "--map", "region=a"], "--map names a twice"),
        (["check", "feedback", "-", "--map", "text=a", "--map", "text=b"], "--map names text twice"),
        (["check", "feedback", "-", "--timezone", "Mars/Base"], "no time zone"),
    ],
)
def test_wrong_options_are_told(arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_sheets_of_a_workbook_are_published_and_resumed_each_by_itself(topic: Topic, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for sheet in (book.active, book.create_sheet("B")):
        for row in (["text", "customer_id", "event_time", "channel"], ["好", "c", "2026-01-02 03:04:05", "微信"]):
            sheet.append(row)
    book.save(tmp_path / "reviews.xlsx")
    for options in (["--sheet", "Sheet"], ["--sheet", "B", "--resume"], ["--sheet", "B"]):
        result = run("publish", "feedback", str(tmp_path / "reviews.xlsx"), *options, "--timezone", "Asia/Shanghai")
        assert "1 published, 0 rejected" in result.stdout, result.output
    assert len(ids(topic)) == 3
    assert len(set(ids(topic))) == 2


def test_rows_that_are_passed_over_are_kept_with_the_rejects(topic: Topic, tmp_path: Path) -> None:
    file = reviews(
        tmp_path, "c,好,2026-01-02T03:04:05Z,app", "合计,,,", "d,此用户没有填写评价。,2026-01-02T03:04:05Z,app"
    )
    result = run("publish", "feedback", file, "--rejects", str(tmp_path / "rejects.jsonl"))
    assert result.exit_code == 0, result.output
    assert "2  passed over" in result.stdout
    kept = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    assert [(reject["line"], reject["reason"]) for reject in kept] == [(3, "passed_over"), (4, "passed_over")]
