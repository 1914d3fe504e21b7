"""Bars and flame graphs as an SVG that a page shows as it is, in light and dark."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

WIDTH, LABEL, BAR, GAP, TOP = 760, 230, 22, 10, 44
OURS, OTHERS = "#2a78d6", "#8c8a84"
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #52514e }
@media (prefers-color-scheme: dark) { text { fill: #c3c2b7 } }
</style>"""

FLAMES_WIDTH, FLAME, LEGEND, LETTER = 1200, 18, 20, 6.2
# Light enough for dark letters, on a light page and on a dark one.
FLAME_COLOURS = (
    "#c9b8ea", "#7fd0bd", "#7db5ea", "#f2b07c", "#e9d27a", "#b4d887",
    "#e8a8c4", "#a3aef2", "#dfc9a8", "#bf9a76", "#bccad6", "#dedcd6",
)  # fmt: skip
FLAMES_STYLE = """<style>
.inside text { font-size: 11px; fill: #23221f }
</style>"""
LEAST_WIDTH = 0.8


def bars(title: str, rows: list[tuple[str, float, bool]]) -> str:
    """Horizontal bars of (name, value, whether it is ours), the value written at each."""
    greatest = max(value for _, value, _ in rows)
    drawn = [_bar(number, greatest, *row) for number, row in enumerate(rows)]
    return _page(title, WIDTH, TOP + len(rows) * (BAR + GAP), drawn)


def _page(title: str, width: int, height: int, drawn: Sequence[str]) -> str:
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{escape(title)}</title>{STYLE}",
            f'<text x="0" y="20" font-weight="600">{escape(title)}</text>',
            *drawn,
            "</svg>\n",
        )
    )


def _bar(number: int, greatest: float, name: str, value: float, ours: bool) -> str:
    top = TOP + number * (BAR + GAP)
    width = max(1.0, value / greatest * (WIDTH - LABEL - 80))
    return (
        f'<text x="{LABEL - 10}" y="{top + 16}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{LABEL}" y="{top}" width="{width:.1f}" height="{BAR}" rx="3" fill="{OURS if ours else OTHERS}"/>'
        f'<text x="{LABEL + width + 8:.1f}" y="{top + 16}">{value:,.0f}</text>'
    )


Frames = tuple[str, ...]


class _Box(NamedTuple):
    """A function called from those `above`, how wide it is, and what kind most of that is."""

    name: str
    above: int
    left: float
    width: float
    kind: str


def flames(
    title: str, stacks: Mapping[Frames, float], kind: Callable[[Frames], str], kinds: Collection[str], unit: str = "µs"
) -> str:
    """A flame graph, the outermost at the top: stacks of frames and how much of `unit` each took.

    Colours tell what kind of stack, by the function given, a frame has most of; the legend names those that occur.
    """
    colours = dict(zip(kinds, FLAME_COLOURS, strict=True))
    scale = FLAMES_WIDTH / sum(stacks.values())
    boxes = list(_boxes([(frames, kind(frames), value * scale) for frames, value in stacks.items()], 0, 0.0))
    present = [name for name in kinds if any(box.kind == name for box in boxes)]
    per_row = 4
    top = 32 + LEGEND * -(-len(present) // per_row) + 8
    drawn = [FLAMES_STYLE]
    for number, name in enumerate(present):
        x, y = number % per_row * FLAMES_WIDTH // per_row, 32 + number // per_row * LEGEND
        drawn.append(f'<rect x="{x}" y="{y}" width="12" height="12" rx="3" fill="{colours[name]}"/>')
        drawn.append(f'<text x="{x + 18}" y="{y + 11}">{escape(name)}</text>')
    drawn.append('<g class="inside">')
    drawn += [_flame(box, f"{box.width / scale:.1f} {unit}", top, colours[box.kind]) for box in boxes]
    drawn.append("</g>")
    return _page(title, FLAMES_WIDTH, top + (max(box.above for box in boxes) + 1) * FLAME + 4, drawn)


def _boxes(stacks: Sequence[tuple[Frames, str, float]], above: int, left: float) -> Iterator[_Box]:
    below: dict[str, list[tuple[Frames, str, float]]] = {}
    for (frame, *inner), kind, width in (stack for stack in stacks if stack[0]):
        below.setdefault(frame, []).append((tuple(inner), kind, width))
    widths = {frame: sum(width for *_, width in inner) for frame, inner in below.items()}
    for frame, width in sorted(widths.items(), key=lambda item: -item[1]):
        if width >= LEAST_WIDTH:
            kinds: defaultdict[str, float] = defaultdict(float)
            for _, kind, part in below[frame]:
                kinds[kind] += part
            yield _Box(frame, above, left, width, max(kinds, key=kinds.__getitem__))
            yield from _boxes(below[frame], above + 1, left)
        left += width


def _flame(box: _Box, value: str, top: int, colour: str) -> str:
    y = top + box.above * FLAME
    room = int((box.width - 6) / LETTER)
    shown = box.name if len(box.name) <= room else box.name.partition(" (")[0]
    shown = shown if len(shown) <= room else f"{shown[: room - 1]}…" if room >= 4 else ""
    return (
        f'<g><title>{escape(box.name)}: {value}</title><rect x="{box.left:.1f}" y="{y}" '
        f'width="{max(box.width - 0.6, 0.3):.1f}" height="{FLAME - 1}" rx="2" fill="{colour}"/>'
        + (f'<text x="{box.left + 3:.1f}" y="{y + 12.5}">{escape(shown)}</text>' if shown else "")
        + "</g>"
    )
