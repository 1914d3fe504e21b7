"""Chat transcripts for the demo: five ways a conversation with customer service goes, in our own sentences."""

from datetime import datetime, timedelta
from random import Random
from typing import Literal

from gapwatch.schemas.events import Role, Turn

Scenario = Literal["normal", "slow", "unanswered", "broken_promise", "solved"]

_SHARES: dict[Scenario, int] = {"normal": 45, "slow": 18, "unanswered": 10, "broken_promise": 9, "solved": 18}

_GREETINGS = ("您好,很高兴为您服务,请问有什么可以帮您?", "亲,在的,请讲", "您好,这里是在线客服,请问怎么称呼?")
_THANKS = ("好的,谢谢", "明白了,谢谢你", "可以,辛苦了", "行,知道了")
_QUESTIONS = (
    ("请问这款支持七天无理由退货吗?", "支持的,签收后七天内不影响二次销售都可以退"),
    ("你好,电子发票在哪里下载?", "在“我的订单”里点开这一单,最下面就能下载"),
    ("可以改收货地址吗?还没发货", "可以的,已经帮您改好了"),
    ("想问一下明天能送到吗", "系统显示明天下午送达,请留意电话"),
    ("这个和上一代有什么区别", "新款换了更大的电池,屏幕也更亮一些"),
    ("周末可以预约安装吗", "可以,周六上午和下午都有师傅"),
    ("酒店几点可以办理入住?", "下午两点以后都可以,提前到可以寄存行李"),
)
_TROUBLES = (
    "我的快递三天没动静了,能查一下吗",
    "收到的箱子是破的,里面的东西也磕坏了",
    "下单的时候显示有货,现在又说没货,怎么回事",
    "用了两天就开不了机,想退货",
    "退款说好48小时,现在还没到账",
    "少发了一个充电器",
    "预订的房间到了说没有了",
)
_PRESSING = ("人呢?", "在吗?等了好久了", "有没有人管啊", "你们到底回不回复")
_ANGER = ("太失望了,以后不会再买了", "我要投诉你们", "这种服务真是差劲", "算了,我去找平台")
_PROMISES = (
    ("上次客服说今天一定送到,现在还没有", "非常抱歉,我再帮您催一下"),
    ("你们答应三天内上门安装,已经一个星期了", "师傅这两天比较忙,请您再等等"),
    ("说好补发的配件一直没寄", "我这边登记一下,会有专人联系您"),
)
_REPAIRS = (
    ("已经为您加急补发,单号稍后短信通知", "这么快就处理了,太好了,谢谢"),
    ("给您办理全额退款,现在就到账了,您看一下", "收到了,很满意,谢谢你"),
    ("马上安排师傅今天下午上门", "好的,服务态度不错,给你好评"),
)


class _Script:
    """Turns with times, written one after the other."""

    def __init__(self, random: Random, start: datetime) -> None:
        self.random = random
        self.turns: list[Turn] = []
        self._now = start

    def say(self, role: Role, text: str, *, after: tuple[float, float]) -> None:
        """Add a turn; `after` is the least and the greatest wait since the last one, in seconds."""
        self._now += timedelta(seconds=round(self.random.uniform(*after)))
        self.turns.append(Turn(role=role, text=text, at=self._now))


def conversation(random: Random, start: datetime, scenario: Scenario | None = None) -> tuple[Scenario, list[Turn]]:
    """A conversation that starts at `start`; which scenario is drawn unless named."""
    name = scenario or random.choices(list(_SHARES), list(_SHARES.values()))[0]
    script = _Script(random, start)
    _WRITERS[name](script)
    return name, script.turns


def _normal(script: _Script) -> None:
    question, answer = script.random.choice(_QUESTIONS)
    script.say("customer", question, after=(0, 0))
    script.say("agent", script.random.choice(_GREETINGS), after=(5, 40))
    script.say("agent", answer, after=(10, 60))
    script.say("customer", script.random.choice(_THANKS), after=(5, 40))


def _slow(script: _Script) -> None:
    script.say("customer", script.random.choice(_TROUBLES), after=(0, 0))
    script.say("bot", "人工客服繁忙,请您耐心等待", after=(1, 2))
    script.say("customer", script.random.choice(_PRESSING), after=(120, 400))
    script.say("agent", "抱歉让您久等了,我看一下", after=(200, 1500))
    script.say("agent", "已经帮您反馈给仓库,请再等等", after=(60, 300))
    script.say("customer", script.random.choice(("每次都让等", "好吧", "希望快一点")), after=(10, 60))


def _unanswered(script: _Script) -> None:
    script.say("customer", script.random.choice(_TROUBLES), after=(0, 0))
    script.say("bot", "您的问题已收到,正在为您转接人工客服", after=(1, 2))
    script.say("customer", script.random.choice(_PRESSING), after=(180, 900))
    script.say("customer", script.random.choice(_ANGER), after=(300, 1800))


def _broken_promise(script: _Script) -> None:
    complaint, excuse = script.random.choice(_PROMISES)
    script.say("customer", complaint, after=(0, 0))
    script.say("agent", excuse, after=(30, 240))
    script.say("customer", "上次也是这么说的,说话不算数", after=(10, 60))
    script.say("customer", script.random.choice(_ANGER), after=(30, 120))


def _solved(script: _Script) -> None:
    remedy, relief = script.random.choice(_REPAIRS)
    script.say("customer", script.random.choice(_TROUBLES), after=(0, 0))
    script.say("agent", "非常抱歉给您添麻烦了,我马上处理", after=(8, 60))
    script.say("agent", remedy, after=(60, 420))
    script.say("customer", relief, after=(10, 90))


_WRITERS = {
    "normal": _normal,
    "slow": _slow,
    "unanswered": _unanswered,
    "broken_promise": _broken_promise,
    "solved": _solved,
}
