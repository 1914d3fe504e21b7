"""Clauses of a text, and the thing each speaks of."""

import re
from collections.abc import Sequence

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

# What compares the words of a clause with each other stays linear in the text as long as no clause is longer.
LONGEST = 200
_ENDS = r"，。！？：；,!?; \n\t\r\x0b\x0c\u3000～~…"
_CLAUSE = re.compile(rf"[^{_ENDS}]{{1,{LONGEST}}}")
# Words that turn the tide begin a clause.
_TURNS = ("但是", "不过", "可是", "然而")
_TURNING = re.compile(rf"(?:{'|'.join(_TURNS)})?(?:(?!{'|'.join(_TURNS)})[^{_ENDS}]){{1,{LONGEST}}}")

_ASPECT_WORDS = {
    "logistics": "物流 快递 送货 配送 发货 到货 派送 运输 送餐 外卖员 骑手 小哥 速度 时效",
    "packaging": "包装 盒子 箱子 外壳 封口 袋子 泡沫",
    "quality": "质量 做工 品质 材质 面料 布料 效果 性能 屏幕 电池 瑕疵 质感 正品 假货 制冷 噪音",
    "price": "价格 价钱 性价比 便宜 贵 实惠 降价 优惠 红包 费用 收费 划算 差价",
    "service": "服务 客服 态度 服务员 前台 店家 商家 卖家 老板 售后 店员 经理 人员 师傅",
    "taste": "味道 口味 好吃 难吃 口感 菜品 菜 分量 饭 汤 新鲜 食材 肉",
    "room": "房间 卫生间 床 空调 隔音 设施 早餐 装修 卫生 大堂 环境 浴室",
    "size": "尺码 尺寸 大小 码数 偏大 偏小 合身 码",
    "app": "网站 页面 软件 系统 APP app 网页 登录 支付 付款 界面 退款 手机银行",
    "installation": "安装 装机 维修 调试",
    "content": "内容 情节 故事 文笔 翻译 作者 印刷 纸张 书",
    "location": "位置 地理 交通 地段 停车",
}
_ASPECT_OF = {word: aspect for aspect, words in _ASPECT_WORDS.items() for word in words.split()}
_ASPECTS = list(_ASPECT_OF.values())
_find_aspects = AhoCorasick(
    list(_ASPECT_OF), matchkind=MatchKind.LeftmostLongest, implementation=Implementation.DFA
).find_matches_as_indexes


def clause_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each clause, in order, without the punctuation around it."""
    pattern = _TURNING if any(turn in text for turn in _TURNS) else _CLAUSE
    return [match.span() for match in pattern.finditer(text)]


def aspects_of(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """What each clause of a text speaks of first; empty where unsaid."""
    aspects = [""] * len(spans)
    clause = 0
    for word, start, _ in _find_aspects(text):
        while clause < len(spans) and spans[clause][1] <= start:
            clause += 1
        if clause < len(spans) and not aspects[clause]:
            aspects[clause] = _ASPECTS[word]
    return aspects
