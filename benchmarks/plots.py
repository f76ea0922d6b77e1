"""Small plots as SVG, for the documentation: curves over a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

__all__ = ["curves"]

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 60, 130, 36, 44
COLOURS = ("#0b6bcb", "#c2410c", "#15803d", "#7c3aed")


def curves(title: str, across: str, up: str, points: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Draw curves by name, over a logarithmic axis from left to right and a linear one from 0.

    Args:
        title: above.
        across, up: what the axes are.
        points: of each curve, from left to right; all with the same places.
    """
    places = [x for x, _ in next(iter(points.values()))]
    top = 1.15 * max(y for curve in points.values() for _, y in curve)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    low, span = math.log10(places[0]), math.log10(places[-1] / places[0]) or 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + (math.log10(x) - low) / span * (right - LEFT), bottom - y / top * (bottom - TOP)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="8" y="{TOP - 4}">{escape(up)}</text>',
    ]
    step = _step(top)
    for number in range(int(top / step) + 1):
        _, y = at(places[0], number * step)
        lines.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#dddddd"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number * step:g}</text>')
    for place in places:
        x, _ = at(place, 0)
        lines.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{place:,.0f}</text>')
    for colour, curve in zip(COLOURS, points.values(), strict=False):
        drawn = [at(*point) for point in curve]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in drawn]
    # Names stand beside the ends of their curves, a line apart at least.
    ends = sorted(
        (at(*curve[-1])[1], name, colour)
        for colour, (name, curve) in zip(COLOURS, points.items(), strict=False)
    )
    above = -math.inf
    for y, name, colour in ends:
        above = max(y + 4, above + 15)
        lines.append(f'<text x="{right + 8}" y="{above:.1f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _step(top: float) -> float:
    """A round distance of which four to eight fit."""
    rough = top / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
