# SPDX-License-Identifier: Apache-2.0
"""Several machines, some blows: nobody gets two messages, nobody gets none. The long version is long.py."""

from __future__ import annotations

import os
import random

import pytest
from distributedkit.lines import struck_campaigns
from judging import leaks

pytestmark = [pytest.mark.distributed, pytest.mark.timeout(400)]

BLOWS = ("kill -9 task", "Redis killed, back empty", "kill -9 a whole worker", "PostgreSQL killed and back")


def test_campaigns_whose_task_worker_broker_and_database_are_killed(cluster):
    """China and Globe side by side, mapped, with sensors in each mode and one pace for the account."""
    seed = int(os.environ.get("DISTRIBUTED_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"DISTRIBUTED_TEST_SEED={seed}")
    plans = [("china", [12_000, 12_000], False), ("globe", [1_000], True)]
    lines = [*struck_campaigns(cluster, plans=plans, kinds=BLOWS, chance=random.Random(seed))]
    for line in lines:
        assert line.trouble is None, line
    assert [blow.kind for blow in lines[0].blows] == [*BLOWS]
    assert sum(len(line.verdicts) for line in lines) == 3
    assert leaks(folder=cluster.folder, audiences=cluster.audiences) == []
    busiest = cluster.gateway.client.stats()["worst_second"]
    assert busiest["SendBatchSms"] <= 40
