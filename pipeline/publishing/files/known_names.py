"""What channels, statuses and roles are called elsewhere; what is not listed stays as it is."""

from collections.abc import Mapping
from unicodedata import normalize


def _by_name(names: Mapping[str, str]) -> dict[str, str]:
    """The contract's name by each of those that stand behind it, with commas between."""
    return {name.strip(): known for known, listed in names.items() for name in listed.split(",")}


CHANNELS = _by_name(
    {
        "physical": "门店,线下,实体店,柜台,线下门店,线下店,店内,store,offline,in-store",
        "phone": "电话,热线,来电,客服电话,客服热线,呼叫中心,400电话,12315,call,telephone,call center,hotline",
        "site": "官网,网站,官方网站,官方商城,网页,pc,pc端,电脑端,web,website",
        "app": "客户端,手机app,移动端,手机端,手机客户端,ios,android,安卓,mobile",
        "wechat": "微信,weixin,公众号,微信公众号,小程序,微信小程序,企业微信,wecom",
        "weibo": "微博,新浪微博,sina weibo",
        "qq": "腾讯qq,qq群",
        "email": "邮件,电子邮件,邮箱,电邮,mail,e-mail",
        "marketplace": "淘宝,天猫,京东,拼多多,抖音,抖音小店,苏宁,苏宁易购,唯品会,美团,大众点评,饿了么,电商,电商平台,"
        "第三方平台,taobao,tmall,jd,pdd,pinduoduo,amazon",
        "forum": "论坛,贴吧,百度贴吧,社区,知乎,小红书,豆瓣,bbs",
        "mystery_shopper": "神秘顾客,神秘访客,暗访,mystery shopper,mystery-shopper",
        "monitoring": "舆情,舆情监测,监测,媒体监测",
    }
)
STATUSES = _by_name(
    {
        "open": "未处理,待处理,处理中,已受理,待受理,待回复,未回复,未解决,进行中,新建,待跟进,跟进中,已打开,new,pending,"
        "in progress,in_progress,processing",
        "answered": "已回复,已答复,已回访,replied",
        "resolved": "已解决,已完成,已关闭,已结案,已处理,已办结,已完结,完成,办结,关闭,结案,完结,解决,closed,done,solved,"
        "completed",
    }
)
ROLES = _by_name(
    {
        "customer": "客户,顾客,用户,买家,访客,会员,消费者,user,buyer,visitor,client",
        "agent": "客服,坐席,座席,人工,人工客服,在线客服,客服人员,商家,卖家,店家,店铺,seller,staff,operator,service",
        "bot": "机器人,智能客服,机器人客服,智能助手,自动回复,robot,chatbot,assistant",
    }
)


def known(text: str, names: Mapping[str, str]) -> str:
    """The contract's name where this one is listed, whatever its case; else the text."""
    lower = normalize("NFKC", text).strip().lower()  # ＡＰＰ is App
    return lower if lower in names.values() else names.get(lower, text)
