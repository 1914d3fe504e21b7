"""One-time codes and passwords after the word that announces them."""

import re
from collections.abc import Iterator

from gapwatch.pipeline.language.masking.spans import Span

_SIGN = r"(?:[^\w‹›]|_)"
SECRETS = r"验证码|校验码|动态码|口令|密码|密匙|密钥|提取码|pin码?|password|passwd|pwd|otp"
_ANY_SECRET = re.compile(SECRETS)
_CODE = re.compile(
    rf"(?:短信|手机|动态|支付|登录|取款|交易|开机|锁屏)?(?:{SECRETS})(?:{_SIGN}|是|为|改成|改为|设成|发的){{0,5}}(?P<code>(?=[A-Za-z!-~]{{0,15}}[0-9])[A-Za-z0-9][A-Za-z0-9!@#$%^&*._-]{{3,31}})(?![A-Za-z0-9])",
    re.IGNORECASE,
)


def find_passwords(text: str) -> Iterator[Span]:
    """Codes and passwords of a folded text, with the word that announces them."""
    if not _ANY_SECRET.search(text.lower()):
        return iter(())
    return (Span("密码", *match.span()) for match in _CODE.finditer(text))
