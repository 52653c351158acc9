# SPDX-License-Identifier: Apache-2.0
"""
Which credentials a connection asks for.

Whoever may edit a connection must not be able to send a secret elsewhere: STS is asked under aliyuncs.com only,
and a credentials URI travels in plain text to this machine only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from airflow_provider_aliyunsms.api.credentials import Credentials
from airflow_provider_aliyunsms.api.endpoints import is_loopback
from airflow_provider_aliyunsms.api.vendor_credentials import Recipe
from airflow_provider_aliyunsms.exceptions import ConfigurationError, CredentialsError
from airflow_provider_aliyunsms.hooks.extras import flag, text, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.providers.common.compat.sdk import Connection

OFFICIAL_CONN_TYPE: Final = "alibaba_cloud"
DEFAULT_TYPE: Final = "access_key"

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
    Say which of :data:`CREDENTIAL_TYPES` is asked for; nothing means an AccessKey.

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
) -> Credentials | Recipe:
    """
    Read what requests are signed with, or the recipe for it; no network.

    Fields that belong to another type are not read.

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
    return Recipe(
        credential_type=credential_type,
        access_key=_access_key(connection, extra) if credential_type == "ram_role_arn" else None,
        options=tuple((name, value) for name, value in values if value is not None),
    )


def _access_key(connection: Connection, extra: dict[str, Any]) -> Credentials:
    # The official provider keeps its AccessKey in the extra, and nothing in login and password.
    official = connection.conn_type == OFFICIAL_CONN_TYPE
    if official and text(extra, "auth_type") not in (None, "AK"):
        raise CredentialsError(
            f"The connection {connection.conn_id!r} of type {OFFICIAL_CONN_TYPE} holds no AccessKey.",
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
                "Create an AccessKey for a RAM user that may send SMS, and put its ID into the login "
                "and its secret into the password of the connection."
            ),
        )
    return Credentials(
        access_key_id=key_id, access_key_secret=secret, security_token=text(extra, "security_token")
    )
