"""How badly a complaint weighs, 0 ... 1.

A complaint starts at 0.2. Its sentiment adds up to 0.3; then each kind of aggravation adds once: danger to people or
a foreign body 0.25, a threat to escalate or to leave 0.15, money lost or withheld 0.1, failure again and again 0.1,
long waiting 0.1, strong words 0.05; each further gap 0.05. The weights are our judgement, not learnt: use severity to
sort complaints, not to measure them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gapwatch.pipeline.language.compiled.decorators import compiled
from gapwatch.pipeline.language.models import phrases
from gapwatch.pipeline.language.models.ngrams import Layout
from gapwatch.pipeline.language.models.phrases import Phrases

_START = 0.2
_SENTIMENT = 0.3
_FURTHER_GAP = 0.05

_DANGER = """
漏电 触电 爆炸 起火 着火 自燃 冒烟 烫伤 受伤 摔伤 流血 中毒 过敏 拉肚子 腹泻 呕吐 吐了 上吐下泻 肚子疼 肚子痛
住院 医院 发炎 红肿
蟑螂 苍蝇 虫子 老鼠 钢丝 订书钉 玻璃渣 安全隐患 不安全 没安全感 危险 被偷 被盗 诈骗 信息泄露"""
_ESCALATION = """
投诉 举报 12315 315 起诉 法院 律师 曝光 维权 工商局 消协 再也不 不会再 绝不 卸载 退货 要求退 销户 报警"""
_MONEY = """
扣费 扣款 扣钱 多收 乱收费 退款 不退 押金 违约金 损失 白花 打水漂 被骗 骗钱 高价 天价 差价 赔"""
_AGAIN = """
又坏 再次 多次 屡次 每次 总是 一直 老是 经常 反复 第二次 第三次 好几次 几次
无数次 三番五次 一再 一拖再拖 又是 还是坏 都坏"""
_LONG = """
半个月 一个月 两个月 几个月 半年 一年 一周 一个星期 一个礼拜 两周 三天 四天 五天 六天 七天 八天 九天 十天 十几天 好几天
两个小时 三个小时 两小时 三小时 2个小时 3个小时 2小时 3小时 半天 至今 迟迟 到现在"""
_STRONG = """
太 非常 极其 特别 超级 极差 最差 垃圾 恶心 气死 愤怒 无语 恶劣 一塌糊涂 离谱 过分 不能忍 忍无可忍 ！！ !!"""
_KINDS = ((0.25, _DANGER), (0.15, _ESCALATION), (0.1, _MONEY), (0.1, _AGAIN), (0.1, _LONG), (0.05, _STRONG))


_CUES = [(word, kind) for kind, (_, text) in enumerate(_KINDS) for word in text.split()]


class Cues(NamedTuple):
    """The words of each kind of aggravation, and what a kind adds."""

    words: Phrases
    kinds: NDArray[np.int64]
    weights: NDArray[np.float64]


CUES = Cues(
    Phrases.of([word for word, _ in _CUES]),
    np.array([kind for _, kind in _CUES]),
    np.array([weight for weight, _ in _KINDS]),
)


def severity(aggravation: float, score: float, gaps: int) -> float:
    """Severity of a complaint of so many gaps and of a sentiment score, -1 ... 1."""
    total = _START + _SENTIMENT * max(0.0, -score) + aggravation + _FURTHER_GAP * (gaps - 1)
    return round(min(1.0, total), 3)


@compiled
def aggravations_of(layout: Layout, cues: Cues) -> NDArray[np.float64]:
    """What the kinds of aggravation in each text add up to."""
    kinds, weights, first = cues.kinds, cues.weights, layout.first
    added = np.zeros(len(first) - 1)
    counted = np.zeros((len(added), len(weights)), np.bool_)
    text = 0
    for phrase, clause, _ in phrases.find(layout, cues.words):
        while clause >= first[text + 1]:
            text += 1
        kind = kinds[phrase]
        if not counted[text, kind]:
            counted[text, kind] = True
            added[text] += weights[kind]
    return added
