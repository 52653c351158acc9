# SPDX-License-Identifier: Apache-2.0
"""CPU of one call with a hundred recipients, encoding and signing included, client by client."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from itertools import islice

from benchkit import clients, clients_official
from benchkit.clients_ours import our_client
from benchkit.sample import CHUNK, batch
from benchkit.servers import bare_server

BATCHES = 20


def subjects(url):
    """Return a function ``run(times)`` for each client; every one keeps its connections between rounds."""
    batches = [batch(index * CHUNK) for index in range(BATCHES)]
    ours, official = our_client(url), clients_official.official_sdk(url)
    legacy, session = clients.legacy_core(), clients.floor_session()
    bodies = [clients.ready_body(each) for each in batches]
    loop = asyncio.new_event_loop()

    async def one_after_the_other(times):
        for each in cycle(batches, times):
            await clients_official.send_official_async(official, each)

    return {
        "ours": lambda times: [clients.send_ours(ours, each) for each in cycle(batches, times)],
        "official SDK, sync": lambda times: [
            clients_official.send_official(official, each) for each in cycle(batches, times)
        ],
        "official SDK, async": lambda times: loop.run_until_complete(one_after_the_other(times)),
        "legacy SDK core": lambda times: [
            clients.send_legacy(legacy, url, each) for each in cycle(batches, times)
        ],
        "requests, ready body": lambda times: [
            clients.send_floor(session, url, each) for each in cycle(bodies, times)
        ],
    }


def cycle(batches, times):
    return islice((each for _ in range(times) for each in batches), times)


def run(settings):
    """Interleave the clients, so that whatever else the machine does meets all of them."""
    rounds, times = (8, 40) if settings.quick else (40, 100)
    with bare_server() as server:
        runs = subjects(server.url)
        for each in runs.values():
            each(10)
        spent = {name: [] for name in runs}
        for _ in range(rounds):
            for name, each in runs.items():
                gc.collect()
                before = time.process_time()
                each(times)
                spent[name].append((time.process_time() - before) / times * 1000)
    rows = [_row(name, values) for name, values in spent.items()]
    median = {row["client"]: row["ms"] for row in rows}
    return {
        "rounds": rounds,
        "calls_per_round": times,
        "body_bytes": len(clients.ready_body(batch())),
        "rows": rows,
        "ratio_to_official_sync": ratio(spent, "official SDK, sync"),
        "ratio_to_floor": ratio(spent, "requests, ready body"),
        "median": median,
    }


def ratio(spent, other):
    """Return the median of the ratios of neighbouring rounds, which a busy machine disturbs least."""
    return round(statistics.median(a / b for a, b in zip(spent["ours"], spent[other], strict=True)), 3)


def _row(name, values):
    low, _, high = statistics.quantiles(values, n=4)
    return {
        "client": name,
        "ms": round(statistics.median(values), 4),
        "quartile_low": round(low, 4),
        "quartile_high": round(high, 4),
    }
