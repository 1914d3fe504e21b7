"""What is watched: a measure in a place. Its name is the key of the topic `signals` and of the table."""

import json
from typing import Literal, NamedTuple, get_args

from gapwatch.pipeline.language.reading import GAPS

Measure = Literal["information", "design", "communication", "fulfillment", "response", "promises"]
"""The four gaps; `response`: conversations answered late or not at all; `promises`: promises broken."""

Scope = Literal["overall", "channel", "product", "region", "product_channel"]

MEASURES: tuple[Measure, ...] = get_args(Measure)
GAP_MEASURES: tuple[Measure, ...] = GAPS


class Place(NamedTuple):
    """Where voices come from; an empty field means all of them."""

    channel: str = ""
    product_id: str = ""
    region: str = ""

    @property
    def scope(self) -> Scope:
        if self.product_id:
            return "product_channel" if self.channel else "product"
        if self.channel:
            return "channel"
        return "region" if self.region else "overall"

    def inside(self, other: "Place") -> bool:
        """Whether it is a smaller part of the other."""
        return self != other and all(mine == theirs for mine, theirs in zip(self, other, strict=True) if theirs)

    def apart_from(self, other: "Place") -> bool:
        """Whether no voice can come from both."""
        return any(mine and theirs and mine != theirs for mine, theirs in zip(self, other, strict=True))


class Series(NamedTuple):
    """One measure in one place."""

    measure: Measure
    place: Place

    @property
    def key(self) -> str:
        """The name, with values quoted as in JSON so that no product name can imitate another series."""
        named = [f"{field}={json.dumps(value, ensure_ascii=False)}" for field, value in self._fields_set()]
        return f"{self.measure}{{{','.join(named)}}}"

    def _fields_set(self) -> list[tuple[str, str]]:
        return [(field, value) for field, value in self.place._asdict().items() if value]
