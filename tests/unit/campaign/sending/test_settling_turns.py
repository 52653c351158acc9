# SPDX-License-Identifier: Apache-2.0
"""Jobs that seek evidence get all the turns they may have, however the threads and the main thread meet."""

from __future__ import annotations

from collections import Counter

import pytest
from inline_workers import InlineWorkers
from world import Crash, World

PEOPLE = [f"138{i:05d}000" for i in range(200)]


class LateWorkers(InlineWorkers):
    """A pool of which only one thread is awake: it takes a job when the main thread waits for a result."""

    def give(self, job) -> None:
        self._waiting.append(job)

    def take(self, *, timeout):
        if timeout > 0 and self._waiting and not self._under_way:
            self._under_way.append(self._waiting.popleft())
        return super().take(timeout=timeout)

    def _begin_next(self) -> None:
        pass


@pytest.fixture
def interrupted():
    """A campaign whose first try died when its intents were written and no call was made."""
    world = World()
    world.store.new_process(crash_in=4, crash_after_write=True, broken_in=None)
    world.gateway.faults.extend(["drop_before"] * 1000)
    with pytest.raises(Crash):
        world.run(PEOPLE, max_concurrency=4)
    world.gateway.faults.clear()
    world.store.new_process()
    world.make_workers = lambda **options: LateWorkers(**options, clock=world.clock)
    return world


def test_jobs_that_are_taken_back_from_the_queue_do_not_use_up_the_turns_of_others(interrupted):
    """Every one of them took a turn for good, until no look-up could be made and the try went on for ever."""
    summary = interrupted.run(PEOPLE, max_concurrency=4).summary
    assert summary["accepted"] == len(PEOPLE)
    assert interrupted.gateway.accepted == Counter(PEOPLE)
