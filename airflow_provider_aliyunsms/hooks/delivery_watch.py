# SPDX-License-Identifier: Apache-2.0
"""
Build a delivery watch for sensor and trigger.

The delivery layer knows neither Airflow nor HTTP. Here it gets its receipts from Airflow's storages, and its channels
from an API client.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.delivery.checkpoint import TOP
from airflow_provider_aliyunsms.delivery.polling import DeliveryPoller, Part
from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimiter
from airflow_provider_aliyunsms.delivery.sampling import draw
from airflow_provider_aliyunsms.delivery.tracking import scan
from airflow_provider_aliyunsms.delivery.watch import Watch, WatchPolicy
from airflow_provider_aliyunsms.hooks.storage import open_receipts
from airflow_provider_aliyunsms.products import CHINA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.campaign.ports import StatusChannel
    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
    from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimits
    from airflow_provider_aliyunsms.delivery.state import DeliveryState


CLOCK_SKEW = 0.1
"""Seconds by which the clocks of two machines are assumed to differ at most."""

READ_ATTEMPTS = 2
"""
Attempts of one query.

A query that fails is repeated in the next round anyway; more attempts would only prolong a round during an outage.
"""


def status_client(connection: Connection, *, limiter: QueryLimiter) -> AliyunSmsClient:
    """
    Return an API client whose read calls pass a query limiter; makes no network call.

    :param limiter: the query limiter; every attempt enters it, so that retries count as well.
    :raises ConfigurationError: a field of the connection is wrong or missing.
    """
    from airflow_provider_aliyunsms.api.retrying import ReadRetries
    from airflow_provider_aliyunsms.hooks.clients import client_for
    from airflow_provider_aliyunsms.hooks.settings import read_settings

    retries = ReadRetries(attempts=READ_ATTEMPTS, around_attempt=limiter.query)
    return client_for(read_settings(connection), read_retries=retries)


def make_watch(
    *,
    campaigns: Sequence[WatchedCampaign],
    rules: WatchPolicy,
    limits: QueryLimits,
    client: Callable[[QueryLimiter], AliyunSmsClient],
    known: Checkpoint | None = None,
) -> Watch:
    """
    Return the watch with which sensor and trigger ask for the messages of campaigns.

    Reads all receipts once, unless ``known`` brings the progress. Makes no query.

    :param campaigns: the campaigns to watch; those without accepted messages are not asked for.
    :param rules: when to stop, and how often to ask.
    :param limits: the limits for the queries of all campaigns together.
    :param client: makes the client, all of whose queries must pass the limiter it is given. Not called when no
        message was accepted, so that no connection is needed then.
    :param known: what earlier processes learned, None for nothing.
    :raises ConfigurationError: the receipts cannot be found, or are not those of the campaign.
    :raises AudienceError: the receipts are damaged.
    """
    # One limiter for all campaigns and threads: with one for each, together they would exceed max_qps and max_calls.
    limiter = make_limiter(limits=limits, known=known)
    asked = [each for each in campaigns if each.accepted]
    parts: list[Part] = []
    if asked:
        made = client(limiter)
        for campaign, progress in zip(asked, _progress(asked, rules=rules, known=known), strict=True):
            channel = status_channel(api=campaign.api, client=made)
            parts.append(Part(campaign=campaign, channel=channel, progress=progress))
    poller = DeliveryPoller(
        parts=parts, open_receipts=open_receipts, limiter=limiter, cursor=known.cursor if known else TOP
    )
    return Watch(campaigns=campaigns, poller=poller, rules=rules, known=known)


def make_limiter(*, limits: QueryLimits, known: Checkpoint | None) -> QueryLimiter:
    """Return a query limiter; the queries that an earlier process made a moment ago count towards its limits."""
    if known is None:
        return QueryLimiter(limits=limits)
    # The skew makes them count a little longer rather than too short.
    age = max(0.0, time.time() - known.noted_at - CLOCK_SKEW)
    return QueryLimiter(limits=limits, calls=known.calls, recent=known.recent, recent_age=age)


def _progress(
    asked: Sequence[WatchedCampaign], *, rules: WatchPolicy, known: Checkpoint | None
) -> Sequence[DeliveryState]:
    if known is not None and known.progress is not None:
        return known.progress
    everyone = [scan(campaign=each, open_receipts=open_receipts) for each in asked]
    return draw(campaigns=asked, everyone=everyone, sample_size=rules.sample_size)


def status_channel(*, api: str, client: AliyunSmsClient) -> StatusChannel:
    """Return the channel that asks for the messages of one API; ``api`` is the ``action`` of a product."""
    from airflow_provider_aliyunsms.campaign.channels import ChinaChannel, GlobeChannel

    return ChinaChannel(client=client) if api == CHINA.action else GlobeChannel(client=client)
