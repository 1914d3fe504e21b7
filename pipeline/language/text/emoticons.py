"""Emoji and kaomoji as the words microblog users write for them, so that one spelling carries one meaning."""

import re

# The words are Weibo's own names of emoticons ([泪], [怒], [赞]), which labelled microblogs use by the thousand.
_EMOJI = {
    "哈哈": "😀😃😄😁😆😹😺😸☺🤗😎",
    "嘻嘻": "😊😌🙂😇🥰😋🤭",
    "笑cry": "😂🤣",
    "爱你": "😍😘😗😙😚🥰😻💋",
    "心": "❤♥💕💓💗💖💘💞💝💛💙💜🧡🖤🤍💟❣♡",
    "伤心": "💔",
    "赞": "👍💯🏆🥇👌🙆",
    "鼓掌": "👏🙌",
    "加油": "💪✊🔥👊",
    "耶": "✌🎉🎊🥳🤘🤟",
    "作揖": "🙏",
    "鲜花": "🌹🌷💐🌸🌺",
    "弱": "👎",
    "怒": "😡😠🤬👿😤💢🖕",
    "泪": "😭😢😿😥🥺",
    "失望": "😞😔😟🙁☹😕😣😖😩😫😓",
    "衰": "💩🤡🐶",
    "吐": "🤮🤢",
    "惊恐": "😱😨😰😳😲😧😦🙀",
    "白眼": "🙄😒",
    "无语": "😑😐😶🤐🤦",
    "摊手": "🤷",
    "费解": "🤔❓",
    "生病": "😷🤒🤕",
    "坏笑": "😏😈",
    "微笑": "🙃🌚",
}
EMOJI = {emoji: f"[{word}]" for word, emojis in _EMOJI.items() for emoji in emojis}

_KAOMOJI = {
    "哈哈": (
        r"\(\*?[\^￣≧][_\-.▽∇ωo^∀︶]{0,2}[\^￣≦]\*?\)",
        r"\^[_.\-oωO▽~]?\^",
        r"[oO]\(∩_∩\)[oO]~?",
        r"\(๑[•́◡>]{1,3}[^()]{0,6}๑\)",
    ),
    "泪": (
        r"\(?(?<![A-Za-z])(?:T[_.﹏]{1,3}T|QAQ|[;；][_.]{1,2}[;；]|[┬╥ಥ][_﹏]{1,2}[┬╥ಥ])(?![A-Za-z])\)?",
        r"ㅠ{2,}",
        r"\(?>[_﹏.]{1,2}<\)?",
    ),
    "怒": (r"\(?╯[°‵]□[°′]\)?[）)]?╯?(?:︵ ?┻━┻)?", r"凸\([^()]{1,6}\)凸?", r"\(｀[^()]{1,5}´\)"),
    "摊手": (r"╮[(（]?[╯￣▔][_▽﹏︶∀]?[╰￣▔][)）]?╭", r"¯\\_\(ツ\)_/¯"),
    "无语": (r"(?<![-=])(?:-_{1,3}-|=_{1,3}=|→_→|←_←)[|!！]{0,4}(?![-=])", r"\(?[⊙◎][_﹏o][⊙◎]\)?"),
    "嘻嘻": (r"(?<![A-Za-z0-9:])[:;]-?[)D](?![A-Za-z0-9])",),
    "失望": (
        r"(?<![A-Za-z0-9:])[:;]-?\((?![A-Za-z0-9])",
        r"\(?︶︿︶\)?",
        r"(?<![A-Za-z])[oO]rz(?![A-Za-z])",
    ),
}
KAOMOJI_STARTS = "(^oOTQ;；┬╥ಥㅠ>╯凸╮¯-=→←⊙◎:︶"
# Of these each kaomoji that is not plain ASCII letters and brackets has one.
KAOMOJI_MARKS = "^_￣≧≦▽∩๑┬╥ಥㅠ﹏╯凸╮¯⊙◎︶"
KAOMOJI_PATTERN = "|".join(pattern for patterns in _KAOMOJI.values() for pattern in patterns)
_KAOMOJI_WORDS = tuple((re.compile("|".join(patterns)), f"[{word}]") for word, patterns in _KAOMOJI.items())


def emoticon_word(emoticon: str) -> str:
    """The word of an emoticon that EMOJI or KAOMOJI_PATTERN knows."""
    return EMOJI.get(emoticon) or next(word for pattern, word in _KAOMOJI_WORDS if pattern.match(emoticon))
