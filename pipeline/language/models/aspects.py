"""The thing that a clause speaks of."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.language.compiled.decorators import compiled
from gapwatch.pipeline.language.models import phrases
from gapwatch.pipeline.language.models.ngrams import Integers, Layout
from gapwatch.pipeline.language.models.phrases import Phrases

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
ASPECTS = ("", *_ASPECT_WORDS)
_NUMBERED = [(word, number) for number, name in enumerate(ASPECTS) for word in _ASPECT_WORDS.get(name, "").split()]


class AspectWords(NamedTuple):
    """The words of aspects, and which of `ASPECTS` each names."""

    words: Phrases
    aspects: NDArray[np.int64]


ASPECT_WORDS = AspectWords(Phrases.of([word for word, _ in _NUMBERED]), np.array([number for _, number in _NUMBERED]))


@compiled
def aspects_of(layout: Layout, named: AspectWords) -> Integers:
    """The number of the aspect that each clause speaks of first."""
    first = np.zeros(len(layout.spans), np.int64)
    aspects = named.aspects
    matches = phrases.find(layout, named.words)
    for row in range(len(matches)):
        clause = matches[row, 1]
        if not first[clause]:
            first[clause] = aspects[matches[row, 0]]
    return first
