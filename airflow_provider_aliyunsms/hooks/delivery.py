# SPDX-License-Identifier: Apache-2.0
"""Put a delivery watch together: receipts from any storage, channels from a client. For sensor and trigger."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_provider_aliyunsms.delivery.polling import DeliveryPoller, Part
from airflow_provider_aliyunsms.delivery.tracking import scan
from airflow_provider_aliyunsms.delivery.watch import Rules, Watch
from airflow_provider_aliyunsms.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.campaign.ports import StatusChannel
    from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign
    from airflow_provider_aliyunsms.delivery.progress import Progress

READ_ATTEMPTS = 2
"""A question that fails is asked again in the next round anyway; more attempts would only make an outage slow."""


def status_client(connection: Connection) -> AliyunSmsClient:
    """
    Make a client for read calls; no network.

    :raises ConfigurationError: a field of the connection is wrong or missing.
    """
    from airflow_provider_aliyunsms.api.retrying import ReadRetries
    from airflow_provider_aliyunsms.hooks.clients import client_for
    from airflow_provider_aliyunsms.hooks.settings import read_settings

    return client_for(read_settings(connection), read_retries=ReadRetries(attempts=READ_ATTEMPTS))


def make_watch(
    *,
    campaigns: Sequence[WatchedCampaign],
    rules: Rules,
    client: Callable[[], AliyunSmsClient],
    max_qps: float | None,
    progress: Sequence[Progress] | None = None,
    failures: int = 0,
) -> Watch:
    """
    Build what sensor and trigger look through; reads the receipts unless progress is handed over.

    :param client: makes the client; not called when nothing was accepted, so that no connection is needed.
    :param progress: one for each campaign that has accepted messages.
    :raises ConfigurationError: the receipts cannot be found, or are not those of the campaign.
    """
    asked = [each for each in campaigns if each.accepted]
    parts: list[Part] = []
    if asked:
        made = client()
        known = progress or [scan(campaign=each, open_receipts=open_receipts) for each in asked]
        for campaign, done in zip(asked, known, strict=True):
            channel = status_channel(api=campaign.api, client=made)
            parts.append(Part(campaign=campaign, channel=channel, progress=done))
    poller = DeliveryPoller(parts=parts, open_receipts=open_receipts, max_qps=max_qps)
    return Watch(campaigns=campaigns, poller=poller, rules=rules, failures=failures)


def status_channel(*, api: str, client: AliyunSmsClient) -> StatusChannel:
    """Return the channel that knows the fates of one API's messages."""
    from airflow_provider_aliyunsms.campaign.channels import ChinaChannel, GlobeChannel

    return ChinaChannel(client=client) if api == ChinaChannel.api else GlobeChannel(client=client)


def open_receipts(path: str) -> IO[bytes]:
    """
    Open a receipts file on a local disk or any fsspec storage.

    :raises ConfigurationError: there is no such file here.
    """
    try:
        if "://" not in path:
            return Path(path).expanduser().open("rb")
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        storage: Any = ObjectStoragePath
        return cast("IO[bytes]", storage(path).open("rb"))
    except FileNotFoundError:
        raise ConfigurationError(
            "the receipts file of the campaign is not there",
            advice="A local receipts_path is seen by one machine only: give the send operator a receipts_path on a "
            "storage that all workers and the triggerer can read.",
        ) from None
