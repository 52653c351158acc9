# SPDX-License-Identifier: Apache-2.0
"""
Rate limiters behind one face: a function that returns when the next call may be made.

Each library twice where it can be told: as its documentation shows it, and with the room for jitter that ours
has ("+ margin"), because the limit counts where the calls arrive and not where they leave.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time

import aiolimiter
import limits
import limits.storage
import limits.strategies
import pyrate_limiter
import throttled
from throttled import rate_limiter

from airflow_provider_aliyunsms.campaign.pacing import MARGIN, AdaptivePace


class Ours:
    """The pace of a campaign; the only one that wants to know when a call has its answer."""

    def __init__(self, limit):
        self._pace = AdaptivePace(max_qps=limit, now=time.monotonic())
        self._lock = threading.Lock()
        self._answered = threading.Event()

    def __call__(self):
        while True:
            self._answered.clear()
            with self._lock:
                wait = self._pace.take(now=time.monotonic())
                if wait <= 0:
                    return
            if math.isinf(wait):
                self._answered.wait(5)
            else:
                time.sleep(wait)

    def done(self, started):
        with self._lock:
            self._pace.end(started=started, now=time.monotonic(), opened=False)
        self._answered.set()


def pyrate(limit, *, margin=0.0):
    rate = pyrate_limiter.Rate(limit, int(pyrate_limiter.Duration.SECOND * (1 + margin)))
    limiter = pyrate_limiter.Limiter(rate)
    return lambda: limiter.try_acquire("bench")


def pyrate_with_margin(limit):
    return pyrate(limit, margin=MARGIN)


def limits_moving_window(limit):
    limiter = limits.strategies.MovingWindowRateLimiter(limits.storage.MemoryStorage())
    item = limits.RateLimitItemPerSecond(limit)

    def acquire():
        while not limiter.hit(item, "bench"):
            time.sleep(max(0.0005, limiter.get_window_stats(item, "bench").reset_time - time.time()))

    return acquire


def _aiolimiter(make):
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def made():
        return make()

    limiter = asyncio.run_coroutine_threadsafe(made(), loop).result()
    return lambda: asyncio.run_coroutine_threadsafe(limiter.acquire(), loop).result()


def aiolimiter_bucket(limit):
    return _aiolimiter(lambda: aiolimiter.AsyncLimiter(limit, 1))


def aiolimiter_spaced(limit):
    return _aiolimiter(lambda: aiolimiter.AsyncLimiter(1, (1 + MARGIN) / limit))


def _throttled(limit, *, using):
    quota = rate_limiter.per_sec(limit)
    throttle = throttled.Throttled(key="bench", using=using, quota=quota, timeout=5)

    def acquire():
        while throttle.limit().limited:
            pass

    return acquire


def throttled_sliding_window(limit):
    return _throttled(limit, using=throttled.RateLimiterType.SLIDING_WINDOW.value)


def throttled_gcra(limit):
    return _throttled(limit, using=throttled.RateLimiterType.GCRA.value)


LIMITERS = {
    "ours": Ours,
    "pyrate-limiter": pyrate,
    "pyrate-limiter + margin": pyrate_with_margin,
    "limits, moving window": limits_moving_window,
    "aiolimiter": aiolimiter_bucket,
    "aiolimiter, spaced + margin": aiolimiter_spaced,
    "throttled-py, sliding window": throttled_sliding_window,
    "throttled-py, GCRA": throttled_gcra,
}
