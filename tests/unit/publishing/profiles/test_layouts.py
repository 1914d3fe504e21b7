"""Exports as people have them, each in its own layout, through a profile to events."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from gapwatch.pipeline.events.decode import decode
from gapwatch.pipeline.publishing.files.file_reader import read_records
from gapwatch.pipeline.publishing.files.shape import Row
from gapwatch.pipeline.publishing.profiles.application import Application, reading_of
from gapwatch.pipeline.publishing.profiles.checking import read_profile
from gapwatch.pipeline.publishing.profiles.library import profile_text


def rows_of(profile: str, name: str, content: bytes) -> list[Row]:
    """The rows of a file through a profile, by its TOML or by the name of one that comes with gapwatch."""
    text = profile if "\n" in profile else profile_text(profile)
    loaded = read_profile(text, "mine.toml")
    stream: Any = io.BufferedReader(io.BytesIO(content))
    records = read_records(stream, name, reading_of(loaded, {}), lambda _: None)
    return list(Application(loaded).rows(records, name))


def events_of(profile: str, name: str, content: bytes | str) -> list[dict[str, Any]]:
    """The events of a file, each held to the contract; every row is an event or passed over."""
    rows = rows_of(profile, name, content.encode() if isinstance(content, str) else content)
    kind = read_profile(profile if "\n" in profile else profile_text(profile), "mine.toml").type
    assert [row.fault for row in rows if row.fault] == []
    made = [row for row in rows if not row.skipped]
    for row in made:
        decode(kind, row.value)
    return [json.loads(row.value) for row in made]


def sheet(*rows: tuple[object, ...], merged: tuple[str, ...] = ()) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for area in merged:
        book.active.merge_cells(area)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def said(event: dict[str, Any]) -> list[tuple[str, str]]:
    return [(turn["role"], turn["text"]) for turn in event["turns"]]


def test_marketplace_reviews_in_gbk_with_good_and_bad():
    content = (
        "订单编号,会员名,评价类型,评价内容,追评,评价时间,商品ID,店铺名称\n"
        "A1,小鱼,好评,壶很好用,,2026/11/3 9:05,K1,东店\n"
        "A2,阿木,差评,漏水,客服不理人,2026-11-04 10:00:01,K1,东店\n"
        "A3,海棠,中评,一般般吧,,2026年11月5日 下午3:05,K2,东店\n"
    )
    events = events_of("marketplace-reviews", "评价.csv", content.encode("gbk"))
    assert [event["rating"] for event in events] == [5, 1, 3]
    assert events[1]["text"] == "漏水\n客服不理人"
    assert events[2]["event_time"] == "2026-11-05T15:05:00+08:00"
    assert {event["channel"] for event in events} == {"marketplace"}
    assert events[0]["shop"] == "东店"


def test_marketplace_reviews_as_json_with_other_names():
    document = {
        "code": 0,
        "data": {
            "comments": [
                {
                    "guid": "g1",
                    "nickname": "小**鱼",
                    "content": "送货慢",
                    "score": 2,
                    "creationTime": "2026-11-03 09:05:07",
                },
                {
                    "guid": "g2",
                    "nickname": "阿**木",
                    "content": "不错",
                    "score": 5,
                    "creationTime": "2026-11-03 09:06:07",
                },
            ]
        },
    }
    events = events_of("marketplace-reviews", "c.json", json.dumps(document, ensure_ascii=False))
    assert [(event["event_id"], event["rating"]) for event in events] == [("g1", 2), ("g2", 5)]


def test_marketplace_reviews_in_a_workbook_below_a_title():
    content = sheet(
        ("2026年11月商品评价导出",),
        ("序号", "用户昵称", "星级", "评论内容", "评论时间", "商品编号", "商家回复"),
        (1, "小鱼", "五星", "好\n非常好", "2026-11-03 09:05:07", 10023, "谢谢"),
        (2, "阿木", "★★☆☆☆", "慢", "2026/11/3 9:05", 10024, None),
        merged=("A1:G1",),
    )
    events = events_of("marketplace-reviews", "r.xlsx", content)
    assert [(event["rating"], event["product_id"]) for event in events] == [(5, "10023"), (2, "10024")]
    assert events[0]["reply"] == "谢谢"


def test_reviews_without_words_need_a_rating():
    content = "用户昵称,评分,评价内容,评价时间\n小鱼,5,此用户没有填写评价。,2026-11-03 9:05\n阿木,,此用户没有填写评价,2026-11-03 9:05\n"
    events = events_of("marketplace-reviews", "r.csv", content)
    assert [(event["text"], event["rating"]) for event in events] == [("", 5)]


def test_scores_of_a_hundred():
    profile = profile_text("marketplace-reviews") + "\n[ratings]\nworst = 0\nbest = 100\n"
    content = "用户昵称,评分,评价内容,评价时间\n小鱼,92分,好,2026-11-03 9:05\n阿木,40,差,2026-11-03 9:05\n"
    assert [event["rating"] for event in events_of(profile, "r.csv", content)] == [5, 2]


def test_weibo_of_a_crawler():
    content = (
        "id,bid,user_id,用户昵称,微博正文,发布位置,转发数,评论数,点赞数,发布时间,话题,发布工具\n"
        "5098,Nx1,7701,小鱼,空调装了三天还没人来//@阿木:我也是,广东,3,1,9,2026-11-03 09:05,家电,iPhone\n"
        "5099,Nx2,7702,阿木,转发微博,无,0,0,0,2026-11-03 09:06,,\n"
    )
    (event,) = events_of("weibo", "w.csv", content)
    assert (event["customer_id"], event["channel"], event["region"]) == ("7701", "weibo", "广东")
    assert event["text"] == "空调装了三天还没人来"
    assert event["likes"] == "9"


def test_weibo_as_json_lines_with_the_time_of_its_interface():
    post = {
        "mid": "50981",
        "user": {"id": 7701, "screen_name": "小鱼"},
        "text": "快递<br />丢了 <a href='x'>@客服</a>",
        "created_at": "Tue Nov 03 12:00:00 +0800 2026",
        "region_name": "发布于 广东",
        "attitudes_count": 4,
    }
    (event,) = events_of("weibo", "w.jsonl", json.dumps(post, ensure_ascii=False) + "\n")
    assert event["customer_id"] == "7701"
    assert event["text"] == "快递\n丢了 @客服"
    assert event["event_time"].startswith("2026-11-03T12:00:00")


def test_orders_of_a_hotline():
    content = (
        "热线工单明细表\n"
        "工单编号,来电时间,来电号码,诉求标题,诉求内容,工单状态,受理渠道,办结时间,承办单位,满意度\n"
        'G1,2026/11/3 9:05,13800000000,物流,"送货一直没到\n电话也打不通",办理中,12345热线,,配送部,\n'
        "G2,2026/11/3 9:06,13800000001,安装,装错了,已办结,微信,2026/11/5 10:00,安装部,满意\n"
        "G3,2026/11/3 9:07,13800000001,测试,测试工单,作废,微信,,,\n"
        "合计,3,,,,,,,,\n"
    )
    rows = rows_of("hotline-orders", "工单.csv", content.encode("gb18030"))
    events = [json.loads(row.value) for row in rows if row.value]
    assert [(event["status"], event["channel"]) for event in events] == [("open", "phone"), ("resolved", "wechat")]
    assert events[0]["text"] == "送货一直没到\n电话也打不通"
    assert events[1]["delivered_at"] == "2026-11-05T10:00:00+08:00"
    assert events[0]["department"] == "配送部"
    assert next(row.skipped for row in rows if row.skipped) == "工单状态 is 作废"


MESSAGES = """\
会话ID,访客ID,客服姓名,发送者类型,发送者,消息类型,消息内容,发送时间,渠道,满意度
S1,v-01,小美08,访客,访客1023,文本,我的水壶还没到,2026/11/3 9:05,微信公众号,满意
S1,v-01,小美08,机器人,小七机器人,文本,您好，请问有什么可以帮您？,2026/11/3 9:05,微信公众号,
S2,v-02,小美08,访客,访客1099,文本,能退货吗,2026/11/3 9:06,APP,
S1,v-01,小美08,系统,系统,系统消息,已为您转接人工客服,2026/11/3 9:06,微信公众号,
S1,v-01,小美08,客服,小美08,文本,"<p>亲，查到了</p><p>明天到</p>",2026/11/3 9:07,微信公众号,
S1,v-01,小美08,访客,访客1023,图片,[图片],2026/11/3 9:08,微信公众号,
S2,v-02,小美08,访客,访客1099,文本,访客1099撤回了一条消息,2026/11/3 9:09,APP,
"""


def test_messages_one_a_row_become_conversations():
    first, second = events_of("message-rows", "m.csv", MESSAGES)
    assert said(first) == [
        ("customer", "我的水壶还没到"),
        ("bot", "您好，请问有什么可以帮您？"),
        ("agent", "亲，查到了\n明天到"),
        ("customer", ""),
    ]
    assert said(second) == [("customer", "能退货吗")]
    assert (first["channel"], second["channel"]) == ("wechat", "app")
    assert (first["event_id"], first["agent_id"]) == ("S1", "小美08")
    assert first["event_time"] == "2026-11-03T09:05:00+08:00"


def test_messages_with_merged_cells_below_a_title():
    content = sheet(
        ("会话消息导出", None, None, None, None),
        ("会话ID", "客户ID", "发送方", "消息内容", "发送时间"),
        ("S1", "c1", "客户", "在吗", "2026-11-03 09:05:00"),
        (None, None, "客服", "在的", "2026-11-03 09:05:10"),
        (None, None, "系统", "会话已结束", "2026-11-03 09:06:00"),
        ("S2", "c2", "客户", "退货", "2026-11-03 10:05:00"),
        merged=("A1:E1", "A3:A5", "B3:B5"),
    )
    first, second = events_of("message-rows", "m.xlsx", content)
    assert said(first) == [("customer", "在吗"), ("agent", "在的")]
    assert (first["customer_id"], second["customer_id"]) == ("c1", "c2")


def test_messages_of_an_interface_by_numbers_and_milliseconds():
    profile = """
    type = "chat"
    others = "leave_out"
    [file]
    records = "data.messages"
    [columns]
    conversation_id = "sessionId"
    customer_id = "foreignId"
    [constants]
    channel = "app"
    [conversation.roles]
    "1" = "customer"
    "0" = "agent"
    [[turns]]
    speaker = "from"
    text = "content.text"
    at = "time"
    """
    messages = [
        {"sessionId": 7, "foreignId": "u1", "from": 1, "content": {"text": "坏了"}, "time": 1793700300000},
        {"sessionId": 7, "foreignId": "u1", "from": 0, "content": {"text": "抱歉"}, "time": 1793700310000},
    ]
    (event,) = events_of(profile, "m.json", json.dumps({"data": {"messages": messages}}))
    assert said(event) == [("customer", "坏了"), ("agent", "抱歉")]
    assert event["event_id"] == "7"


def test_names_of_people_speak_and_one_column_says_who_the_customer_is():
    profile = """
    type = "chat"
    leave_out = ["序号"]
    [columns]
    conversation_id = "编号"
    customer_id = "买家"
    [constants]
    channel = "marketplace"
    [times]
    timezone = "Asia/Shanghai"
    [conversation]
    customer = "买家"
    [conversation.roles]
    "小蜜*" = "bot"
    "*" = "agent"
    [[turns]]
    speaker = "发言人"
    text = "内容"
    at = { join = ["日期", "时刻"] }
    """
    content = (
        "序号,编号,买家,发言人,日期,时刻,内容\n1,7,tb小鱼,tb小鱼,2026/11/3,9:05,在吗\n"
        "2,7,tb小鱼,小蜜助手,2026/11/3,9:05,您好\n3,7,tb小鱼,东店:阿美2,2026/11/3,9:06,在\n"
    )
    (event,) = events_of(profile, "m.csv", content)
    assert [turn["role"] for turn in event["turns"]] == ["customer", "bot", "agent"]
    assert event["turns"][2]["at"] == "2026-11-03T09:06:00+08:00"


def test_a_question_and_its_answer_in_one_row():
    profile = """
    type = "chat"
    [columns]
    conversation_id = "会话"
    customer_id = "用户"
    [constants]
    channel = "app"
    [times]
    timezone = "Asia/Shanghai"
    [[turns]]
    role = "customer"
    text = "用户问题"
    at = "时间"
    [[turns]]
    role = "bot"
    text = "机器人回答"
    at = "时间"
    """
    content = "会话,用户,用户问题,机器人回答,时间\n1,u,怎么退,点退货,2026-11-03 9:05\n1,u,不行,,2026-11-03 9:06\n"
    (event,) = events_of(profile, "q.csv", content)
    assert said(event) == [("customer", "怎么退"), ("bot", "点退货"), ("customer", "不行")]


def test_a_transcript_in_a_cell():
    content = (
        "会话编号,开始时间,客户昵称,客服,聊天记录,满意度\n"
        '1,2026/11/3 10:00,tb小鱼,小美,"客服 10:00:01\n您好\ntb小鱼 10:00:20\n水壶坏了\n第二行\n系统 10:01:00\n会话超时",3\n'
        '2,2026/11/3 23:59,阿木,小美,"阿木(2026-11-03 23:59:30)：发票呢\n东店:小美(2026-11-04 00:00:10)：稍等\n阿木(2026-11-04 00:01:10)：[图片]",5\n'
    )
    first, second = events_of("transcripts", "t.csv", content)
    assert said(first) == [("agent", "您好"), ("customer", "水壶坏了\n第二行")]
    assert said(second) == [("customer", "发票呢"), ("agent", "稍等"), ("customer", "")]
    assert second["turns"][1]["at"] == "2026-11-04T00:00:10+08:00"


def test_a_transcript_without_times():
    content = "会话编号,日期,客户,聊天记录\n1,2026/11/3,c1,客户：在吗\\n\n".replace("\\n", "")
    content = '会话编号,日期,客户,聊天记录\n1,2026/11/3,c1,"客户：在吗\n客服：在的\n机器人：自动回复"\n'
    (event,) = events_of("transcripts", "t.csv", content)
    assert said(event) == [("customer", "在吗"), ("agent", "在的"), ("bot", "自动回复")]


def test_a_text_file_with_several_conversations():
    content = (
        "会话编号：1024 2026-11-03\n客服 10:02:03\n您好，请讲\n买家小鱼 10:02:30\n锅漏水\n系统 10:03:00\n会话超时\n\n"
        "会话编号：1025 2026-11-04\n买家阿木 9:00:01\n在吗\n"
    )
    first, second = events_of("transcript-files", "聊天.txt", content)
    assert (first["conversation_id"], second["conversation_id"]) == ("1024", "1025")
    assert said(first) == [("agent", "您好，请讲"), ("customer", "锅漏水")]
    assert first["customer_id"] == "买家小鱼"
    assert first["event_time"] == "2026-11-03T00:00:00+08:00"


def test_a_text_file_that_is_one_conversation():
    content = "[2026-11-03 10:02:03] 客服：您好\n[2026-11-03 10:02:30] 客户：锅漏水\n"
    (event,) = events_of("transcript-files", "夹/聊天-7.txt", content.encode("gbk"))
    assert event["conversation_id"] == "聊天-7"
    assert event["event_time"] == "2026-11-03T10:02:03+08:00"


CHATWOOT = {
    "id": 12,
    "meta": {"sender": {"id": 3, "name": "周"}, "assignee": {"id": 9}, "channel": "Channel::Wechat"},
    "status": "resolved",
    "timestamp": 1793700300,
    "messages": [
        {"id": 1, "content": "在吗", "message_type": 0, "created_at": 1793700300, "private": False},
        {
            "id": 2,
            "content": "在",
            "message_type": 1,
            "created_at": 1793700320,
            "private": False,
            "sender": {"type": "user"},
        },
        {"id": 3, "content": "我是助手", "message_type": 1, "created_at": 1793700330, "sender_type": "AgentBot"},
    ],
}


@pytest.mark.parametrize(
    "write",
    [
        lambda one: json.dumps([one, one | {"id": 13}], indent=1),
        lambda one: json.dumps(one) + "\n" + json.dumps(one | {"id": 13}) + "\n",
        lambda one: json.dumps({"data": {"meta": {"all_count": 2}, "payload": [one, one | {"id": 13}]}}),
    ],
    ids=["array", "lines", "answer of the interface"],
)
def test_conversations_of_chatwoot(write: Callable[[dict[str, Any]], str]):
    first, second = events_of("chatwoot", "c.json", write(CHATWOOT))
    assert (first["event_id"], second["event_id"]) == ("12", "13")
    assert (first["channel"], first["customer_id"]) == ("wechat", "3")
    assert [turn["role"] for turn in first["turns"]] == ["customer", "agent", "bot"]


def test_a_survey_with_ten_points_and_renamed_channels():
    profile = """
    type = "feedback"
    leave_out = ["手机"]
    [columns]
    text = { join = ["优点", "缺点"], between = "；" }
    rating = "推荐度"
    event_time = "提交时间"
    customer_id = "答卷编号"
    channel = "来源"
    [values.channel]
    "门店扫码" = "physical"
    "*" = "app"
    [ratings]
    worst = 0
    best = 10
    [times]
    timezone = "Asia/Shanghai"
    formats = ["%d/%m/%Y %H:%M"]
    """
    content = "答卷编号,来源,推荐度,优点,缺点,提交时间,手机\n1,门店扫码,9,快,贵,03/11/2026 09:05,138\n2,弹窗,0,,慢,13/11/2026 10:05,139\n"
    first, second = events_of(profile, "s.csv", content)
    assert (first["text"], first["rating"], first["channel"]) == ("快；贵", 5, "physical")
    assert (second["text"], second["rating"], second["channel"]) == ("慢", 1, "app")
    assert first["event_time"] == "2026-11-03T09:05:00+08:00"
    assert "手机" not in first


def test_mail_as_html():
    profile = """
    type = "complaint"
    html = true
    [columns]
    event_id = "headers.id"
    customer_id = "from.hash"
    text = "body"
    subject = "headers.subject"
    event_time = "headers.date"
    [constants]
    channel = "email"
    [[skip]]
    column = "headers.auto"
    is_not = ["no", ""]
    """
    mails = [
        {
            "headers": {"id": "a", "subject": "退款", "date": "Tue, 03 Nov 2026 09:05:00 +0800", "auto": "no"},
            "from": {"hash": "h"},
            "body": "<style>p{}</style><p>还没退&nbsp;款</p><p>急</p>",
        },
        {
            "headers": {"id": "b", "subject": "不在", "date": "Tue, 03 Nov 2026 09:06:00 +0800", "auto": "yes"},
            "from": {"hash": "h"},
            "body": "x",
        },
    ]
    (event,) = events_of(profile, "m.json", json.dumps(mails))
    assert event["text"] == "还没退 款\n急"


def test_a_table_of_tabs_in_utf_16_with_blank_rows():
    content = "用户ID\t评分\t评论内容\t评论时间\n\n7\t4\t还行\t2026/11/3 9:05\n\n"
    (event,) = events_of("marketplace-reviews", "r.txt", content.encode("utf-16"))
    assert (event["customer_id"], event["rating"]) == ("7", 4)


def test_without_one_of_its_messages_no_conversation_is_published():
    rows = rows_of("message-rows", "m.csv", MESSAGES.replace(",客服,小美08,", ",小美08,小美08,").encode())
    conversation, refused = [row.fault for row in rows if row.fault]
    assert refused.reason == "unknown_role"
    assert "小美08" in refused.detail
    assert "[conversation.roles]" in refused.detail
    assert "the message of line 6" in conversation.detail
    assert [json.loads(row.value)["event_id"] for row in rows if row.value] == ["S2"]
