# SPDX-License-Identifier: Apache-2.0
"""Run cells beside each other, each at a gateway of its own, and keep what was seen."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from faultmatrix.experiment import observe

from airflow_provider_aliyunsms.simulator.server import running

AT_ONCE = 5
"""Cells at the same time: most of them wait for a late answer; more would make answers late that must not be."""

ONCE_MORE = 2
"""How often a cell whose client gives up early is run again when a busy machine made an innocent call late."""


class Observations:
    """What was seen in each cell; a cell runs once, when it is first asked for."""

    def __init__(self, *, pool, simulators):
        self._pool = pool
        self._simulators = simulators
        self._futures = {}

    def start(self, cell):
        """Begin a cell unless it has begun."""
        if cell not in self._futures:
            self._futures[cell] = self._pool.submit(self._observe, cell)
        return self._futures[cell]

    def __getitem__(self, cell):
        return self.start(cell).result()

    def _observe(self, cell):
        simulator = self._simulators.get()
        try:
            seen = observe(cell, simulator=simulator)
            for _ in range(ONCE_MORE if cell.row.late else 0):
                if not seen.strays or seen.problems:
                    break
                seen = observe(cell, simulator=simulator)
            return seen
        finally:
            self._simulators.put(simulator)


@contextmanager
def observations():
    """Give a place to run cells in; closing waits for those that run."""
    with ExitStack() as stack:
        simulators = queue.SimpleQueue()
        for _ in range(AT_ONCE):
            simulators.put(stack.enter_context(running(globe_qps=0, delivery_delay=0)))
        pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="matrix")
        stack.callback(pool.shutdown, cancel_futures=True)
        yield Observations(pool=pool, simulators=simulators)
