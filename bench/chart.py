"""The chart in the paper: bars in a plain SVG, readable by day and by night."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

WIDTH, LABELS, RIGHT = 720, 190, 96
BAR, GAP, HEAD, FOOT = 16, 8, 50, 20
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #4a4f55 }
.title { font-weight: 600; font-size: 14px; fill: #22262a }
.small { font-size: 11px }
.bar { fill: #9aa3ab } .ours { fill: #2f6f8f } .line { stroke: #c9ced3 }
@media (prefers-color-scheme: dark) {
  text { fill: #b4bac0 } .title { fill: #e8eaec }
  .bar { fill: #616a73 } .ours { fill: #6db3d2 } .line { stroke: #3d444b }
}"""


@dataclass(frozen=True)
class Bar:
    """One bar: what it stands for, how long, and whether it is ours."""

    label: str
    value: float
    ours: bool = False


@dataclass(frozen=True)
class Panel:
    """Bars of one kind, on a logarithmic scale where they differ by much."""

    title: str
    unit: str
    bars: list[Bar]


def svg(panels: list[Panel], caption: str) -> str:
    """The whole chart."""
    parts: list[str] = []
    top = 10.0
    for panel in panels:
        drawn, height = _panel(panel, top)
        parts += drawn
        top += height
    parts.append(f'<text class="small" x="10" y="{top + 8:.0f}">{escape(caption)}</text>')
    height = top + 22
    title = " and ".join(panel.title.lower() for panel in panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title, quote=True)}">\n'
        f"<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(panel: Panel, top: float) -> tuple[list[str], float]:
    most = max(bar.value for bar in panel.bars)
    least = min(bar.value for bar in panel.bars)
    is_wide = most / least > 50
    # On the logarithmic scale the axis begins at the power of ten below the shortest bar.
    floor = 10 ** math.floor(math.log10(least) - 0.01)
    space = WIDTH - LABELS - RIGHT
    note = f"{panel.unit}{', logarithmic' if is_wide else ''}"
    drawn = [
        f'<text class="title" x="10" y="{top + 16:.0f}">{escape(panel.title)}</text>',
        f'<text class="small" x="10" y="{top + 34:.0f}">{escape(note)}</text>',
    ]
    y = top + HEAD
    bottom = y + len(panel.bars) * (BAR + GAP)
    if is_wide:
        power = floor
        while power <= most:
            x = LABELS + space * math.log10(power / floor) / math.log10(most / floor)
            drawn.append(f'<line class="line" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 6:.0f}" y2="{bottom:.0f}"/>')
            power *= 10
    for bar in panel.bars:
        part = math.log10(bar.value / floor) / math.log10(most / floor) if is_wide else bar.value / most
        middle = y + BAR / 2 + 4.5
        kind = "bar ours" if bar.ours else "bar"
        drawn += [
            f'<text x="{LABELS - 10}" y="{middle:.1f}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect class="{kind}" x="{LABELS}" y="{y:.0f}" width="{max(1.0, space * part):.1f}" height="{BAR}"/>',
            f'<text x="{LABELS + space * part + 8:.1f}" y="{middle:.1f}">{bar.value:,.0f}</text>',
        ]
        y += BAR + GAP
    return drawn, bottom - top + FOOT
