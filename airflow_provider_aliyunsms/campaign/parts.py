# SPDX-License-Identifier: Apache-2.0
"""What a sender is put together from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.sending.workers import MakeWorkers, Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_aliyunsms.audience.spool.spool import Spool
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger.ledger import Ledger
    from airflow_provider_aliyunsms.campaign.policy import SendPolicy
    from airflow_provider_aliyunsms.campaign.ports import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """
    What a sender works with.

    :param channel: the way out.
    :param ledger: the durable record, already opened.
    :param spool: the audience, already loaded.
    :param policy: how to send.
    :param clock: the time.
    :param stop_reason: asked before every call, by any thread; a text stops the sending.
    :param on_progress: called every few seconds with the number of recipients settled so far.
    :param positional: the campaign's identity is a place in a list of mapped inputs.
    :param make_workers: makes the pool of threads that do the calls.
    :param wind_down: seconds to wait for calls in flight when sending stops early.
    """

    channel: Channel
    ledger: Ledger
    spool: Spool
    policy: SendPolicy
    clock: Clock
    stop_reason: Callable[[], str | None]
    on_progress: Callable[[], None]
    positional: bool = False
    make_workers: MakeWorkers = Workers
    wind_down: float = 3.0
