# SPDX-License-Identifier: Apache-2.0
"""Make the limit of an account, which all tasks share, from the settings of a connection."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.api.credentials import Credentials
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.pacing import AccountPace, CommonPace, PaceMember, RedisPaceStore
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.hooks.clients import MAX_CONNECTIONS
from airflow_provider_aliyunsms.products import GLOBE

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

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


async def redis_connection(settings: ConnectionSettings) -> Connection | None:
    """
    Return the connection that ``pace_conn_id`` names, without blocking the event loop; None where it names none.

    :raises AirflowNotFoundException: there is no connection of this id.
    """
    from airflow.providers.common.compat.connection import get_async_connection

    return await get_async_connection(settings.pace_conn_id) if settings.pace_conn_id else None


def account_pace_for(
    settings: ConnectionSettings,
    *,
    product: Product,
    most: float | None,
    connections: int,
    urgent: bool = False,
    redis: Connection | None = None,
) -> AccountPace | None:
    """
    Return the limit that all tasks of the account share; connects to nothing yet.

    :param product: says which API; each has a limit of its own.
    :param most: calls a second that this task makes at most; None for no limit of its own.
    :param connections: how many calls it may have in flight.
    :param urgent: whether its calls go before those of all tasks.
    :param redis: the connection that ``pace_conn_id`` names, for callers in the triggerer; None to fetch it here.
    :returns: None when the connection names no store, or no limit for this API.
    :raises ConfigurationError: the extra ``redis`` is not installed.
    """
    limit = account_qps(settings, product=product)
    if settings.pace_conn_id is None or limit is None:
        return None
    return AccountPace(
        store=RedisPaceStore(
            client=_client(settings.pace_conn_id, connection=redis),
            key=_key(settings, action=product.action),
            name=settings.pace_conn_id,
        ),
        limit=limit,
        most=most,
        connections=connections,
        call_lasts=_call_lasts(settings),
        clock=Clock(),
        urgent=urgent,
    )


def query_pace_for(
    settings: ConnectionSettings, *, product: Product, redis: Connection | None = None
) -> PaceMember | None:
    """
    Return the limit that all queries of the account share; connects to nothing yet.

    All who ask in one process have it in common, so that a triggerer with many triggers is one to Redis.

    :param product: says which API is asked; each has a limit of its own.
    :param redis: the connection that ``pace_conn_id`` names, for callers in the triggerer; None to fetch it here.
    :returns: None when the connection names no store, or no limit for queries.
    :raises ConfigurationError: the extra ``redis`` is not installed.
    """
    limit, conn_id = settings.query_qps, settings.pace_conn_id
    if conn_id is None or limit is None:
        return None
    client = _client(conn_id, connection=redis)
    key = _key(settings, action=product.query_action)

    def make() -> AccountPace:
        return AccountPace(
            store=RedisPaceStore(client=client, key=key, name=conn_id),
            limit=limit,
            connections=MAX_CONNECTIONS,
            call_lasts=_call_lasts(settings),
            clock=Clock(),
        )

    # By the process as well: a pace that was open when the process forked is the parent's, and its thread is not
    # here.
    # By the server: a connection that was changed is used from the next watch on.
    server = client.connection_pool.connection_kwargs
    place = tuple(server.get(part) for part in ("host", "port", "db"))
    name = (os.getpid(), conn_id, place, key, limit, _call_lasts(settings))
    return PaceMember(common=_COMMON.setdefault(name, CommonPace()), make=make)


# Changed by setdefault() alone, which is one step for all threads.
_COMMON: Final[dict[tuple[object, ...], CommonPace]] = {}


def _key(settings: ConnectionSettings, *, action: str) -> str:
    return f"aliyun_sms:pace:{action}:{_account(settings)}"


def _call_lasts(settings: ConnectionSettings) -> float:
    # To connect, for the TLS handshake, and until the response.
    return 2 * settings.connect_timeout + settings.read_timeout


def _client(conn_id: str, *, connection: Connection | None) -> Any:
    try:
        from airflow.providers.redis.hooks.redis import RedisHook
    except ImportError:
        raise ConfigurationError(
            "pace_conn_id needs the Airflow provider for Redis, which is not installed",
            advice="Install airflow-provider-aliyunsms[redis], or empty pace_conn_id.",
        ) from None
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    hook: Any = RedisHook(redis_conn_id=conn_id)
    if connection is not None:
        hook.get_connection = lambda _: connection
    client = hook.get_conn()
    pool = getattr(client, "connection_pool", None)
    if pool is None:
        raise ConfigurationError(
            "the connection named by pace_conn_id is one to a cluster",
            advice="Name a single Redis server, or one with replicas behind one address.",
        )
    # The hook has no parameters for these. Without them a server that hangs would hold a process up for minutes.
    pool.connection_kwargs |= {
        "socket_timeout": TIMEOUT,
        "socket_connect_timeout": TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
    }
    return client


def _account(settings: ConnectionSettings) -> str:
    """Return a name of the account that tells nothing of the AccessKey."""
    found = settings.credentials
    # Keys of a role are others every hour; the role itself stays.
    who = (
        (found.access_key_id,)
        if isinstance(found, Credentials)
        else (found.credential_type, *(f"{name}={value}" for name, value in found.options if name in _WHO))
    )
    # The limits are those of the account, whatever the endpoint. A simulator on this machine is another gateway.
    where = settings.endpoint or ""
    where = where if "127.0.0.1" in where or "localhost" in where else ""
    return hashlib.blake2b("\n".join((*who, where)).encode(), digest_size=12).hexdigest()


_WHO = frozenset({"role_arn", "role_name", "credentials_uri"})
