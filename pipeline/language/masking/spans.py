"""Texts without personal data, and the finds of such data: what kind and where."""

from typing import Literal, NewType

from msgspec import Struct

Kind = Literal[
    "电话", "身份证", "银行卡", "邮箱", "地址", "车牌", "微信", "QQ", "姓名", "证件", "账号", "密码", "位置", "订单号"
]

MaskedText = NewType("MaskedText", str)
"""A text without personal data; `mask` makes it."""


class Span(Struct, frozen=True):
    """Characters `start` to `end` of the input, and the kind of personal data they are."""

    kind: Kind
    start: int
    end: int
