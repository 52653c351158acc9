# SPDX-License-Identifier: Apache-2.0
"""
Say when the next call may be made, so that the gateway never gets more calls in a second than it allows.

:class:`RateWindow` counts the calls of one process (``window``). :class:`AdaptivePace` is what a campaign asks before
each call: its own limit, lowered for a while when the gateway throttles (``adaptive``).

:class:`AccountPace` is a further limit, for all processes that use one AccessKey (``account``). Each of them holds
some of the *places* of the account, one for each call that the rate window may hold, and keeps its own calls within
these by a :class:`RateWindow`. Who holds how many is decided in a :class:`PaceStore` that all of them reach:
:class:`RedisPaceStore` (``redis_store``). A process that cannot reach it makes no call.

:class:`CommonPace` is for a process in which many make calls at the same time (``common``): they are one process to
the store. :class:`PaceMember` is one of them.

Another store for places is another class with the methods of :class:`PaceStore`.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.pacing.account import AccountPace, Demand, Grant, PaceStore
from airflow_provider_aliyunsms.campaign.pacing.adaptive import AdaptivePace, SharedLimit
from airflow_provider_aliyunsms.campaign.pacing.common import CommonPace, PaceMember
from airflow_provider_aliyunsms.campaign.pacing.redis_store import RedisPaceStore
from airflow_provider_aliyunsms.campaign.pacing.window import MARGIN, WINDOW, RateWindow

__all__ = [
    "MARGIN",
    "WINDOW",
    "AccountPace",
    "AdaptivePace",
    "CommonPace",
    "Demand",
    "Grant",
    "PaceMember",
    "PaceStore",
    "RateWindow",
    "RedisPaceStore",
    "SharedLimit",
]
