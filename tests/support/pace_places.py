# SPDX-License-Identifier: Apache-2.0
"""Exchanges of places in words, with a real Redis, and by a time that the test sets if it likes."""

from __future__ import annotations

import itertools

from airflow_provider_aliyunsms.campaign.pacing import Demand, RedisPaceStore, redis_store

LIMIT = 10
LONG = 600.0
"""Seconds for which places are held that shall not end in a test."""


class Store:
    """Exchanges in words; nobody has to wait for its opening."""

    def __init__(self, client, key="pace"):
        self.numbers = itertools.count(1)
        self.real = RedisPaceStore(client=client, key=key, name="redis_default")
        self.open()

    def open(self):
        """Spare a test the first seconds, in which a new server gives nothing."""
        self.ask("nobody", wanted=0, lasts=0.0, span=-redis_store.GRACE)

    def ask(self, holder, *, wanted, keeps=None, lasts=LONG, **more):
        facts = {
            "limit": LIMIT,
            "span": 1.0,
            "number": next(self.numbers),
            "free_in": 0.0,
            "grace": 3.0,
        } | more
        demand = Demand(holder=holder, wanted=wanted, keeps=keeps, **facts)
        return self.real.exchange(demand, lasts=lasts)


class TimedStore(Store):
    """
    A store by whose server no time passes but what the test says.

    :ivar now: the server's time in seconds.
    """

    def __init__(self, client, key="pace"):
        self.now = 1_000_000.0
        self._client = client
        self._time = f"{key}:time"
        script = redis_store._EXCHANGE
        assert script.count("redis.call('TIME')") == 1
        redis_store._EXCHANGE = script.replace(
            "redis.call('TIME')", "redis.call('LRANGE', KEYS[1] .. ':time', 0, 1)"
        )
        try:
            super().__init__(client, key)
        finally:
            redis_store._EXCHANGE = script
        self.now += 1.0

    def ask(self, holder, **demand):
        with self._client.pipeline() as pipe:
            pipe.delete(self._time)
            pipe.rpush(self._time, int(self.now), round(self.now % 1 * 1e6))
            pipe.execute()
        return super().ask(holder, **demand)
