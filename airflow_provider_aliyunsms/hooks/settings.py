# SPDX-License-Identifier: Apache-2.0
"""
What a connection says, checked field by field.

Only fields named here are read: whoever may edit a connection must not be able to set options that the
author of the DAG did not ask for.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow_provider_aliyunsms.api.credentials import Credentials
from airflow_provider_aliyunsms.exceptions import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

log = logging.getLogger(__name__)

DEFAULT_CONNECT_TIMEOUT: Final = 5.0
DEFAULT_READ_TIMEOUT: Final = 10.0
MAX_TIMEOUT: Final = 300.0
EXTRA_FIELDS: Final = frozenset(
    {
        "region_id",
        "globe_region_id",
        "security_token",
        "sign_name",
        "sender_id",
        "connect_timeout",
        "read_timeout",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """
    One connection, read and checked.

    :param endpoint: overrides the endpoint of both APIs; None means the regions choose.
    :param connect_timeout: seconds, 0 < x <= 300.
    :param read_timeout: seconds, 0 < x <= 300.
    """

    credentials: Credentials = field(repr=False)
    endpoint: str | None = None
    region_id: str | None = None
    globe_region_id: str | None = None
    sign_name: str | None = None
    sender_id: str | None = None
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    read_timeout: float = DEFAULT_READ_TIMEOUT


def read_settings(connection: Connection) -> ConnectionSettings:
    """
    Read a connection of type ``aliyun_sms``; no network, no masking.

    :raises CredentialsError: the AccessKey ID or the secret is missing or malformed.
    :raises ConfigurationError: another field is wrong. No message repeats a value.
    """
    extra = _extra(connection)
    return ConnectionSettings(
        credentials=_credentials(connection, security_token=_text(extra, "security_token")),
        endpoint=_endpoint(connection),
        region_id=_text(extra, "region_id"),
        globe_region_id=_text(extra, "globe_region_id"),
        sign_name=_text(extra, "sign_name"),
        sender_id=_text(extra, "sender_id"),
        connect_timeout=_seconds(extra, "connect_timeout", default=DEFAULT_CONNECT_TIMEOUT),
        read_timeout=_seconds(extra, "read_timeout", default=DEFAULT_READ_TIMEOUT),
    )


def _credentials(connection: Connection, *, security_token: str | None) -> Credentials:
    key_id = (connection.login or "").strip()
    secret = (connection.password or "").strip()
    missing = [
        name
        for name, value in (("AccessKey ID (login)", key_id), ("AccessKey secret (password)", secret))
        if not value
    ]
    if missing:
        raise CredentialsError(
            f"The connection {connection.conn_id!r} has no {' and no '.join(missing)}.",
            advice=(
                "Create an AccessKey for a RAM user that may send SMS, and put its ID into the login "
                "and its secret into the password of the connection."
            ),
        )
    return Credentials(access_key_id=key_id, access_key_secret=secret, security_token=security_token)


def _extra(connection: Connection) -> dict[str, Any]:
    # not by extra_dejson: that turns broken JSON into an empty extra, and the token in it is lost silently
    if not connection.extra:
        return {}
    try:
        extra = json.loads(connection.extra)
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        # "from None": the error of the parser would carry the text along
        raise ConfigurationError(
            f"The extra of the connection {connection.conn_id!r} is not a JSON object.",
            advice='Write it like {"region_id": "cn-hangzhou"}.',
        ) from None
    if unknown := sorted(extra.keys() - EXTRA_FIELDS):
        log.debug("Ignoring unknown fields in the extra of connection %s: %s", connection.conn_id, unknown)
    return extra


def _endpoint(connection: Connection) -> str | None:
    host = (connection.host or "").strip()
    if not host:
        if connection.port:
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


def _text(extra: dict[str, Any], name: str) -> str | None:
    value = extra.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong(name, expected="a text", value=value)
    return value.strip() or None


def _seconds(extra: dict[str, Any], name: str, *, default: float) -> float:
    """A connection given as a URI knows texts only, so "5" counts as 5."""
    value = extra.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _wrong(name, expected="a number of seconds", value=value)
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        raise _wrong(name, expected="a number of seconds", value=value) from None
    if not (math.isfinite(seconds) and 0 < seconds <= MAX_TIMEOUT):
        raise ConfigurationError(
            f"{name} in the extra of the connection must be more than 0 and at most {MAX_TIMEOUT:g} seconds.",
            advice=f"Correct it, or leave it out for the default of {default:g} seconds.",
        )
    return seconds


def _wrong(name: str, *, expected: str, value: object) -> ConfigurationError:
    return ConfigurationError(
        f"{name} in the extra of the connection must be {expected}, not {type(value).__name__}.",
        advice="Correct it, or leave it out.",
    )
