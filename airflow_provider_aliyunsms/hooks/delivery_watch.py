# SPDX-License-Identifier: Apache-2.0
"""
Build a delivery watch for sensor and trigger.

The delivery layer knows neither Airflow nor HTTP. Here it gets its receipts from Airflow's storages, and its channels
from an API client.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.learned_numbers import LearnedNumbers
from airflow_provider_aliyunsms.campaign.pacing import PaceMember
from airflow_provider_aliyunsms.delivery.checkpoint import TOP
from airflow_provider_aliyunsms.delivery.group_counts import GroupCounts, is_kept
from airflow_provider_aliyunsms.delivery.opt_outs import OptOuts
from airflow_provider_aliyunsms.delivery.polling import DeliveryPoller, Part
from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimiter
from airflow_provider_aliyunsms.delivery.sampling import draw
from airflow_provider_aliyunsms.delivery.tracking import scan
from airflow_provider_aliyunsms.delivery.watch import Watch, WatchPolicy
from airflow_provider_aliyunsms.hooks.storage import open_receipts, storage_path
from airflow_provider_aliyunsms.products import CHINA, PRODUCTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.audience.split import Split
    from airflow_provider_aliyunsms.campaign.ports import Delivery, StatusChannel, Tracked
    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.checkpoint import Checkpoint
    from airflow_provider_aliyunsms.delivery.polling import OnSettled
    from airflow_provider_aliyunsms.delivery.query_limiter import QueryLimits
    from airflow_provider_aliyunsms.delivery.state import DeliveryState
    from airflow_provider_aliyunsms.products import Product


CLOCK_SKEW = 0.1
"""Seconds by which the clocks of two machines are assumed to differ at most."""

READ_ATTEMPTS = 2
"""
Attempts of one query.

A query that fails is repeated in the next round anyway; more attempts would only prolong a round during an outage.
"""


class StatusClients:
    """
    The API clients of one connection that ask for deliveries; makes no network call.

    :param connection: the connection to the API.
    :param redis: the connection that its ``pace_conn_id`` names, for callers in the triggerer; None to fetch it when
        it is needed.
    :raises ConfigurationError: a field of the connection is wrong or missing.
    """

    def __init__(self, connection: Connection, *, redis: Connection | None = None) -> None:
        from airflow_provider_aliyunsms.hooks.settings import read_settings

        self._settings = read_settings(connection)
        self._redis = redis
        self._opened: list[AliyunSmsClient | PaceMember] = []

    @property
    def secret(self) -> bytes:
        """The secret of the deployment for hashes of numbers; empty for none."""
        from airflow_provider_aliyunsms.hooks.hash_secrets import secrets_known

        return next(iter(secrets_known(self._settings.ledger_secret)), b"")

    def within(self, limits: QueryLimits) -> QueryLimits:
        """Return the limits of one watch, lowered to what the account may ask."""
        account = self._settings.query_qps
        if account is None:
            return limits
        return replace(limits, max_qps=account if limits.max_qps is None else min(account, limits.max_qps))

    def make(self, *, product: Product, limiter: QueryLimiter) -> AliyunSmsClient:
        """
        Return a client whose read calls pass a query limiter, and the limit of the account where it is shared.

        :param product: which API it asks.
        :param limiter: the query limiter; every attempt enters it, so that retries count as well.
        """
        from airflow_provider_aliyunsms.api.retrying import ReadRetries
        from airflow_provider_aliyunsms.hooks.account_pace import query_pace_for
        from airflow_provider_aliyunsms.hooks.clients import client_for

        account = query_pace_for(self._settings, product=product, redis=self._redis)
        retries = ReadRetries(attempts=READ_ATTEMPTS, around_attempt=partial(limiter.query, account))
        client = client_for(self._settings, read_retries=retries)
        self._opened += [client] if account is None else [client, account]
        return client

    def hang_up(self) -> None:
        """Close the connections, and let others have the places of the account, until the next round."""
        for each in self._opened:
            if isinstance(each, PaceMember):
                each.leave()
            else:
                each.close()


def make_watch(
    *,
    campaigns: Sequence[WatchedCampaign],
    rules: WatchPolicy,
    limits: QueryLimits,
    connect: Callable[[], StatusClients],
    known: Checkpoint | None = None,
    suppress_into: str | None = None,
    split: Split | None = None,
) -> Watch:
    """
    Return the watch with which sensor and trigger ask for the messages of campaigns.

    Reads all receipts once, unless ``known`` brings the progress. Makes no query.

    :param campaigns: the campaigns to watch; those without accepted messages are not asked for.
    :param rules: when to stop, and how often to ask.
    :param limits: the limits for the queries of all campaigns together.
    :param connect: returns the clients. Not called when no message was accepted, so that no connection is needed
        then.
    :param known: what earlier processes learned, None for nothing.
    :param suppress_into: the folder that takes the numbers which carriers block; None to keep none.
    :param split: the split by whose groups to count as well; None for none.
    :raises ConfigurationError: the receipts cannot be found, or are not those of the campaign, or it was not sent
        with that split.
    :raises AudienceError: the receipts are damaged.
    """
    known = _known_for(known, split=split)
    asked = [each for each in campaigns if each.accepted]
    clients = connect() if asked else None
    opt_outs = None
    if suppress_into is not None and clients is not None:
        # Without a secret the name of a file is a hash from which anyone finds the number, by trying all.
        opt_outs = OptOuts(LearnedNumbers(storage_path(suppress_into), secret=clients.secret))
    kept = known.groups if known is not None else None
    groups = None if split is None else GroupCounts(split, campaigns=campaigns, kept=kept)
    # One limiter for all campaigns and threads: with one for each, together they would exceed max_qps and max_calls.
    limiter = make_limiter(limits=clients.within(limits) if clients else limits, known=known)
    parts: list[Part] = []
    if clients is not None:
        channels = {
            api: status_channel(api=api, client=clients.make(product=PRODUCTS[api], limiter=limiter))
            for api in {each.api for each in asked}
        }
        for campaign, progress in zip(asked, _progress(asked, rules=rules, known=known), strict=True):
            parts.append(Part(campaign=campaign, channel=channels[campaign.api], progress=progress))
    poller = DeliveryPoller(
        parts=parts,
        open_receipts=open_receipts,
        limiter=limiter,
        cursor=known.cursor if known else TOP,
        on_settled=_on_settled(opt_outs, groups),
    )
    return Watch(
        campaigns=campaigns,
        poller=poller,
        rules=rules,
        known=known,
        hang_up=clients.hang_up if clients else _nothing,
        opt_outs=opt_outs,
        groups=groups,
    )


def _known_for(known: Checkpoint | None, *, split: Split | None) -> Checkpoint | None:
    """Return what is known, without the progress where it was not counted by the groups of this split."""
    if known is None or split is None or is_kept(known.groups, split=split):
        return known
    return replace(known, progress=None, cursor=TOP, series=(), groups=None)


def _on_settled(opt_outs: OptOuts | None, groups: GroupCounts | None) -> OnSettled | None:
    listening = [each.note for each in (opt_outs, groups) if each is not None]
    if not listening:
        return None

    def note(*, message: Tracked, delivery: Delivery, api: str) -> None:
        for each in listening:
            each(message=message, delivery=delivery, api=api)

    return note


def _nothing() -> None:
    """Do nothing."""


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
