# SPDX-License-Identifier: Apache-2.0
"""Make the table of what was to be reached; every figure is that of a section of the page."""

from __future__ import annotations

from benchkit.tables import judged, table

CPU_TO_PLAIN = {50: 0.70, 0: 1.00}
"""Our CPU against that of the loop in a plain process, by latency in milliseconds."""

SHORT = 10_000
TO_POOL_SHORT = 1.10
SMALL_MS = 60
LEDGER = 1.10
LOADING = 1.5
QUERIES_A_SECOND = 2500
LAG_MS = 20
PARSE_MS = 50
RESUME = 1.3


def goals(results):
    """Return the table of all goals; a part that was not measured is there as well."""
    lines = [
        *_plain(results.get("campaign", {}).get("plain", [])),
        *_pool(results.get("campaign", {}).get("ratios", [])),
        *_ledger(results.get("campaign", {}).get("ledger", [])),
        _small(results.get("small")),
        *_parse(results.get("parse")),
        *_loading(results.get("loading", {}).get("rows", [])),
        *_sensor(results.get("sensor", {}).get("rows", [])),
        *_resume(results.get("resume", {}).get("rows", [])),
    ]
    header = ("what", "to be reached", "measured", "")
    return f"""## What was to be reached

Each line is a figure of one of the sections below, which say what is compared and how it was measured.

{table(header, lines)}
"""


def _line(words, value, *, at_most=None, at_least=None):
    bound, word = judged(value, at_most=at_most, at_least=at_least)
    return words, bound, "" if value is None else f"{value:g}", word


def _plain(rows):
    by = {row["latency_ms"]: row for row in rows}
    for latency, size in ((50, 50_000), (0, 1_000_000)):
        row = by.get(latency, {"size": size})
        words = f"CPU, {row['size']:,} recipients at {latency} ms, against the SDK's loop in a plain process"
        for kind, where in (("ours", "task of the LocalExecutor"), ("ours_dag_test", "task of `DAG.test`")):
            value = row.get(kind, {}).get("to_plain")
            yield _line(f"{words}: {where}", value, at_most=CPU_TO_PLAIN[latency])


def _pool(ratios):
    by = {ratio["latency_ms"]: ratio["to_pool"] for ratio in ratios if ratio["size"] == SHORT}
    for latency in (0, 50, 200):
        words = f"seconds, {SHORT:,} recipients at {latency} ms, against the SDK in a pool of threads"
        yield _line(words, by.get(latency), at_most=TO_POOL_SHORT)


def _ledger(rows):
    by = {row["latency_ms"]: row["ratio"] for row in rows}
    yield _line("seconds with the ledger against without it, 0 ms", by.get(0), at_most=LEDGER)


def _small(part):
    value = part["more"]["ms"] if part else None
    return _line("100 recipients, ms more than one bare call with its imports", value, at_most=SMALL_MS)


def _parse(part):
    beside = {"plain_tasks": "one with 50 tasks of Airflow's own", "nothing": "one with a DAG and no task"}
    for name, words in beside.items():
        value = part["more_than"][name]["ms"] if part else None
        words = f"a DAG file with 50 campaigns, ms more to parse than {words}"
        yield _line(words, value, at_most=PARSE_MS)


def _loading(rows):
    by = {row["kind"]: row["ratio"] for row in rows}
    for kind in ("JSON lines", "list of mappings", "list of numbers"):
        yield _line(f"CPU to load, {kind} against CSV", by.get(kind), at_most=LOADING)


def _sensor(rows):
    row = max(rows, key=lambda each: each["messages"], default=None)
    size = row["messages"] if row else 100_000
    lag = max((each["lag_p99_ms"] for each in rows), default=None)
    queries = round(row["calls"] / row["seconds"]) if row else None
    yield _line(f"sensor, queries a second, {size:,} messages", queries, at_least=QUERIES_A_SECOND)
    yield _line("sensor, lag of the event loop, p99, ms", lag, at_most=LAG_MS)


def _resume(rows):
    by = {row["latency_s"]: row["ratio"] for row in rows if row["kills"] == 1}
    for latency in (0.05, 0.5, 2, 8):
        words = f"resume after a kill against the undisturbed rest, {latency:g} s"
        yield _line(words, by.get(latency), at_most=RESUME)
