# SPDX-License-Identifier: Apache-2.0
"""Tables in Markdown, which are read as well on a screen."""

from __future__ import annotations


def table(header, rows):
    """Return a table whose columns are aligned in the source as well."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def judged(value, *, at_most=None, at_least=None):
    """Return the bound of a figure and whether it was reached, in words."""
    bound = f"at most {at_most:g}" if at_most is not None else f"at least {at_least:g}"
    if value is None:
        return bound, "not measured"
    reached = value <= at_most if at_most is not None else value >= at_least
    return bound, "reached" if reached else "missed"


def verdict(value, *, at_most=None, at_least=None):
    """Say whether a figure reaches what was to be reached."""
    bound, word = judged(value, at_most=at_most, at_least=at_least)
    return word if value is None else f"**{value:g}** ({bound}: {word})"


def seconds(row):
    """Return the seconds of a campaign; computed ones are marked."""
    if row is None:
        return ""
    return f"({row['seconds']:.0f})" if row["extrapolated_from"] else f"{row['seconds']:.2f}"
