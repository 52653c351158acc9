# SPDX-License-Identifier: Apache-2.0
"""
What a connection says, checked field by field.

Only fields named here are read: whoever may edit a connection must not be able to set options that the
author of the DAG did not ask for.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.hooks.credential_fields import (
    CREDENTIAL_FIELDS,
    DEFAULT_TYPE,
    read_credential_type,
    read_credentials,
)
from airflow_provider_aliyunsms.hooks.extras import read_extra, seconds, text

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_aliyunsms.api.credentials import Credentials
    from airflow_provider_aliyunsms.api.vendor_credentials import Recipe

log = logging.getLogger(__name__)

DEFAULT_CONNECT_TIMEOUT: Final = 5.0
DEFAULT_READ_TIMEOUT: Final = 10.0
_HTTPS_PORT: Final = 443
"""Says nothing beside a default endpoint, and is what makes some Airflows test a connection without a host."""

EXTRA_FIELDS: Final = CREDENTIAL_FIELDS | {
    "region_id",
    "globe_region_id",
    "sign_name",
    "sender_id",
    "connect_timeout",
    "read_timeout",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """
    One connection, read and checked.

    :param credentials: an AccessKey, or the recipe for one that renews itself.
    :param credential_type: which kind of credentials the connection asks for.
    :param endpoint: overrides the endpoint of both APIs; None means the regions choose.
    :param connect_timeout: seconds, 0 < x <= 300.
    :param read_timeout: seconds, 0 < x <= 300.
    """

    credentials: Credentials | Recipe = field(repr=False)
    credential_type: str = DEFAULT_TYPE
    endpoint: str | None = None
    region_id: str | None = None
    globe_region_id: str | None = None
    sign_name: str | None = None
    sender_id: str | None = None
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    read_timeout: float = DEFAULT_READ_TIMEOUT


def read_settings(connection: Connection) -> ConnectionSettings:
    """
    Read a connection of type ``aliyun_sms``, or ``alibaba_cloud`` of the official provider; no network, no masking.

    :raises CredentialsError: the AccessKey ID or the secret is missing or malformed.
    :raises ConfigurationError: another field is wrong. No message repeats a value.
    """
    extra = read_extra(connection)
    if unknown := sorted(extra.keys() - EXTRA_FIELDS):
        log.debug("Ignoring unknown fields in the extra of connection %s: %s", connection.conn_id, unknown)
    credential_type = read_credential_type(extra)
    return ConnectionSettings(
        credentials=read_credentials(connection, extra, credential_type=credential_type),
        credential_type=credential_type,
        endpoint=_endpoint(connection),
        region_id=text(extra, "region_id"),
        globe_region_id=text(extra, "globe_region_id"),
        sign_name=text(extra, "sign_name"),
        sender_id=text(extra, "sender_id"),
        connect_timeout=seconds(extra, "connect_timeout", default=DEFAULT_CONNECT_TIMEOUT),
        read_timeout=seconds(extra, "read_timeout", default=DEFAULT_READ_TIMEOUT),
    )


def _endpoint(connection: Connection) -> str | None:
    host = (connection.host or "").strip()
    if not host:
        if connection.port and connection.port != _HTTPS_PORT:
            raise ConfigurationError(
                f"The connection {connection.conn_id!r} has a port but no host.",
                advice="Fill in the host, or empty the port to use the default endpoint.",
            )
        return None
    if not connection.port:
        return host
    if _has_port(host):
        raise ConfigurationError(
            f"The connection {connection.conn_id!r} has a port in its host and another in its port field.",
            advice="Empty the port field.",
        )
    return f"{host.rstrip('/')}:{connection.port}"


def _has_port(host: str) -> bool:
    try:
        return urlsplit(host if "://" in host else f"https://{host}").port is not None
    except ValueError:  # a malformed host is reported by the one who parses it
        return False
