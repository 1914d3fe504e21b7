"""Ratings as channels write them → whole stars from 1 to 5."""

import re
from fractions import Fraction
from math import floor
from unicodedata import normalize

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.words.catalogue import message

MOST_STARS = 5
_NUMBER = re.compile(r"(?P<value>\d{1,9}(?:\.\d{1,9})?)\s*(?:星级?|颗星|分|stars?)?", re.IGNORECASE)
_SHARE = re.compile(r"(?P<value>\d{1,9}(?:\.\d{1,9})?)\s*分?\s*/\s*(?P<most>\d{1,9})\s*分?")
_STARS = re.compile(r"(?P<full>[★⭐🌟]\ufe0f?)+(?P<empty>[☆✩])*")
_NUMERALS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5}
_CHINESE = re.compile("(?P<numeral>[一二两三四五])(?:颗星|星级?|分)")
# Judgements of one scale, worst to best; the three of a marketplace stand at its ends and its middle.
_WORDS = {
    "差评": 1,
    "中评": 3,
    "好评": 5,
    **dict.fromkeys(("非常不满意", "很不满意", "极不满意", "非常差", "很差", "极差"), 1),
    **dict.fromkeys(("不满意", "不太满意", "较不满意", "比较不满意", "差", "较差"), 2),
    **dict.fromkeys(("一般", "中等", "普通", "还行"), 3),
    **dict.fromkeys(("满意", "比较满意", "较满意", "较好", "好"), 4),
    **dict.fromkeys(("非常满意", "很满意", "十分满意", "极满意", "非常好", "很好"), 5),
}


def stars(value: object) -> int:
    """A rating, as text or as a number, as whole stars.

    A share of another scale, as 80/100, is taken where it is whole stars. Halves are refused: which star they round to
    is for the publisher to say.
    Raises Rejected where it is no rating, lies outside 1 to 5, or between two stars.
    """
    text = normalize("NFKC", str(value)).strip()
    exact = _exact(text)
    if exact is None:
        raise Rejected(
            Reason.WRONG_TYPE,
            message(
                "{rating} is no rating that is read here; whole stars from 1 to 5, 80/100, 五星, ★★★★☆ or 好评 are",
                rating=text[:40],
            ),
        )
    if exact.denominator != 1:
        raise Rejected(
            Reason.OUT_OF_RANGE,
            message("{rating} lies between two stars; a rating is whole stars from 1 to 5", rating=text[:40]),
        )
    if not 1 <= exact <= MOST_STARS:
        raise Rejected(
            Reason.OUT_OF_RANGE,
            message("{rating} is not from 1 to 5; name another scale with it, as in 80/100", rating=text[:40]),
        )
    return int(exact)


def _exact(text: str) -> Fraction | None:
    if found := _NUMBER.fullmatch(text):
        return Fraction(found["value"])
    if (found := _SHARE.fullmatch(text)) and int(found["most"]):
        return Fraction(found["value"]) * MOST_STARS / int(found["most"])
    if found := _CHINESE.fullmatch(text):
        return Fraction(_NUMERALS[found["numeral"]])
    if _STARS.fullmatch(text):
        full = sum(text.count(star) for star in "★⭐🌟")
        return Fraction(full) if full <= MOST_STARS and len(text.replace("\ufe0f", "")) <= MOST_STARS else None
    return Fraction(_WORDS[text]) if text in _WORDS else None


def on_scale(text: str, worst: float, best: float) -> int:
    """A rating on another scale, as whole stars; halves count up.

    A scale that begins at 0 is a share of the best, as 80 of 100 are 4 of 5. On any other, the worst is 1 star and the
    best 5, also where the worst is the greater number.
    Raises Rejected where it is no number, or lies outside the scale.
    """
    found = _NUMBER.fullmatch(text) or _SHARE.fullmatch(text)
    if found is None:
        raise Rejected(Reason.WRONG_TYPE, message("{rating} is no number", rating=text[:40]))
    value, low, high = Fraction(found["value"]), Fraction(worst), Fraction(best)
    if not min(low, high) <= value <= max(low, high):
        raise Rejected(
            Reason.OUT_OF_RANGE,
            message("{rating} is not from {worst} to {best}", rating=text[:40], worst=f"{worst:g}", best=f"{best:g}"),
        )
    exact = value * MOST_STARS / high if low == 0 else 1 + (value - low) * (MOST_STARS - 1) / (high - low)
    return max(1, floor(exact + Fraction(1, 2)))
