# SPDX-License-Identifier: Apache-2.0
"""
A whole campaign in a real Airflow task: our operator, the loop of today, and the same with threads.

Our CPU is compared with that of the loop in a plain process, too, where there is no Airflow at all.
"""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchkit.airflow import bench_airflow
from benchkit.children import figures_of
from benchkit.dag_tests import DagTests
from benchkit.report import say
from benchkit.sample import CHUNK, write_csv
from benchkit.servers import KIT, bare_server

KINDS = ("ours", "pool", "loop")
SHORT = 10_000
"""Recipients of a campaign that is over so soon that the machine's other work shows in its seconds."""

WIDTH = 16
CALL = 0.002
"""Seconds a call needs besides the latency, to guess how long a campaign will take."""


def run(settings):
    """Run every combination that ends within reason; the others are computed from the next smaller one."""
    latencies = (0, 50) if settings.quick else (0, 50, 200)
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-airflow-")))
        urls = {each: stack.enter_context(bare_server(latency=each / 1000)).url for each in latencies}
        audiences = {size: write_csv(folder / f"{size}.csv", size) for size in settings.sizes}
        say("starting Airflow")
        connections = {f"bench_{each}": url for each, url in urls.items()}
        airflow = stack.enter_context(bench_airflow(folder=folder, connections=connections))
        airflow.measure(
            "ours", audience=audiences[min(audiences)], connection="bench_0", url=urls[0], timeout=120
        )
        for latency in latencies:
            for size, audience in audiences.items():
                found = _measure(
                    settings,
                    latency=latency,
                    size=size,
                    measure=lambda kind, latency=latency, audience=audience: airflow.measure(
                        kind,
                        audience=audience,
                        connection=f"bench_{latency}",
                        url=urls[latency],
                        timeout=900,
                    ),
                )
                rows.extend(found)
        rows.extend(_extrapolated(rows, latencies=latencies, sizes=settings.sizes))
        ledger = _ledger(airflow, settings, audiences=audiences, urls=urls)
        plain = _plain(airflow, settings, folder=folder, urls=urls)
    return {"width": WIDTH, "rows": rows, "ratios": _ratios(rows), "ledger": ledger, "plain": plain}


def guess(kind, *, latency, size):
    """Guess the seconds of a campaign."""
    calls = size / CHUNK
    return calls * (CALL + (latency / 1000 / (1 if kind == "loop" else WIDTH)))


def _measure(settings, *, latency, size, measure):
    longest = 10 if settings.quick else 200 if settings.full else 60
    kinds = [kind for kind in KINDS if guess(kind, latency=latency, size=size) <= longest]
    quickest = guess("ours", latency=latency, size=size)
    repeats = 1 if settings.quick or quickest > 10 else 7 if size <= SHORT else 3
    spent = {kind: [] for kind in kinds}
    for repeat in range(repeats):
        for kind in kinds:
            if repeat and (guess(kind, latency=latency, size=size) > 10 or (repeat > 2 and kind == "loop")):
                continue
            spent[kind].append(measure(kind))
            say(f"{kind}, {latency} ms, {size} recipients: {spent[kind][-1]['seconds']:.2f} s")
    return [_row(kind, latency, size, figures) for kind, figures in spent.items()]


def _row(kind, latency, size, figures):
    accepted = {each["accepted"] for each in figures}
    if accepted != {size}:
        raise RuntimeError(f"{kind} accepted {accepted} of {size}")
    return {
        "kind": kind,
        "latency_ms": latency,
        "size": size,
        "runs": len(figures),
        "extrapolated_from": None,
        "seconds": round(statistics.median(each["seconds"] for each in figures), 3),
        "all_seconds": [round(each["seconds"], 3) for each in figures],
        "cpu_seconds": round(statistics.median(each["cpu_seconds"] for each in figures), 3),
        "peak_mb": round(max(each["peak_mb"] for each in figures), 1),
    }


def _extrapolated(rows, *, latencies, sizes):
    """Multiply the largest campaign that was run for those that were not; memory is not guessed."""
    for latency in latencies:
        for kind in KINDS:
            known = [row for row in rows if (row["kind"], row["latency_ms"]) == (kind, latency)]
            largest = max(known, key=lambda row: row["size"], default=None)
            for size in sizes:
                if largest is None or any(row["size"] == size for row in known):
                    continue
                factor = size / largest["size"]
                yield largest | {
                    "size": size,
                    "runs": 0,
                    "extrapolated_from": largest["size"],
                    "seconds": round(largest["seconds"] * factor, 1),
                    "all_seconds": [],
                    "cpu_seconds": round(largest["cpu_seconds"] * factor, 2),
                    "peak_mb": None,
                }


def _ratios(rows):
    by = {(row["kind"], row["latency_ms"], row["size"]): row for row in rows}
    ratios = []
    for (kind, latency, size), ours in by.items():
        if kind != "ours":
            continue
        pool, loop = by.get(("pool", latency, size)), by.get(("loop", latency, size))
        if pool is None or loop is None:
            continue
        ratios.append(
            {
                "latency_ms": latency,
                "size": size,
                "to_pool": round(ours["seconds"] / pool["seconds"], 3),
                "times_the_loop": round(loop["seconds"] / ours["seconds"], 2),
                "cpu_to_loop": round(ours["cpu_seconds"] / loop["cpu_seconds"], 3),
            }
        )
    return sorted(ratios, key=lambda ratio: (ratio["latency_ms"], ratio["size"]))


def _ledger(airflow, settings, *, audiences, urls):
    """Run with and without the ledger in turn, at the latency of a near gateway and at none."""
    size = max(size for size in audiences if size <= 100_000)
    repeats = 2 if settings.quick else 5
    rows = []
    for latency in [each for each in (0, 50) if each in urls]:
        spent = {"ours": [], "ours_without_ledger": []}
        for _ in range(repeats):
            for kind, figures in spent.items():
                found = airflow.measure(
                    kind,
                    audience=audiences[size],
                    connection=f"bench_{latency}",
                    url=urls[latency],
                    timeout=300,
                )
                figures.append(found["seconds"])
        with_ledger, without = map(statistics.median, spent.values())
        rows.append(
            {
                "latency_ms": latency,
                "size": size,
                "repeats": repeats,
                "with": round(with_ledger, 3),
                "without": round(without, 3),
                "ratio": round(statistics.median(a / b for a, b in zip(*spent.values(), strict=True)), 3),
            }
        )
        say(f"ledger at {latency} ms: {rows[-1]['ratio']}")
    return rows


def _plain(airflow, settings, *, folder, urls):
    """Compare CPU with the loop in a plain process: in a task of the LocalExecutor, and in one of ``DAG.test``."""
    cases = ((50_000, 50, 3), (1_000_000, 0, 2))
    if settings.quick:
        cases = ((2_000, 50, 2), (5_000, 0, 1))
    connections = {f"bench_{latency}": url for latency, url in urls.items()}
    tests = DagTests(folder=folder / "dag-test", file=KIT / "dags" / "bench_ours.py", connections=connections)
    rows = []
    for size, latency, repeats in cases:
        url, audience = urls[latency], write_csv(folder / "plain.csv", size)
        to_task = {"audience": audience, "connection": f"bench_{latency}", "url": url}
        subjects = {
            "plain": lambda audience=audience, url=url: figures_of(
                "looping", "--url", url, "--audience", audience
            ),
            "ours": lambda to_task=to_task: airflow.measure("ours", **to_task, timeout=900),
            "ours_dag_test": lambda to_task=to_task: tests.measure("ours", **to_task),
            "loop": lambda to_task=to_task: airflow.measure("loop", **to_task, timeout=900),
        }
        once = ("loop", "ours_dag_test") if size >= 1_000_000 else ("loop",)
        spent = _in_turn(subjects, size=size, repeats=repeats, once=once)
        rows.append(_plain_row(spent, size=size, latency=latency))
        say(f"CPU of {size} recipients at {latency} ms / plain loop: {rows[-1]['ours']['to_plain']}")
    return rows


def _in_turn(subjects, *, size, repeats, once):
    spent = {kind: [] for kind in subjects}
    for repeat in range(repeats):
        for kind, measure in subjects.items():
            # they take long, and are shown beside the others for comparison
            if kind in once and repeat:
                continue
            figures = measure()
            if figures["accepted"] != size:
                raise RuntimeError(f"{kind} accepted {figures['accepted']} of {size}")
            spent[kind].append(figures)
    return spent


def _plain_row(spent, *, size, latency):
    plain = spent["plain"]
    return {
        "size": size,
        "latency_ms": latency,
        **{
            kind: {
                "runs": len(found),
                "seconds": round(statistics.median(each["seconds"] for each in found), 2),
                "cpu_seconds": round(statistics.median(each["cpu_seconds"] for each in found), 3),
                "to_plain": round(
                    statistics.median(
                        a["cpu_seconds"] / b["cpu_seconds"] for a, b in zip(found, plain, strict=False)
                    ),
                    3,
                ),
            }
            for kind, found in spent.items()
        },
    }
