"""Bars as an SVG that a page shows as it is, in light and dark."""

from html import escape

WIDTH, LABEL, BAR, GAP, TOP = 760, 230, 22, 10, 44
OURS, OTHERS = "#2a78d6", "#8c8a84"
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #52514e }
@media (prefers-color-scheme: dark) { text { fill: #c3c2b7 } }
</style>"""


def bars(title: str, rows: list[tuple[str, float, bool]]) -> str:
    """Horizontal bars of (name, value, whether it is ours), the value written at each."""
    greatest = max(value for _, value, _ in rows)
    height = TOP + len(rows) * (BAR + GAP)
    drawn = [_bar(number, greatest, *row) for number, row in enumerate(rows)]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
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
