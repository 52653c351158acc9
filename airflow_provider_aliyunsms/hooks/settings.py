# SPDX-License-Identifier: Apache-2.0
"""
Read an Airflow connection and check it field by field.

Only the fields named here are read: a user who may edit connections must not be able to set options that the author
of the DAG did not ask for.
"""

from __future__ import annotations

import json
import logging
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from airflow_provider_aliyunsms.api.credentials import Credentials
from airflow_provider_aliyunsms.api.endpoints import is_loopback
from airflow_provider_aliyunsms.api.vendor_credentials import CredentialsConfig
from airflow_provider_aliyunsms.exceptions import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Connection


log = logging.getLogger(__name__)

MAX_TIMEOUT: Final = 300.0
"""Seconds; the longest timeout a connection may set."""

MAX_QPS: Final = 100_000.0
"""Calls a second; the largest limit of an account that a connection may name."""

_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read_extra(connection: Connection) -> dict[str, Any]:
    """
    Return the extra of a connection as a dictionary; an empty one when there is no extra.

    :raises ConfigurationError: it is not a JSON object.
    """
    # Not by extra_dejson: it turns broken JSON into an empty extra, and a token in it would be lost silently.
    if not connection.extra:
        return {}
    try:
        extra = json.loads(connection.extra)
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        # "from None": the parser's error holds the text of the extra, which can hold a token.
        raise ConfigurationError(
            f"The extra of the connection {connection.conn_id!r} is not a JSON object.",
            advice='Write it like {"region_id": "cn-hangzhou"}.',
        ) from None
    return extra


def text(extra: dict[str, Any], name: str) -> str | None:
    """
    Return a text field of the extra, without blanks around it; None when it is missing or blank.

    :raises ConfigurationError: it is not a text.
    """
    value = extra.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(name, expected="a text", value=value)
    return value.strip() or None


def flag(extra: dict[str, Any], name: str) -> bool | None:
    """
    Return a yes-or-no field of the extra, given as JSON or as text; None when it is missing or empty.

    :raises ConfigurationError: it is anything else.
    """
    value = extra.get(name)
    if value is None or value == "":
        return None
    known = value if isinstance(value, bool) else _FLAGS.get(str(value).strip().lower())
    if known is None:
        raise wrong(name, expected="true or false", value=value)
    return known


def whole_number(extra: dict[str, Any], name: str, *, low: int, high: int) -> int | None:
    """
    Return a field of the extra that is a whole number; None when it is missing or empty.

    A connection given as a URI has texts only, so "900" counts as 900.

    :param low: the smallest allowed number.
    :param high: the largest allowed number.
    :raises ConfigurationError: it is not a whole number, or out of range.
    """
    value = extra.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise wrong(name, expected="a whole number", value=value)
    try:
        number = int(value)
    except ValueError:
        raise wrong(name, expected="a whole number", value=value) from None
    if not low <= number <= high:
        raise ConfigurationError(
            f"{name} in the extra of the connection must be from {low} to {high}.",
            advice="Correct it, or leave it out.",
        )
    return number


def seconds(extra: dict[str, Any], name: str, *, default: float) -> float:
    """
    Return a field of the extra that is a duration in seconds; the default when it is missing or empty.

    A connection given as a URI has texts only, so "5" counts as 5.

    :raises ConfigurationError: it is not a number, not above 0, or above :data:`MAX_TIMEOUT`.
    """
    duration = _number(extra, name, expected="a number of seconds")
    if duration is None:
        return default
    if not (math.isfinite(duration) and 0 < duration <= MAX_TIMEOUT):
        raise ConfigurationError(
            f"{name} in the extra of the connection must be more than 0 and at most {MAX_TIMEOUT:g} seconds.",
            advice=f"Correct it, or leave it out for the default of {default:g} seconds.",
        )
    return duration


def qps(extra: dict[str, Any], name: str) -> float | None:
    """
    Return a field of the extra that is a number of calls a second; None when it is missing or empty.

    :raises ConfigurationError: it is not a number, or not above 0 and at most :data:`MAX_QPS`.
    """
    calls = _number(extra, name, expected="a number of calls a second")
    if calls is not None and not 0 < calls <= MAX_QPS:
        raise ConfigurationError(
            f"{name} in the extra of the connection must be more than 0 and at most {MAX_QPS:g}.",
            advice="Give the calls a second that Alibaba Cloud allows the account, or leave it out.",
        )
    return calls


def _number(extra: dict[str, Any], name: str, *, expected: str) -> float | None:
    value = extra.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise wrong(name, expected=expected, value=value)
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise wrong(name, expected=expected, value=value) from None


def wrong(name: str, *, expected: str, value: object) -> ConfigurationError:
    """Return the error for a field of the wrong type; it names the type, never the value."""
    return ConfigurationError(
        f"{name} in the extra of the connection must be {expected}, not {type(value).__name__}.",
        advice="Correct it, or leave it out.",
    )


OFFICIAL_CONN_TYPE: Final = "alibaba_cloud"
"""The connection type of Airflow's official provider for Alibaba Cloud."""

OSS_CONN_TYPE: Final = "oss"
"""The type of its connections to OSS, which keep the AccessKey in the same place."""

DEFAULT_TYPE: Final = "access_key"
"""The ``credential_type`` of a connection that names none."""

_STS_HOST: Final = re.compile(r"sts(-vpc)?(\.[a-z0-9-]+)?\.aliyuncs\.com")


def _duration(extra: dict[str, Any], name: str) -> int | None:
    return whole_number(extra, name, low=900, high=43200)


def _sts_endpoint(extra: dict[str, Any], name: str) -> str | None:
    host = text(extra, name)
    if host is not None and not _STS_HOST.fullmatch(host.lower()):
        raise ConfigurationError(
            f"{name} in the extra of the connection is not a host of STS.",
            advice="Write it like sts.cn-hangzhou.aliyuncs.com, or leave it out.",
        )
    return host


def _credentials_uri(extra: dict[str, Any], name: str) -> str | None:
    uri = text(extra, name)
    if uri is None:
        return None
    try:
        parts = urlsplit(uri)
        allowed = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    except ValueError:
        allowed = False
    if not allowed or not parts.hostname or "@" in parts.netloc:
        raise ConfigurationError(
            f"{name} in the extra of the connection must be an https URL, or http on this machine.",
            advice="Write it like http://127.0.0.1:8080/credentials, without user name and password.",
        )
    return uri


Reader: TypeAlias = "Callable[[dict[str, Any], str], str | int | bool | None]"
"""Reads and checks one field of the extra by its name; returns None when it is missing."""

_ROLE: Final[dict[str, Reader]] = {
    "role_arn": text,
    "role_session_name": text,
    "role_session_expiration": _duration,
    "policy": text,
    "sts_endpoint": _sts_endpoint,
}
_FIELDS: Final[dict[str, dict[str, Reader]]] = {
    "ram_role_arn": {**_ROLE, "external_id": text},
    "oidc_role_arn": {**_ROLE, "oidc_provider_arn": text, "oidc_token_file_path": text},
    "ecs_ram_role": {"role_name": text, "disable_imds_v1": flag},
    "credentials_uri": {"credentials_uri": _credentials_uri},
    "default": {},
}
CREDENTIAL_TYPES: Final = (DEFAULT_TYPE, "sts", *_FIELDS)
CREDENTIAL_FIELDS: Final = frozenset(
    {"credential_type", "security_token"} | {name for fields in _FIELDS.values() for name in fields}
)


def read_credential_type(extra: dict[str, Any]) -> str:
    """
    Return which of :data:`CREDENTIAL_TYPES` the extra asks for; an AccessKey when it names none.

    :raises ConfigurationError: it is none of them.
    """
    chosen = (text(extra, "credential_type") or DEFAULT_TYPE).lower()
    if chosen not in CREDENTIAL_TYPES:
        raise ConfigurationError(
            "credential_type in the extra of the connection is none that is known.",
            advice=f"Use one of {', '.join(CREDENTIAL_TYPES)}.",
        )
    return chosen


def read_credentials(
    connection: Connection, extra: dict[str, Any], *, credential_type: str
) -> Credentials | CredentialsConfig:
    """
    Return the AccessKey of a connection, or the settings with which credentials are fetched; makes no network call.

    Fields that belong to another type of credentials are not read.

    :param extra: the connection's extra, from :func:`read_extra`.
    :param credential_type: one of :data:`CREDENTIAL_TYPES`.
    :raises CredentialsError: the AccessKey ID, the secret or the token is missing or malformed.
    :raises ConfigurationError: another field is wrong.
    """
    fields = _FIELDS.get(credential_type)
    if fields is None:
        access_key = _access_key(connection, extra)
        if credential_type == "sts" and access_key.security_token is None:
            raise CredentialsError(
                f"The connection {connection.conn_id!r} has no security_token in its extra.",
                advice="Fill it in, or choose another credential_type.",
            )
        return access_key
    values = ((name, read(extra, name)) for name, read in fields.items())
    return CredentialsConfig(
        credential_type=credential_type,
        access_key=_access_key(connection, extra) if credential_type == "ram_role_arn" else None,
        options=tuple((name, value) for name, value in values if value is not None),
    )


def _access_key(connection: Connection, extra: dict[str, Any]) -> Credentials:
    # The official provider keeps its AccessKey in the extra and leaves login and password empty.
    official = connection.conn_type in (OFFICIAL_CONN_TYPE, OSS_CONN_TYPE)
    if official and text(extra, "auth_type") not in (None, "AK"):
        raise CredentialsError(
            f"The connection {connection.conn_id!r} of type {connection.conn_type} holds no AccessKey.",
            advice="Only auth_type AK can be used here. For a role make a connection of type aliyun_sms.",
        )
    stored = extra if official else {}
    key_id = text(stored, "access_key_id") or (connection.login or "").strip()
    secret = text(stored, "access_key_secret") or (connection.password or "").strip()
    names = (
        ("access_key_id (extra)", "access_key_secret (extra)")
        if official
        else ("AccessKey ID (login)", "AccessKey secret (password)")
    )
    missing = [name for name, value in zip(names, (key_id, secret), strict=True) if not value]
    if missing:
        raise CredentialsError(
            f"The connection {connection.conn_id!r} has no {' and no '.join(missing)}.",
            advice=(
                "Create an AccessKey for a RAM user that may send SMS, or for OSS may read and write the bucket, and "
                "put its ID and its secret into these fields of the connection."
            ),
        )
    return Credentials(
        access_key_id=key_id, access_key_secret=secret, security_token=text(extra, "security_token")
    )


DEFAULT_CONNECT_TIMEOUT: Final = 5.0
DEFAULT_READ_TIMEOUT: Final = 10.0
_HTTPS_PORT: Final = 443
"""
The one port a connection without a host may have.

It is the default endpoint's own port, and some versions of Airflow test a saved connection only if it has a port.
"""

EXTRA_FIELDS: Final = CREDENTIAL_FIELDS | {
    "region_id",
    "globe_region_id",
    "sign_name",
    "sender_id",
    "alert_phone_numbers",
    "connect_timeout",
    "read_timeout",
    "ledger_secret",
    "oss_endpoint",
    "pace_conn_id",
    "china_qps",
    "globe_qps",
    "query_qps",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """
    The checked fields of one connection.

    :param credentials: an AccessKey, or the settings with which credentials that renew themselves are fetched.
    :param credential_type: which kind of credentials the connection asks for.
    :param endpoint: overrides the endpoint of both APIs; None means that the regions choose.
    :param region_id: chooses the endpoint of the China API; None for the default.
    :param globe_region_id: chooses the endpoint of the Globe API; None for the default.
    :param sign_name: the default SMS signature, for the China API.
    :param sender_id: the default sender ID, for the Globe API.
    :param alert_phone_numbers: the numbers of alerts that name none, with commas between them.
    :param connect_timeout: seconds, 0 < x <= 300.
    :param read_timeout: seconds, 0 < x <= 300.
    :param ledger_secret: mixed into the hashes by which a ledger knows recipients; None for none.
    :param oss_endpoint: where the buckets of ``oss://`` paths are; None for the endpoint of ``region_id``.
    :param pace_conn_id: the connection to Redis by which all tasks share the limits below; None if each keeps them by
        itself.
    :param china_qps: calls a second of the account to the China API; None for no limit.
    :param globe_qps: the same to the Globe API; None for the operator's own limit.
    :param query_qps: queries a second of the account to each of the two calls that ask what became of messages; None
        for no limit.
    """

    credentials: Credentials | CredentialsConfig = field(repr=False)
    credential_type: str = DEFAULT_TYPE
    endpoint: str | None = None
    region_id: str | None = None
    globe_region_id: str | None = None
    sign_name: str | None = None
    sender_id: str | None = None
    alert_phone_numbers: str | None = field(default=None, repr=False)
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    read_timeout: float = DEFAULT_READ_TIMEOUT
    ledger_secret: str | None = field(default=None, repr=False)
    oss_endpoint: str | None = None
    pace_conn_id: str | None = None
    china_qps: float | None = None
    globe_qps: float | None = None
    query_qps: float | None = None


def read_settings(connection: Connection) -> ConnectionSettings:
    """
    Return the checked fields of a connection.

    Its type is ``aliyun_sms``, or ``alibaba_cloud`` of Airflow's official provider. Makes no network call, and masks
    nothing in the logs.

    :raises CredentialsError: the AccessKey ID, the secret or the token is missing or malformed.
    :raises ConfigurationError: another field is wrong. No error text repeats a value.
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
        alert_phone_numbers=text(extra, "alert_phone_numbers"),
        connect_timeout=seconds(extra, "connect_timeout", default=DEFAULT_CONNECT_TIMEOUT),
        read_timeout=seconds(extra, "read_timeout", default=DEFAULT_READ_TIMEOUT),
        ledger_secret=text(extra, "ledger_secret"),
        oss_endpoint=text(extra, "oss_endpoint"),
        pace_conn_id=text(extra, "pace_conn_id"),
        china_qps=qps(extra, "china_qps"),
        globe_qps=qps(extra, "globe_qps"),
        query_qps=qps(extra, "query_qps"),
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
    except ValueError:  # malformed; parse_endpoint reports it later
        return False
