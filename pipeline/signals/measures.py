"""What to do about a gap, and what things are called: the one place for alerts, Grafana's annotations and the report.

The measures follow the literature on service gaps: Parasuraman, Zeithaml and Berry (1985) for the causes of each gap,
and its e-service form with the fulfillment gap by Zeithaml, Parasuraman and Malhotra (2000).
"""

from typing import Literal

from gapwatch.pipeline.signals.series import Measure
from gapwatch.pipeline.signals.verdict import Severity, State

Locale = Literal["zh", "en"]

MEASURE_NAMES: dict[Locale, dict[Measure, str]] = {
    "zh": {
        "information": "信息差距",
        "design": "设计差距",
        "communication": "沟通差距",
        "fulfillment": "实现差距",
        "response": "客服响应",
        "promises": "承诺兑现",
    },
    "en": {
        "information": "information gap",
        "design": "design gap",
        "communication": "communication gap",
        "fulfillment": "fulfillment gap",
        "response": "response time",
        "promises": "kept promises",
    },
}

SUGGESTIONS: dict[Locale, dict[Measure, tuple[str, ...]]] = {
    "zh": {
        "information": (
            "请一线客服各说出最近最常听到的三个没被满足的需求",
            "把同类声音按需求归并，对照现有品类、政策和服务范围",
            "用一次小调查或访谈核实，再决定补什么、不补什么",
        ),
        "design": (
            "沿着客户走过的每一步重做一遍：搜索、下单、支付、退换",
            "对照最近的发布和改版，能回退的先回退",
            "为受影响的步骤定出质量标准，指定一名负责人",
        ),
        "communication": (
            "核对页面、广告、客服话术与实际能做到的是否一致，过头的承诺立即撤下",
            "统一口径，并主动通知已下单的客户",
            "活动前由营销与运营共同确认承诺和备货，外包伙伴用同一份标准",
        ),
        "fulfillment": (
            "查该商品的库存、仓库与承运商：显示有货却发不出的先下架或改预计时间",
            "在客户来问之前告知延误，给出新的时间和补救办法",
            "逐条答复这些声音（有求必应），并记录根本原因",
            "压力来自高峰时，错峰发货或临时增加人手",
        ),
        "response": (
            "查看排队和在岗人数，从空闲的队伍调人",
            "先回复等待最久的会话，哪怕只是告知要等多久、为什么",
            "把反复出现的问题做成自助答案",
        ),
        "promises": (
            "列出今天到期和已过期的承诺，逐单落实责任人",
            "做不到的先告知客户并约新时间，不再轻易承诺",
            "暂停对外使用做不到的时限",
        ),
    },
    "en": {
        "information": (
            "Ask front-line staff for the three unmet needs they hear most",
            "Group these voices by need and compare with assortment, policies and coverage",
            "Check with a short survey or interviews before deciding what to add",
        ),
        "design": (
            "Walk each step as the customer did: search, order, payment, return",
            "Compare with the latest releases; roll back what can be rolled back",
            "Set a quality standard for the step and name one owner",
        ),
        "communication": (
            "Compare pages, advertising and scripts with what is delivered; withdraw what promises too much",
            "Agree on one message and tell customers who have ordered before they ask",
            "Let marketing and operations agree on promises and capacity before campaigns, partners included",
        ),
        "fulfillment": (
            "Check stock, warehouse and carrier; take off sale what shows in stock but cannot be sent",
            "Tell customers of the delay before they ask, with a new time and a remedy",
            "Answer every one of these voices, and record the root cause",
            "If a peak is the cause, spread shipping or add hands",
        ),
        "response": (
            "Look at queues and staffing; move people from idle teams",
            "Answer those who have waited longest first, if only with how long and why",
            "Turn questions that recur into self-service answers",
        ),
        "promises": (
            "List promises due and overdue today and name who settles each",
            "Where it cannot be kept tell the customer first and agree on a new time",
            "Stop advertising the time that cannot be kept",
        ),
    },
}

SEVERITY_NAMES: dict[Locale, dict[Severity, str]] = {
    "zh": {"notice": "提示", "warning": "警告", "critical": "严重"},
    "en": {"notice": "notice", "warning": "warning", "critical": "critical"},
}

STATE_NAMES: dict[Locale, dict[State, str]] = {
    "zh": {"opened": "变差", "ongoing": "持续", "escalated": "加剧", "recovered": "恢复"},
    "en": {"opened": "got worse", "ongoing": "goes on", "escalated": "gets worse still", "recovered": "recovered"},
}

CHANNEL_NAMES: dict[Locale, dict[str, str]] = {
    "zh": {
        "physical": "门店",
        "phone": "电话",
        "site": "网站",
        "app": "App",
        "wechat": "微信",
        "weibo": "微博",
        "qq": "QQ",
        "email": "邮件",
        "marketplace": "电商平台",
        "forum": "论坛",
        "mystery_shopper": "神秘顾客",
        "monitoring": "监测",
    },
    "en": {
        "physical": "shop",
        "phone": "phone",
        "site": "web site",
        "app": "app",
        "wechat": "WeChat",
        "weibo": "Weibo",
        "qq": "QQ",
        "email": "e-mail",
        "marketplace": "marketplace",
        "forum": "forum",
        "mystery_shopper": "mystery shopper",
        "monitoring": "monitoring",
    },
}
