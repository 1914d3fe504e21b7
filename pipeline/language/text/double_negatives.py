"""Double negatives in plain words, before a model that counts words reads them: 没有不满意的地方 is praise."""

import re

_GOOD = "满意|喜欢|放心|舒服|开心|推荐|支持|给好评|好"
_MUST_SAY = r"(?:不得不说|不能不说|不得不承认|不可否认)(?:的是)?(?!明)[，,：:]?"
# What is said, and what it comes to; \1 is the word that is twice denied.
_RULES = (
    (_MUST_SAY, ""),
    (rf"{_MUST_SAY}(\w{{0,6}}?)真的好(?!\w)", r"\1真的很好"),  # 真的好 begins 真的好差 as well
    (rf"没有?(?:什么|任何|一点|哪里)?不({_GOOD})(?:的地方|之处|的)?", r"很\1"),
    (rf"没有?(?:任何|什么)?理由不({_GOOD})", r"应该\1"),
    (rf"没有?(?:一个|哪个|一)?人不(?:说)?({_GOOD})", r"都\1"),
    (rf"(?:从不|不会|从来不|从没|从未|没有?)[让叫使]人?不({_GOOD})", r"让人\1"),
    (rf"不是不({_GOOD})(?=[，,]?(?:而?是|就是)(?:非常|太|很|特别))", r"很\1"),
    (r"从(?:来)?(?:没有?|未)(?:让[你我人])?(?:失望|后悔)过?", "一直满意"),
    (r"没有?(?:出过|出现过?|发现|遇到过?)?(?:任何|什么|一点)(?:质量)?(?:问题|毛病|故障)", "一切正常"),
)
_PATTERNS = tuple((re.compile(pattern), plain) for pattern, plain in _RULES)
_ANY = re.compile(
    rf"[不没从](?:(?<=不)(?:得不|能不|可否|会[让叫使]|是不)|(?<=没).{{0,7}}?(?:不(?:说|{_GOOD})|问题|毛病|故障)|(?<=从)[来不没未])"
)


def find_double_negatives(text: str) -> list[tuple[int, int, str]]:
    """Start, end and the plain words of each double negative, in order and apart; the longer of two at one place."""
    if not _ANY.search(text):
        return []
    found = [
        (match.start(), match.end(), match.expand(plain))
        for pattern, plain in _PATTERNS
        for match in pattern.finditer(text)
    ]
    chosen: list[tuple[int, int, str]] = []
    for start, end, plain in sorted(found, key=lambda one: (one[0], -one[1])):
        if not chosen or start >= chosen[-1][1]:
            chosen.append((start, end, plain))
    return chosen
