# SPDX-License-Identifier: Apache-2.0
"""Make the limit of an account, which all tasks share, from the settings of a connection."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.api.credentials import Credentials
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.pacing import AccountPace, RedisPaceStore
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.products import GLOBE

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.hooks.settings import ConnectionSettings
    from airflow_provider_aliyunsms.products import Product

GLOBE_QPS = 1.0
"""Calls a second that the Globe API takes of an account, unless Alibaba Cloud has raised its limit."""

TIMEOUT = 2.0
"""Seconds to connect to Redis, and to wait for one response: well below the time for which places are held."""


def account_qps(settings: ConnectionSettings, *, product: Product) -> float | None:
    """Return how many calls a second the account may make to the API of a product; None for no limit."""
    if product is not GLOBE:
        return settings.china_qps
    return GLOBE_QPS if settings.globe_qps is None and settings.pace_conn_id else settings.globe_qps


def account_pace_for(
    settings: ConnectionSettings, *, product: Product, most: float | None, connections: int
) -> AccountPace | None:
    """
    Return the limit that all tasks of the account share; connects to nothing yet.

    :param product: says which API; each has a limit of its own.
    :param most: calls a second that this task makes at most; None for no limit of its own.
    :param connections: how many calls it may have in flight.
    :returns: None when the connection names no store, or no limit for this API.
    :raises ConfigurationError: the extra ``redis`` is not installed.
    """
    limit = account_qps(settings, product=product)
    if settings.pace_conn_id is None or limit is None:
        return None
    store = RedisPaceStore(
        client=_client(settings.pace_conn_id),
        key=f"aliyun_sms:pace:{product.action}:{_account(settings)}",
        name=settings.pace_conn_id,
    )
    return AccountPace(store=store, limit=limit, most=most, connections=connections, clock=Clock())


def _client(conn_id: str) -> Any:
    try:
        from airflow.providers.redis.hooks.redis import RedisHook
    except ImportError:
        raise ConfigurationError(
            "pace_conn_id needs the Airflow provider for Redis, which is not installed",
            advice="Install airflow-provider-aliyunsms[redis], or empty pace_conn_id.",
        ) from None
    hook: Any = RedisHook(redis_conn_id=conn_id)
    client = hook.get_conn()
    # The hook has no parameter for these, and without them a server that hangs would not be noticed.
    client.connection_pool.connection_kwargs |= {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    return client


def _account(settings: ConnectionSettings) -> str:
    """Return a name of the account at its endpoint that tells nothing of the AccessKey."""
    found = settings.credentials
    # Keys of a role are others every hour; the role itself stays.
    who = (
        (found.access_key_id,)
        if isinstance(found, Credentials)
        else (found.credential_type, *(f"{name}={value}" for name, value in found.options if name in _WHO))
    )
    where = settings.endpoint or ""
    return hashlib.blake2b("\n".join((*who, where)).encode(), digest_size=12).hexdigest()


_WHO = frozenset({"role_arn", "role_name", "credentials_uri"})
