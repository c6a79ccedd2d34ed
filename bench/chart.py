"""A bar chart on a logarithmic axis, as SVG that reads in light and in dark."""

import math
from xml.sax.saxutils import escape

WIDTH, LABEL, RIGHT, ROW, TOP, BOTTOM = 860, 300, 90, 24, 44, 34
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.small { font-size: 11px; fill: #57606a }
.grid { stroke: #d0d7de; stroke-width: 1 }
.birth { fill: #0969da } .peer { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9da7b3 } .grid { stroke: #3d444d }
  .birth { fill: #4493f8 } .peer { fill: #768390 }
}
"""


def axis(rows):
    """The powers of ten between which all values lie."""
    low = math.floor(math.log10(min(v for _, v, _ in rows)))
    high = math.ceil(math.log10(max(v for _, v, _ in rows)))
    return low, max(high, low + 1)


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def chart(rows):
    """rows: label, microseconds, "birth" or "peer"."""
    low, high = axis(rows)
    span = WIDTH - LABEL - RIGHT
    height = TOP + ROW * len(rows) + BOTTOM

    def x(value):
        return LABEL + span * (math.log10(value) - low) / (high - low)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
           f'width="{WIDTH}" height="{height}" role="img" aria-label="From event to reply, median microseconds">',
           f"<style>{STYLE}</style>",
           '<text x="10" y="24">From event to reply, median in microseconds (logarithmic)</text>']
    for power in range(low, high + 1):
        at = x(10 ** power)
        out.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 6}" y2="{height - BOTTOM + 4}"/>')
        out.append(f'<text class="small" x="{at:.1f}" y="{height - BOTTOM + 18}" text-anchor="middle">'
                   f"{10 ** power:,g}</text>")
    for i, (label, value, kind) in enumerate(rows):
        y = TOP + ROW * i
        out.append(f'<text x="{LABEL - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>')
        out.append(f'<rect class="{kind}" x="{LABEL}" y="{y + 3}" width="{max(x(value) - LABEL, 1):.1f}" '
                   f'height="{ROW - 8}" rx="2"/>')
        out.append(f'<text class="small" x="{x(value) + 6:.1f}" y="{y + 14}">{number(value)}</text>')
    return "\n".join([*out, "</svg>", ""])
