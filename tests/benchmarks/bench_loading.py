# SPDX-License-Identifier: Apache-2.0
"""Loading of the same recipients from a file and from lists: CPU for each of them, form by form in turn."""

from __future__ import annotations

import statistics

from benchkit.audiences import KINDS
from benchkit.children import figures_of
from benchkit.report import say

BASE = "CSV"


def run(settings):
    """Measure each form in a process of its own, in turn, so that whatever else runs meets all of them."""
    size, rounds = (5_000, 2) if settings.quick else (200_000, 5)
    spent = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind, found in spent.items():
            found.append(measure(kind, size=size))
    rows = [
        {
            "kind": kind,
            "cpu_us": round(statistics.median(found), 2),
            "ratio": round(statistics.median(a / b for a, b in zip(found, spent[BASE], strict=True)), 3),
        }
        for kind, found in spent.items()
    ]
    say(", ".join(f"{row['kind']}: {row['cpu_us']} µs" for row in rows))
    return {"size": size, "rounds": rounds, "rows": rows}


def measure(kind, *, size):
    """Return the microseconds of CPU for each recipient."""
    figures = figures_of("loading", "--kind", kind, "--size", size)
    if figures["ready"] != size:
        raise RuntimeError(f"{kind}: {figures['ready']} of {size} can be sent to")
    return figures["cpu_seconds"] / size * 1e6
