import gzip
import io
import json
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result

from gapwatch.commands.cli import gapwatch

COLUMNS = ["编号", "评论", "时间", "评分", "用户", "渠道"]
MAPPED = [
    *("--map", "event_id=编号", "--map", "text=评论", "--map", "event_time=时间", "--map", "rating=评分"),
    *("--map", "customer_id=用户", "--map", "channel=渠道", "--timezone", "Asia/Shanghai"),
]
ROWS = [
    ["1", "送得慢", "2026/11/3 9:05", "五星", "u1", "微信"],
    ["2", "壶　", "2026年11月3日 下午3:05", "80/100", "u2", "电话"],
]


def check(*arguments: str | Path, event_type: str = "feedback") -> Result:
    return CliRunner().invoke(gapwatch, ["check", event_type, *map(str, arguments)])


def csv(rows: list[list[str]], delimiter: str = ",") -> str:
    return "\n".join(delimiter.join(row) for row in [COLUMNS, *rows]) + "\n"


def as_workbook(path: Path) -> None:
    made = openpyxl.Workbook()
    for row in [["评论导出"], [], COLUMNS, *ROWS, ["合计", 2]]:
        made.active.append(row)
    made["Sheet"].merge_cells("A1:F1")
    made.save(path)


def as_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("评论.csv", csv(ROWS))


WRITERS = {
    "utf8.csv": lambda path: path.write_text(csv(ROWS), encoding="utf-8"),
    "bom.csv": lambda path: path.write_text(csv(ROWS), encoding="utf-8-sig"),
    "gb18030.csv": lambda path: path.write_text(csv(ROWS), encoding="gb18030"),
    "excel.txt": lambda path: path.write_text(csv(ROWS, "\t"), encoding="utf-16"),
    "pipes.txt": lambda path: path.write_text(csv(ROWS, "|"), encoding="utf-8"),
    "bill.csv": lambda path: path.write_text("#账单\n#账号：[1]\n" + csv(ROWS) + "#合计：2\n", encoding="gb18030"),
    "array.json": lambda path: path.write_text(json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in ROWS])),
    "nested.json": lambda path: path.write_text(
        json.dumps({"data": {"items": [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]}}, indent=2)
    ),
    "book.xlsx": as_workbook,
    "packed.csv.gz": lambda path: path.write_bytes(gzip.compress(csv(ROWS).encode())),
    "packed.zip": as_zip,
    "misnamed.csv": as_workbook,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_as_people_have_it_is_read(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name)
    result = check(tmp_path / name, *MAPPED)
    assert result.exit_code == 0, result.output
    assert "feedback: 2 valid, 0 invalid" in result.stdout
    first, second = (json.loads(line) for line in result.stdout.splitlines() if line.startswith("{"))
    assert first == {
        "event_id": "1",
        "text": "送得慢",
        "event_time": "2026-11-03T09:05:00+08:00",
        "rating": 5,
        "customer_id": "u1",
        "channel": "wechat",
    }
    assert (second["text"].rstrip("　"), second["rating"], second["channel"]) == ("壶", 4, "phone")
    assert "from 2026-11-03T09:05:00+08:00 to 2026-11-03T15:05:00+08:00" in result.stdout


def test_it_says_what_it_found_out(tmp_path: Path) -> None:
    as_workbook(tmp_path / "book.xlsx")
    result = check(tmp_path / "book.xlsx", *MAPPED)
    assert "sheet Sheet" in result.stderr
    assert "line 3 names the columns" in result.stderr
    assert "line 6: passed over: a line of sums" in result.stderr
    assert "1  passed over" in result.stdout
    assert "3 rows" in result.stdout
    WRITERS["gb18030.csv"](tmp_path / "gb.csv")
    assert "encoding gb18030" in check(tmp_path / "gb.csv", *MAPPED).stderr


def test_a_review_without_words_is_no_opinion_unless_it_has_stars(tmp_path: Path) -> None:
    rows = [
        ["1", "此用户没有填写评价。", "2026/11/3 9:05", "", "u1", "微博"],
        ["2", "此用户没有填写评价。", "2026/11/3 9:05", "5", "u1", "微博"],
        ["3", "同意//@小明:太慢了", "2026/11/3 9:05", "", "u1", "微博"],
        ["4", "//@小明:太慢了", "2026/11/3 9:05", "", "u1", "微博"],
    ]
    (tmp_path / "f.csv").write_text(csv(rows))
    result = check(tmp_path / "f.csv", *MAPPED)
    assert "feedback: 2 valid, 0 invalid" in result.stdout
    assert "line 2: passed over: the customer wrote nothing" in result.stderr
    assert "line 5: passed over" in result.stderr
    second, third = (json.loads(line) for line in result.stdout.splitlines() if line.startswith("{"))
    assert (second["text"], second["filled_in"], second["rating"]) == ("", "此用户没有填写评价。", 5)
    assert (third["text"], third["quoted"]) == ("同意", "//@小明:太慢了")


def test_a_column_may_be_left_out(tmp_path: Path) -> None:
    wide = [str(n) for n in range(101)]
    (tmp_path / "f.csv").write_text(
        csv(ROWS[:1]).replace("渠道\n", "渠道,备注\n", 1).replace("微信\n", f"微信,{'x' * 10_001}\n")
    )
    refused = check(tmp_path / "f.csv", *MAPPED)
    assert "too_long" in refused.stderr
    assert "--leave-out" in refused.stderr
    assert check(tmp_path / "f.csv", *MAPPED, "--leave-out", "备注").exit_code == 0
    assert "no column 备住" in str(check(tmp_path / "f.csv", *MAPPED, "--leave-out", "备住").exception)
    (tmp_path / "g.csv").write_text(",".join([*COLUMNS, *wide]) + "\n" + ",".join([*ROWS[0], *wide]) + "\n")
    assert "at most 100" in check(tmp_path / "g.csv", *MAPPED).stderr


def test_a_chat_as_transcript_is_turns(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["会话", "时间", "记录"], ["k1", date(2026, 11, 3), "买家 10:02:03\n在吗\n客服小王 10:03:00\n在的"]):
        book.active.append(row)
    book.save(tmp_path / "chats.xlsx")
    mapped = ["--map", "conversation_id=会话", "--map", "event_time=时间", "--map", "turns=记录"]
    constants = ["--set", "channel=淘宝", "--set", "customer_id=c", "--timezone", "Asia/Shanghai"]
    result = check(tmp_path / "chats.xlsx", *mapped, *constants, event_type="chat")
    assert "chat: 1 valid, 0 invalid" in result.stdout
    assert "1 conversations" in result.stdout
    (event,) = (json.loads(line) for line in result.stdout.splitlines() if line.startswith("{"))
    assert event["turns"] == [
        {"role": "customer", "text": "在吗", "at": "2026-11-03T10:02:03+08:00"},
        {"role": "agent", "text": "在的", "at": "2026-11-03T10:03:00+08:00"},
    ]


def test_times_within_turns_get_the_zone_too(tmp_path: Path) -> None:
    event = {
        "event_id": "k",
        "conversation_id": "k",
        "customer_id": "c",
        "channel": "qq",
        "event_time": "2026-11-03 10:00:00",
    }
    turns = [{"role": "用户", "text": "在吗", "at": "2026/11/3 10:00"}, {"role": "bot", "text": "在", "at": "昨天"}]
    path = tmp_path / "chats.jsonl"
    path.write_text(json.dumps(event | {"turns": turns[:1]}) + "\n" + json.dumps(event | {"turns": turns}) + "\n")
    result = check(path, "--timezone", "Asia/Shanghai", event_type="chat")
    assert '"turns":[{"role":"customer","text":"在吗","at":"2026-11-03T10:00:00+08:00"}]' in result.stdout
    assert "line 2: time_unparsable: $.turns: [1].at: 昨天 is no time" in result.stderr


def test_an_archive_through_a_pipe_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_zip(tmp_path / "f.zip")
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO((tmp_path / "f.zip").read_bytes())))
    monkeypatch.setattr("sys.stdin", stdin)
    gapwatch(["check", "feedback", "-", *MAPPED], standalone_mode=False)


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        ("id,text\n" + "1,很好\n", ["--encoding", "klingon"], "klingon is no encoding"),
        (csv(ROWS), [*MAPPED, "--leave-out", "评分"], "--leave-out names 评分, which --map needs"),
        (csv(ROWS), [*MAPPED, "--set", "rateing=5", "--header-row", "9"], "did you mean rating?"),
        (csv(ROWS), [*MAPPED, "--header-row", "9"], "no line 9"),
        (csv([["1", "好", "11/03/2026", "5", "u", "微信"]]), MAPPED, "day or with the month"),
        (csv([["1", "好", "2026/11/3", "4.5", "u", "微信"]]), MAPPED, "between two stars"),
        (csv([["1", "好", "2026/11/3", "5", "u", "抖音火山"]]), MAPPED, "unknown_channel"),
        (csv([["1", "好", "2026/11/3", "5", "u", "微信"]]), MAPPED[:-2], "--timezone"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(content: str, options: list[str], told: str, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(content)
    result = check(tmp_path / "f.csv", *options)
    assert result.exit_code
    assert told in result.stderr + str(result.exception)
