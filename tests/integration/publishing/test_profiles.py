"""Exports of others through a profile into Kafka, and through a worker into the store."""

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.sample_events import Voice, reading
from support.sample_pipeline import World
from support.topic import Topic

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.events.decode import decode
from gapwatch.pipeline.kafka.records import Record
from gapwatch.schemas.events import Chat

MESSAGES = """\
会话消息导出,,,,,
会话ID,访客ID,发送者类型,消息类型,消息内容,发送时间
S1,v1,访客,文本,壶坏了,2026/11/3 9:05
S2,v2,访客,文本,能退货吗,2026/11/3 9:05
S1,v1,系统,系统消息,已转人工,2026/11/3 9:06
S1,v1,客服,文本,"抱歉，
马上处理",2026/11/3 9:07
"""
REVIEWS = "会员名,评价类型,评价内容,评价时间\n小鱼,差评,送货太慢,2026/11/3 9:05\n阿木,好评,不错,2026/11/3 9:06\n"


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path / "data"))


def publish(file: Path, content: bytes, *arguments: str) -> Result:
    file.write_bytes(content)
    return CliRunner().invoke(gapwatch, ["publish", str(file), *arguments])


def test_rows_of_messages_are_published_as_conversations(topic: Topic, tmp_path: Path) -> None:
    for _ in range(2):  # published twice, they are the same events
        result = publish(tmp_path / "m.csv", MESSAGES.encode("gbk"), "--profile", "message-rows")
        assert result.exit_code == 0, result.output
    assert "2 published, 0 rejected" in result.stdout
    found = {
        event.event_id: event for record in topic.records() if isinstance(event := decode("chat", record.value), Chat)
    }
    assert [turn.role for turn in found["S1"].turns] == ["customer", "agent"]
    assert sorted(found) == ["S1", "S2"]


def test_a_run_over_conversations_is_not_resumed(topic: Topic, tmp_path: Path) -> None:
    result = publish(tmp_path / "m.csv", MESSAGES.encode(), "--profile", "message-rows", "--resume")
    assert result.exit_code == 2
    assert "publish the whole file again" in result.stderr


def test_a_profile_of_ones_own(topic: Topic, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'type = "feedback"\n[columns]\ntext = "body"\nevent_time = "at"\ncustomer_id = "who.id"\nrating = "nps"\n'
        '[constants]\nchannel = "site"\n[ratings]\nworst = 0\nbest = 10\n',
        encoding="utf-8",
    )
    rows = [{"body": "慢", "at": 1793700300, "who": {"id": 7}, "nps": 2}, {"body": "好", "at": 1793700300, "nps": 9}]
    result = publish(tmp_path / "r.json", json.dumps(rows).encode(), "--profile", str(mine))
    assert result.exit_code == 1
    assert "1 published, 1 rejected" in result.stdout
    assert "customer_id (who.id)" in result.stderr
    (record,) = topic.records()
    assert decode("feedback", record.value).rating == 1  # type: ignore[union-attr]


def test_reviews_reach_the_store(world: World, kafka: str, tmp_path: Path) -> None:
    result = publish(tmp_path / "r.csv", REVIEWS.encode("gb18030"), "--profile", "marketplace-reviews")
    assert "2 published, 0 rejected" in result.stdout, result.output
    world.process(
        *(
            Voice(
                decode("feedback", sent.value),
                reading("fulfillment"),
                Record.of(sent),
            )
            for sent in Topic("feedback.events", kafka).records()
        )
    )
    found = world.query("SELECT toDate(event_time), rating, channel FROM events ORDER BY rating")
    assert [tuple(row) for row in found] == [(date(2026, 11, 3), stars, "marketplace") for stars in (1, 5)]
