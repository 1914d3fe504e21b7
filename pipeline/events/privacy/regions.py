"""Regions that hold more than a region: of an address the province and the city are kept."""

import re
from functools import lru_cache

from gapwatch.pipeline.events.privacy.identifiers import masked_identifier, person_in
from gapwatch.pipeline.language.masking.characters import PROVINCE_NAMES
from gapwatch.pipeline.language.masking.folding import fold
from gapwatch.pipeline.language.masking.mask import mask

_PROVINCE = f"(?:{PROVINCE_NAMES})"
_KEPT = re.compile(
    rf"{_PROVINCE}(?:省|市|(?:维吾尔|壮族|回族)?自治区|特别行政区)?"
    r"(?:[\s,，/-]?[\u4e00-\u9fff]{2,5}?(?:市|自治州|地区|盟))?|[\u4e00-\u9fff]{2,4}?市"
)
_ADDRESS = "‹地址›"


@lru_cache(maxsize=4096)
def masked_region(region: str) -> str:
    """The region; of an address its province and city, and of other personal data a hash as of identifiers."""
    folded = fold(region).text
    kinds = {span.kind for span in mask(folded).spans}
    if not kinds and person_in(region, "product") is None:
        return region
    kept = _KEPT.match(folded)
    if kept and person_in(kept.group(), "product") is None and not mask(kept.group()).spans:
        return kept.group()
    return _ADDRESS if kinds <= {"地址", "位置"} else masked_identifier(region, "product", certain=True)
