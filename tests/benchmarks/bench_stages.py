# SPDX-License-Identifier: Apache-2.0
"""Where the CPU of a recipient goes: stage by stage, for a file and for lists, and what the kernel is asked for."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

from benchkit.audiences import KINDS
from benchkit.children import figures_of
from benchkit.report import say
from benchkit.sample import CHUNK
from benchkit.servers import bare_server
from benchkit.stages import STAGES

TRACED = (10 * CHUNK, 110 * CHUNK)
"""Recipients of the two campaigns whose system calls are counted: their difference is what a call needs."""


def run(settings):
    """Measure each form of the audience in processes of its own, in turn, at no latency."""
    size, rounds = (10_000, 2) if settings.quick else (100_000, 3)
    spent = {kind: [] for kind in KINDS}
    with bare_server() as server:
        for _ in range(rounds):
            for kind, found in spent.items():
                found.append(measure(server.url, kind=kind, size=size))
                say(f"stages, {kind}: {found[-1]['whole_us']:.1f} µs of CPU for each recipient")
        traced = system_calls(server.url)
    return {
        "size": size,
        "rounds": rounds,
        "rows": [row(kind, found) for kind, found in spent.items()],
        "system_calls": traced,
    }


def measure(url, *, kind, size):
    """Run one campaign and return its figures."""
    figures = figures_of("stages", "--url", url, "--kind", kind, "--size", size)
    if figures["accepted"] != size:
        raise RuntimeError(f"{kind}: {figures['accepted']} of {size} accepted")
    return figures


def row(kind, found):
    """Return the medians of one form; each stage has its own, so their sum is close to the whole, not equal."""

    def median(values):
        return round(statistics.median(values), 2)

    figures = ("imports_ms", "whole_us", "switches_waiting", "switches_forced")
    return {
        "kind": kind,
        "stages_us": {stage: median(each["stages_us"][stage] for each in found) for stage in STAGES},
        **{name: median(each[name] for each in found) for name in figures},
    }


def system_calls(url):
    """Return how many system calls a hundred recipients need, None where ``strace`` is not there or not allowed."""
    if shutil.which("strace") is None:
        return None
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-strace-") as folder:
        for size in TRACED:
            table = Path(folder) / f"{size}.txt"
            strace = ("strace", "--follow-forks", "--summary-only", f"--output={table}")
            asked = ("--url", url, "--kind", KINDS[0], "--size", size)
            try:
                figures_of("stages", *asked, before=strace, quiet=True)
            except RuntimeError:
                return None
            # % time, seconds, microseconds a call, calls, and errors where there are any
            found.append(int(table.read_text().splitlines()[-1].split()[3]))
    return round((found[1] - found[0]) / ((TRACED[1] - TRACED[0]) / CHUNK), 1)
