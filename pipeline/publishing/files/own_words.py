"""What the customer wrote of a text: not what a forwarded post quotes, nor what a platform fills in."""

import re
from typing import NamedTuple

# Weibo puts the posts that one forwards behind the own words: 同意//@甲:慢//@乙:……
_QUOTATION = re.compile(r"(?<![:：])//\s*@[^\s:：@/]{1,40}\s*[:：]")
# What platforms write where the customer wrote nothing.
_FILLED_IN = re.compile(
    r"[\s\[【(（]*(?:"
    r"(?:此|该|本)?(?:用户|买家|顾客|评价方|客户)(?:没有|未|没|暂未|暂无)(?:及时)?(?:填写|写|作出|做出|留下|给出|发表)?(?:任何)?(?:文字)?(?:评价|评论|内容)(?:内容)?"
    r"|(?:系统|用户)?默认(?:好评|评价)|(?:评价方)?未及时[作做]出评价[，,]?\s*系统默认好评|系统(?:自动)?默认(?:好评|评价)"
    r"|转发微博|轉發微博|快转微博|Repost|Forwarded"
    r")[\s。.!！\]】)）]*",
    re.IGNORECASE,
)


class Words(NamedTuple):
    """`own` is what the customer wrote, `quoted` what others did, `filled_in` what the platform put in its place."""

    own: str
    quoted: str = ""
    filled_in: str = ""


def words_of(text: str) -> Words:
    """A text taken apart by who wrote it."""
    quotation = _QUOTATION.search(text)
    own = text[: quotation.start()] if quotation else text
    quoted = text[quotation.start() :] if quotation else ""
    if _FILLED_IN.fullmatch(own):
        return Words("", quoted, own.strip())
    return Words(own.rstrip() if quoted else own, quoted)
