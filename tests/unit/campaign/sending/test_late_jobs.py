# SPDX-License-Identifier: Apache-2.0
"""A call that leaves long after its intent was written still counts from when it left."""

from __future__ import annotations

from collections import Counter

import pytest
from world import SETTLE_TIME, Crash, World

from airflow_provider_aliyunsms.campaign.policy import WINDOW_CHUNKS_PER_CALL

# All of them are in one window of intents.
PEOPLE = [f"138{i:05d}000" for i in range(8 * WINDOW_CHUNKS_PER_CALL)]
SECONDS_OF_A_CALL = 15


def test_a_call_that_was_held_back_by_pauses_is_not_released_too_soon_after_a_crash():
    """Records come as late as they may; the call left as long after its intent as evidence takes."""
    world = World()
    # What the ledger says of the time of a call is exact to a tenth of the settle time.
    world.gateway.record_lag = 0.9 * SETTLE_TIME - 1
    world.gateway.faults.extend(["refused_connection"] * 40 + ["answer lost"])
    submit = world.gateway.submit

    def submit_and_die(chunk, envelope):
        world.clock.sleep(SECONDS_OF_A_CALL)
        answer = submit(chunk, envelope)
        if world.gateway.accepted:
            world.store.die()
        return answer

    world.gateway.submit = submit_and_die
    began = world.clock.now()
    with pytest.raises(Crash):
        world.run(PEOPLE, chunk_size=1, max_concurrency=8, network_patience=100_000.0)
    assert world.clock.now() - began > SETTLE_TIME
    assert world.gateway.accepted

    world.gateway.submit = submit
    world.store.new_process()
    world.clock.sleep(20)
    summary = world.run(PEOPLE, chunk_size=1, max_concurrency=8, evidence_wait=10_000.0).summary
    assert world.gateway.accepted == Counter(PEOPLE)
    assert summary["accepted"] == len(PEOPLE)
