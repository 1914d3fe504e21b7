"""Every word of the dashboards in Chinese and in English."""

from typing import Literal, NamedTuple

Locale = Literal["zh", "en"]


class Words(NamedTuple):
    """One text in both languages."""

    zh: str
    en: str

    def __call__(self, locale: Locale) -> str:
        return self.zh if locale == "zh" else self.en


GAPS: dict[str, Words] = {
    "information": Words("信息差距", "Information"),
    "design": Words("设计差距", "Design"),
    "communication": Words("沟通差距", "Communication"),
    "fulfillment": Words("实现差距", "Fulfillment"),
    "none": Words("无差距", "No gap"),
}
MEASURES: dict[str, Words] = {
    **{code: words for code, words in GAPS.items() if code != "none"},
    "response": Words("客服响应", "Response time"),
    "promises": Words("承诺兑现", "Kept promises"),
}
# One colour for a gap wherever it is drawn; the fulfillment gap is the one to see first.
GAP_COLORS = {"information": "#2f6feb", "design": "#8e5bd0", "communication": "#c99700", "fulfillment": "#d43b3b"}
NOW_COLOR, USUAL_COLOR = "#d43b3b", "#98a2b3"
GOOD_COLOR, BAD_COLOR = "#2e9e5b", "#d43b3b"
CHANNELS: dict[str, Words] = {
    "physical": Words("门店", "Store"),
    "phone": Words("电话", "Phone"),
    "site": Words("网站", "Site"),
    "app": Words("App", "App"),
    "wechat": Words("微信", "WeChat"),
    "weibo": Words("微博", "Weibo"),
    "qq": Words("QQ", "QQ"),
    "email": Words("邮件", "E-mail"),
    "marketplace": Words("电商平台", "Marketplace"),
    "forum": Words("论坛", "Forum"),
    "mystery_shopper": Words("神秘顾客", "Mystery shopper"),
    "monitoring": Words("舆情监测", "Monitoring"),
}
DIMENSIONS: dict[str, Words] = {
    "reliability": Words("可靠性", "Reliability"),
    "responsiveness": Words("响应性", "Responsiveness"),
    "assurance": Words("保证性", "Assurance"),
    "empathy": Words("移情性", "Empathy"),
    "tangibles": Words("有形性", "Tangibles"),
    "none": Words("无", "None"),
}
STAGES: dict[str, Words] = {
    "pre_sale": Words("售前", "Before the sale"),
    "in_sale": Words("售中", "During the sale"),
    "after_sale": Words("售后", "After the sale"),
}
SEVERITIES: dict[str, Words] = {
    "notice": Words("提示", "Notice"),
    "warning": Words("警告", "Warning"),
    "critical": Words("严重", "Critical"),
}
STATES: dict[str, Words] = {
    "opened": Words("新开", "Opened"),
    "ongoing": Words("持续", "Ongoing"),
    "escalated": Words("升级", "Escalated"),
    "recovered": Words("恢复", "Recovered"),
}
NO_DATA = Words("这段时间没有数据", "No data in this range")
INDEX_MEANING = Words(
    "实现差距指数 = 100 x 说到实现差距的声音的严重度之和 / 全部声音数。0：没有人提到；100：人人都在最严重地抱怨。",
    "Fulfillment gap index = 100 x sum of the severities of voices on fulfillment / all voices. "
    "0: nobody speaks of it; 100: everybody does, at the greatest severity.",
)
SENTIMENTS: dict[str, Words] = {
    "positive": Words("正面", "Positive"),
    "neutral": Words("中性", "Neutral"),
    "negative": Words("负面", "Negative"),
}
ROLES: dict[str, Words] = {
    "customer": Words("客户", "Customer"),
    "agent": Words("客服", "Agent"),
    "bot": Words("机器人", "Bot"),
}
EVENT_TYPES: dict[str, Words] = {
    "feedback": Words("反馈", "Feedback"),
    "complaint": Words("投诉", "Complaints"),
    "chat": Words("对话", "Conversations"),
}
