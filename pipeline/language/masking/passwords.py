"""One-time codes and passwords after the word that announces them."""

import re
from collections.abc import Iterator

from gapwatch.pipeline.language.masking.characters import SIGN
from gapwatch.pipeline.language.masking.spans import Span

SECRETS = (
    r"验证码|校验码|动态码|短信码|口令|密码|密匙|密钥|提取码|安全码|mima|pin码?|password|pass word|passwd|pwd|otp|cvv2?"
    r"|pw(?<![a-z]pw)(?![a-z])|code(?<![a-z]code)(?= ?[:：=])"
)
_ANY_SECRET = re.compile(SECRETS)
# Letters and digits; digits in groups or one by one; numerals; letters alone where they are many.
_SECRET = (
    r"(?=[A-Za-z!-~]{0,15}[0-9])[A-Za-z0-9][A-Za-z0-9!@#$%^&*._-]{3,31}|[0-9]{2,4}(?:[ -][0-9]{2,4}){1,3}"  # noqa: S105
    r"|[0-9](?:[ -][0-9]){3,7}|[零〇一二三四五六七八九]{4,8}|[a-z]{6,20}|(?<=cvv|安全码)[0-9]{3}"
)
_CODE = re.compile(
    rf"(?:{SECRETS})(?:{SIGN}|就是|是|为|改成了?|改为|设成|设的|发的|发[我你]|给你|全是字母){{0,5}}"
    rf"(?P<code>{_SECRET})(?![A-Za-z0-9])"
)
_KIND = re.compile("(?:短信|手机|动态|支付|登录|取款|交易|开机|锁屏)$")


def find_passwords(text: str) -> Iterator[Span]:
    """Codes and passwords of a folded text, with the word that announces them."""
    lower = text.lower()
    if not _ANY_SECRET.search(lower):
        return
    for match in _CODE.finditer(lower):
        kind = _KIND.search(text, max(0, match.start() - 2), match.start())
        yield Span("密码", kind.start() if kind else match.start(), match.end())
