"""One spelling for the models to read: half width, simplified characters, faces as words, nothing invisible."""

import re
from collections.abc import Sequence

from msgspec import Struct


class Normalised(Struct, frozen=True):
    """A normalised text and where each of its characters came from.

    `offsets` has one more entry than `text`: `offsets[i]` is the original offset of character i, the last one the
    original length. It never falls. A text whose characters all kept their place has a plain `range`.
    """

    text: str
    offsets: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original characters behind `text[start:end]`."""
        offsets = self.offsets
        if isinstance(offsets, range):
            return start, end
        stop = offsets[end]
        if end > start and stop == offsets[end - 1]:
            stop = next((offset for offset in offsets[end:] if offset > stop), offsets[-1])
        return offsets[start], stop


_REPEATED = re.compile(r"([^\d\s])\1{2,}")


def normalise(text: str) -> Normalised:
    """Text in the spelling the models were trained on; the same characters in, the same out, for any input."""
    match = _REPEATED.search(text)
    if match is None:
        return Normalised(text, range(len(text) + 1))
    pieces: list[str] = []
    offsets: list[int] = []
    place = 0
    while match is not None:
        keep = match.start() + 2
        pieces.append(text[place:keep])
        offsets.extend(range(place, keep))
        place = match.end()
        match = _REPEATED.search(text, place)
    pieces.append(text[place:])
    offsets.extend(range(place, len(text) + 1))
    return Normalised("".join(pieces), offsets)
