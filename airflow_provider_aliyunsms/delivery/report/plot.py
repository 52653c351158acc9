# SPDX-License-Identifier: Apache-2.0
"""Draw the delivery of a campaign over time as an inline SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 30, 12, 34
_TICKS = 5
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
# From the first number of seconds on, a duration is written in the unit beside it.
_UNITS = ((2 * _DAY, _DAY, "d"), (2 * _HOUR, _HOUR, "h"), (2 * _MINUTE, _MINUTE, "min"), (0, 1, "s"))
_LEAST_STEPS = (1, 2, 5)


def delivery_plot(series: Sequence[Sequence[int]]) -> str:
    """
    Return a stacked plot of delivered, failed and pending messages over time; empty with fewer than two points.

    :param series: points ``[seconds since sending ended, delivered, failed, pending]``, sorted.
    """
    if len(series) < len(("first", "last")) or series[-1][0] <= series[0][0]:
        return ""
    most = max(sum(point[1:]) for point in series) or 1
    first, last = series[0][0], series[-1][0]

    def x_of(seconds: float) -> float:
        return _LEFT + (seconds - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)

    def y_of(count: float) -> float:
        return _TOP + (1 - count / most) * (HEIGHT - _TOP - _BOTTOM)

    layers = []
    for name, depth in (("pending", 3), ("failed", 2), ("delivered", 1)):
        above = [f"{x_of(point[0]):.1f},{y_of(sum(point[1 : depth + 1])):.1f}" for point in series]
        corners = [f"{x_of(last):.1f},{y_of(0):.1f}", f"{x_of(first):.1f},{y_of(0):.1f}"]
        layers.append(f'<polygon class="{name}" points="{" ".join([*above, *corners])}"/>')
    lines = []
    for count in ticks(0, most):
        y = y_of(count)
        lines.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{count:,}</text>')
    size, unit = _unit(last)
    for count in ticks(-(-first // size), last // size):
        x = x_of(max(first, count * size))
        lines.append(
            f'<text x="{x:.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">{count} {unit}</text>'
        )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Delivered, failed and pending messages over '
        f'the time since sending ended">{"".join(layers)}<g class="axis">{"".join(lines)}</g></svg>'
    )


def ticks(low: int, high: int) -> list[int]:
    """Return a few round whole numbers from ``low`` to ``high``."""
    step, power = 1, 1
    while (high - low) / step > _TICKS:
        for least in _LEAST_STEPS:
            step = least * power
            if (high - low) / step <= _TICKS:
                break
        power *= 10
    return [*range(-(-low // step) * step, high + 1, step)]


def _unit(seconds: int) -> tuple[int, str]:
    return next((size, unit) for least, size, unit in _UNITS if seconds >= least)
