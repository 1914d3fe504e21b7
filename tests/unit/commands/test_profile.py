"""The way of a newcomer: an export, a first profile, what is left to decide, a check."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.publishing.profiles.checking import ProfileError, read_profile
from gapwatch.pipeline.publishing.profiles.library import shipped_names

REVIEWS = "满意度评价表\n买家,收货评分,说明文字,何时\n小鱼,92,包装破了 漏了一地,2026-11-03 09:00\n阿木,60,客服态度不好,2026-11-04 10:00\n"
MESSAGES = (
    "会话ID,访客ID,发送者类型,消息类型,消息内容,发送时间,渠道\n"
    "S1,v1,访客,文本,壶坏了,2026/11/3 9:05,官方旗舰店\n,,小美,文本,抱歉,2026/11/3 9:06,官方旗舰店\n"
    ",,系统,系统消息,会话结束,2026/11/3 9:07,官方旗舰店\n"
)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(gapwatch, [*map(str, arguments)])


def new(file: Path, content: bytes) -> str:
    file.write_bytes(content)
    result = run("profile", "new", file)
    assert result.exit_code == 0, result.output
    return result.stdout


def check(file: Path, profile: str) -> Result:
    made = file.with_suffix(".toml")
    made.write_text(profile, encoding="utf-8")
    return run("check", file, "--profile", made)


def test_reviews_need_nothing_more(tmp_path: Path):
    profile = new(tmp_path / "r.csv", REVIEWS.encode("gbk"))
    assert 'text = "说明文字"  # by its values' in profile
    assert "best = 100" in profile
    result = check(tmp_path / "r.csv", profile)
    assert "feedback: 2 valid, 0 invalid" in result.stdout, result.output


def test_messages_leave_two_things_to_decide(tmp_path: Path):
    profile = new(tmp_path / "m.csv", MESSAGES.encode())
    assert 'fill_down = ["会话ID", "访客ID"]' in profile
    assert '# "官方旗舰店" = …  # to decide: physical, phone' in profile
    assert '# "小美" = …  # to decide: customer, agent, bot' in profile
    assert 'is = ["系统消息"]' in profile
    decided = profile.replace('# "小美" = …', '"小美" = "agent"').replace(
        '# "官方旗舰店" = …', '"官方旗舰店" = "marketplace"'
    )
    result = check(tmp_path / "m.csv", decided)
    assert "chat: 1 valid, 0 invalid" in result.stdout, result.output


def test_conversations_in_a_document(tmp_path: Path):
    document = {
        "data": {
            "list": [
                {
                    "sid": f"a{number}",
                    "visitor": {"id": number},
                    "msgs": [
                        {"who": "visitor", "body": "壶坏了", "ts": 1793700300000},
                        {"who": "客服3号", "body": "抱歉", "ts": 1793700310000},
                    ],
                }
                for number in range(3)
            ]
        }
    }
    profile = new(tmp_path / "c.json", json.dumps(document).encode())
    result = check(tmp_path / "c.json", profile)
    assert "chat: 3 valid, 0 invalid" in result.stdout, profile


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            '会话编号,开始时间,客户昵称,对话内容\n1,2026/11/3 10:00,tb小鱼,"tb小鱼 10:00:01\n壶坏了\n东店:小美 10:00:20\n在"\n',
            ["transcript", "customer"],
        ),
        ("工单号,诉求内容,来电时间,状态,客户编号\nG1,没送到,2026/11/3 9:05,办理中,c1\n", ["complaint", "办理中"]),
        ("微博正文,user_id,发布时间\n慢,7,2026/11/3 9:05\n", ['channel = "weibo"']),
    ],
)
def test_a_first_profile_has_no_faults_and_says_what_it_found(tmp_path: Path, content: str, expected: list[str]):
    profile = new(tmp_path / "x.csv", content.encode())
    assert read_profile(profile, "x.toml")
    for text in expected:
        assert text in profile


def test_a_transcript_in_a_text_file(tmp_path: Path):
    text = "2026-11-03 09:05:01 小鱼\n在吗\n\n2026-11-03 09:05:20 客服小美\n在的\n[图片]\n"
    profile = new(tmp_path / "t.txt", text.encode())
    assert '# "小鱼" = …  # to decide: customer, agent, bot' in profile
    result = check(tmp_path / "t.txt", profile.replace('# "小鱼" = …', '"小鱼" = "customer"'))
    assert "chat: 1 valid, 0 invalid" in result.stdout, result.output


def test_numbers_tell_no_roles(tmp_path: Path):
    calls = [{"callId": "k1", "caller": "h", "beginTime": "2026-11-03 09:05", "said": [
        {"channelId": 0, "text": "您好", "beginMs": 0}, {"channelId": 1, "text": "我要投诉", "beginMs": 1200}]}]  # fmt: skip
    profile = new(tmp_path / "c.json", json.dumps({"code": 0, "calls": calls}).encode())
    assert 'speaker = "channelId"' in profile
    assert '# "0" = …' in profile
    result = check(tmp_path / "c.json", profile)
    assert "unknown_role: said[0]: who is “0”" in result.stderr


def test_a_review_and_its_sequel_are_one_text(tmp_path: Path):
    content = "买家,评价,追评,评价时间,描述相符\nt1,好用,坏了,2026.11.03 09:05,5\n"
    assert 'text = { join = ["评价", "追评"], between = "\\n" }' in new(tmp_path / "r.csv", content.encode())


def test_what_cannot_be_guessed_is_left_to_decide(tmp_path: Path):
    profile = new(tmp_path / "x.csv", "甲,乙\n1,2\n3,4\n".encode())
    with pytest.raises(ProfileError) as error:
        read_profile(profile, "x.toml")
    assert {fault.key for fault in error.value.faults} == {"columns"}
    for field in ("text", "event_time", "customer_id"):
        assert f"# {field} = …" in profile
        assert f"{field} is missing" in str(error.value)


def test_names_and_texts_of_any_kind_stay_toml(tmp_path: Path):
    rows = [{'a"b': "\x7f\u2028", "评论\n内容": "送得慢，\\n 气人", "时间": "2026-11-03 9:05", "渠道": '抖"音\\'}]
    profile = new(tmp_path / "x.json", json.dumps(rows).encode())
    with pytest.raises(ProfileError) as error:
        read_profile(profile, "x.toml")
    assert all("TOML" not in fault.what for fault in error.value.faults)


@pytest.mark.parametrize("name", shipped_names())
def test_profiles_are_listed_and_shown(name: str, tmp_path: Path):
    assert name in run("profile", "list").stdout
    shown = run("profile", "show", name).stdout
    (tmp_path / "mine.toml").write_text(shown, encoding="utf-8")
    assert run("profile", "show", tmp_path / "mine.toml").stdout == shown


def test_a_name_that_is_nearly_right_is_told():
    with pytest.raises(GapwatchError, match="did you mean weibo"):
        CliRunner().invoke(gapwatch, ["profile", "show", "weibbo"], catch_exceptions=False)


def test_the_type_may_come_from_the_profile_and_must_agree(tmp_path: Path):
    file = tmp_path / "w.csv"
    file.write_text("微博正文,user_id,发布时间\n慢,7,2026/11/3 9:05\n", encoding="utf-8")
    assert run("check", file, "--profile", "weibo").exit_code == 0
    assert run("check", "feedback", file, "--profile", "weibo").exit_code == 0
    assert "makes events of the type feedback" in run("check", "chat", file, "--profile", "weibo").stderr
    assert "name the TYPE of the events" in run("check", file).stderr
    assert run("check", file, "--profile", "weibo", "--set", "region=广东", "--leave-out", "发布时间").exit_code == 0
