"""Names of attributes that announce personal data: 收货人, receiver_name, shouhuoren, mobilePhone, 微信.

What stands under such a name is personal whatever it looks like. A name is cut into its words, in any of the styles
that programs use; its last words say what it holds: `receiver_phone` a telephone, `phone_model` none.
"""

import re
from functools import lru_cache
from typing import Literal

from gapwatch.pipeline.language.masking.folding import fold
from gapwatch.pipeline.language.masking.spans import Kind

Told = Kind | Literal["个人信息"]
"""What a name announces; 个人信息 is personal data of no kind that texts know."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[\u4e00-\u9fff]+")
_TOKEN = re.compile("‹[^‹›]{1,30}›")
_HAN = re.compile(r"[\u4e00-\u9fff]")

# In letters: what a name ends with, without blanks and signs. The longest fitting ending counts.
_ENDINGS: dict[Told, str] = {
    "电话": "phone mobile tel telephone cellphone cell mobilephone msisdn telno telnum phonenum mobilenum phoneno mobileno phonenumber mobilenumber "
    "telnumber contactnumber contactno contactinfo contactway landline fax hotphone dianhua shouji shoujihao shoujihaoma "
    "dianhuahaoma lianxifangshi lianxidianhua zuoji whatsapp sjh lxdh lxfs",
    "身份证": "idcard idcardno idno idnumber idnum identitycard identityno identitynumber identity certno certnumber certificateno nationalid "
    "citizenid personalid shenfenzheng shenfenzhenghao sfz sfzh ssn",
    "证件": "passport passportno passportnumber license licenseno driverlicense drivinglicense hukou huzhao zhengjian zhengjianhao "
    "vin imei imsi idfa oaid androidid deviceid mac macaddress socialsecurity shebao yibao taxid "
    "creditcode",
    "银行卡": "bankcard bankcardno cardno cardnumber cardnum bankaccount bankaccountno accountno accountnumber iban creditcard debitcard "
    "yinhangka yinhangkahao kahao pan yhkh",
    "邮箱": "email mail emailaddress mailaddress mailbox youxiang youjian emailaddr",
    "地址": "address addr addresses addressline street streetaddress addressdetail detailaddress addressinfo fulladdress houseno doorno roomno dizhi "
    "xiangxidizhi shouhuodizhi zhuzhi jiatingdizhi residence domicile homeplace poi shdz",
    "姓名": "name customer user client fullname realname username nickname firstname lastname surname givenname middlename truename receiver recipient "
    "consignee addressee buyer payer payee owner contact contactperson contactname cardholder accountholder holder shipper "
    "sender signer insured patient guest passenger applicant referee spouse guardian xingming mingzi shouhuoren shoujianren "
    "jijianren lianxiren yonghuming nicheng zhenshixingming huiyuanming kehu kehumingcheng chengzuoren shr lxr xm",
    "车牌": "plate plateno platenumber licenseplate carno carnumber vehicleno carplate chepai chepaihao",
    "微信": "wechat wechatid wechatno weixin weixinhao wx wxid wxno wxh vx openid unionid",
    "QQ": "qq qqno qqnumber qqhao",
    "账号": "account accountname login loginname loginid userid alipay zhifubao weibo weiboid douyin douyinid zhanghao twitter facebook telegram",
    "密码": "password passwd pwd pin pincode otp verifycode smscode captcha secret token accesstoken mima yanzhengma cvv",
    "位置": "ip ipaddr ipaddress clientip userip remoteip longitude latitude lng lat lon latlng gps location coordinate coordinates geo",
    "个人信息": "birthday birthdate birth dob dateofbirth shengri chushengriqi idphoto photo avatar selfie signature fingerprint "
    "portrait religion ethnicity",
}
_KINDS = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
# Behind these a number, an index or a mark of the same thing follows: phone_1, address_text, receiver_name_full.
_TAILS = frozenset(
    "text txt str value val info full detail details raw masked plain old new original no num number code id s list"
    " primary secondary main backup alt other first second home work office mobile company hao haoma".split()
)
# Whose name it is. A name of anything else is no person's; a name alone may be.
_PERSONS = frozenset(
    "receiver recipient consignee addressee buyer payer payee owner contact cardholder holder shipper sender signer patient "
    "guest passenger applicant customer client user member person people real full first last given family true nick agent "
    "staff employee seller courier driver rider emergency insured my your his her their login account wechat weixin qq wx "
    "alipay kehu yonghu huiyuan shouhuo lianxi".split()
)
_THINGS = frozenset(
    "head ear micro smart i mega gramo web site home landing page file image product sku goods item shop store brand city "
    "province district region country event campaign app device model package domain host type class method field plan".split()
)
_NOT_TELEPHONES = ("headphone", "earphone", "microphone", "iphone", "smartphone", "saxophone", "megaphone")
_LONG = 5
# Chinese: what a name holds, and what frees it: 手机型号 is a thing.
_HAN_WORDS: tuple[tuple[Told, str], ...] = (
    ("电话", "电话|手机|联系方式|座机|固话|传真|联系号码|号码归属|来电号|主叫号|被叫号"),
    ("身份证", "身份证|身份号|证件号|公民身份"),
    ("证件", "护照|驾驶证|驾照|通行证|社保|医保|居住证|军官证|学生证|学号|工号|户口|车架号|发动机号|统一社会信用|税号|设备号|设备id|病历号|住院号|就诊卡|房产证"),
    ("银行卡", "银行卡|卡号|银行账|银行帐|收款账|打款账|信用卡|储蓄卡|借记卡|开户"),
    ("邮箱", "邮箱|邮件地址|电子邮件|e-?mail"),
    ("车牌", "车牌|牌照"),
    ("微信", "微信|wechat|openid|unionid"),
    ("QQ", "qq|扣扣"),
    ("密码", "密码|口令|验证码|校验码|动态码"),
    ("位置", "经纬|经度|纬度|坐标|定位|ip地址|^ip$"),
    ("账号", "账号|帐号|用户名|登录名|会员名|支付宝|微博|抖音号|小红书号|旺旺"),
    ("地址", "地址|住址|住处|住所|家庭住|门牌|收货地|街道|小区|楼栋|房号|房间号|户籍"),
    (
        "姓名",
        "姓名|名字|收货人|收件人|寄件人|发件人|联系人|联络人|收货方|户名|持卡人|机主|车主|业主|投诉人|当事人|购买人|下单人|付款人|收款人|乘客|旅客|患者"
        "|客户名|顾客名|用户姓|昵称|网名|称呼|真名|尊称|经办人|被保险人|投保人|申请人|监护人|紧急联系|签收人|代收人|师傅名|快递员|骑手|司机|客服名|坐席",
    ),
    ("个人信息", "生日|出生|民族|签名|头像|照片|人脸|指纹|宗教|病史|血型"),
)
_HAN_THINGS = re.compile(
    "型号|品牌|机型|颜色|系统|类型|类别|方式$|是否|数量|次数|状态|时长|时间|套餐|运营商|支付|版本|渠道|来源|等级|评分|满意|金额|余额|尺寸|内存|屏幕|壳|膜|归属地|城市|省份|区域|标签"
)
_FREE = re.compile("联系方式|支付宝")
_SAYS_NOTHING = frozenset(
    "true false yes no y n null none nil undefined unknown n/a na - -- / 是 否 有 无 男 女 未知 不详 暂无 空 未填 未填写 没有 0 1".split()
)


@lru_cache(maxsize=4096)
def told_by(name: str) -> Told | None:
    """The personal data that a name announces; None where it announces none."""
    folded = _TOKEN.sub("", fold(name).text)
    if _HAN.search(folded):
        return _told_in_chinese(folded.lower())
    return _told_in_letters([word.lower() for word in _WORDS.findall(folded)])


def says_nothing(value: str) -> bool:
    """Whether a value tells nothing of anybody, whatever its name: blank, yes, no, unknown."""
    value = value.strip().lower()
    return not value or value in _SAYS_NOTHING


def _told_in_chinese(name: str) -> Told | None:
    freed = _HAN_THINGS.search(_FREE.sub("", name))
    found = [(match.end(), kind) for kind, words in _HAN_WORDS for match in re.finditer(words, name)]
    if not found:
        return _told_in_letters([word.lower() for word in re.findall("[a-z]+", name)])
    end, kind = max(found, key=lambda one: one[0])
    return None if freed and freed.end() >= end else kind


def _told_in_letters(words: list[str]) -> Told | None:
    """By the longest ending of a name that announces something; a tail that adds nothing may follow it."""
    last = len(words)
    while last:
        for first in range(max(0, last - 4), last):
            kind = _told_by_ending(words, first, last)
            if kind:
                return kind
        if words[last - 1] not in _TAILS and not words[last - 1].endswith("s"):
            break
        if words[last - 1].endswith("s") and words[last - 1][:-1] in _KINDS:
            words = [*words[: last - 1], words[last - 1][:-1]]
            continue
        last -= 1
    return _told_by_run("".join(words[:last])) if last else None


def _told_by_ending(words: list[str], first: int, last: int) -> Told | None:
    ending = "".join(words[first:last])
    kind = _KINDS.get(ending)
    if kind is None:
        return None
    before = words[first - 1] if first else ""
    if ending in {"name", "account", "code", "location", "id"} and before:
        return kind if before in _PERSONS or _told_in_letters(words[:first]) else None
    return None if before in _THINGS and kind != "地址" and kind != "位置" else kind


def _told_by_run(run: str) -> Told | None:
    """By the end of a name without any gap: customerphone, usermobile, receiverpersonname."""
    if run.endswith(_NOT_TELEPHONES):
        return None
    for person in _PERSONS:
        if len(person) > 3 and run.startswith(person) and run[len(person) :] in _KINDS:
            return _KINDS[run[len(person) :]]
    for start in range(1, len(run) - _LONG + 1):
        if (kind := _KINDS.get(run[start:])) and run[start:] not in {"owner", "guest", "plate", "photo", "birth", "token"}:
            return kind
    return None

