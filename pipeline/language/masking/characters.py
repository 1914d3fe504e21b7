"""Characters as the rules name them in their patterns."""

HAN = r"\u4e00-\u9fff"
"""The Chinese characters, for a class of characters."""

SIGN = r"(?:[^\w‹›]|_)"
"""One character that is no letter, no digit, and no edge of a token."""

ANY_TOKEN = "‹[^‹›]{1,30}›"  # noqa: S105 - of masking
"""A token that an earlier masking left, or the hash of an identifier."""

PROVINCE_NAMES = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西"
    "|甘肃|青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
"""The names of the provinces without 省 and the like, as alternatives."""
