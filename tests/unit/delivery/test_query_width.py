# SPDX-License-Identifier: Apache-2.0
"""How many queries at once a round makes: the fewest that keep the pace, whatever the responses take."""

from __future__ import annotations

import pytest

from airflow_provider_aliyunsms.delivery.query_width import QueryWidth

CPU = 0.0003


class Process:
    """A process whose queries take some processor time each, and a time until the response."""

    def __init__(self, *, most, latency):
        self.latency = latency
        self.now = self.used = 0.0
        self.queries = 0
        self.seconds_at = {}
        self.width = QueryWidth(most=most, clock=lambda: self.now, used=lambda: self.used)

    def run(self, *, seconds):
        until = self.now + seconds
        while self.now < until:
            pace = min(1 / CPU, self.width.now / (CPU + self.latency))
            took = 10 / pace
            self.seconds_at[self.width.now] = self.seconds_at.get(self.width.now, 0.0) + took
            self.now += took
            self.used += 10 * CPU
            self.queries += 10
            self.width.note(10)

    def best(self, *, seconds):
        return seconds * min(1 / CPU, self.width._most / (CPU + self.latency))


@pytest.mark.parametrize("latency", [0.0, 0.0001, 0.0003])
def test_few_queries_at_once_where_the_processor_limits_the_pace(latency):
    process = Process(most=64, latency=latency)
    process.run(seconds=30)
    assert sum(seconds for width, seconds in process.seconds_at.items() if width > 2) < 0.03 * 30
    assert process.queries >= 0.97 * process.best(seconds=30)


@pytest.mark.parametrize("latency", [0.001, 0.003, 0.008, 0.02, 0.05, 1.0])
@pytest.mark.parametrize("most", [1, 3, 16])
def test_the_pace_stays_that_of_all_threads(latency, most):
    process = Process(most=most, latency=latency)
    process.run(seconds=60)
    assert process.queries >= 0.9 * process.best(seconds=60)
    assert set(process.seconds_at) <= set(range(1, most + 1))


def test_responses_that_become_slow_get_all_threads_again():
    process = Process(most=16, latency=0.0)
    process.run(seconds=3)
    assert process.width.now <= 2
    process.latency = 0.05
    process.run(seconds=1)
    assert process.width.now == 16


def test_responses_that_become_a_little_slower_get_more_threads_in_time():
    process = Process(most=16, latency=0.0)
    process.run(seconds=3)
    process.latency = 0.0006
    process.run(seconds=12)
    before = process.queries
    process.run(seconds=30)
    assert process.queries - before >= 0.95 * process.best(seconds=30)


def test_where_nothing_comes_back_all_threads_are_allowed_however_busy_the_process_is():
    process = Process(most=16, latency=0.0)
    process.run(seconds=3)
    assert process.width.now <= 2
    for _ in range(2):
        process.now += 0.11
        process.used += 0.11
        process.width.note(0)
    assert process.width.now == 16


def test_after_a_failure_all_threads_are_allowed():
    process = Process(most=16, latency=0.0)
    process.run(seconds=3)
    process.width.reset()
    assert process.width.now == 16
