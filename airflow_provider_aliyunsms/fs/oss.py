# SPDX-License-Identifier: Apache-2.0
"""
Make ``oss://`` known to Airflow, with the AccessKey of a connection.

Airflow knows storages by the installed providers that name them, and at present no other one names OSS. Should its
official provider for Alibaba Cloud do so one day, Airflow takes the module whose name sorts last, which is this one,
and warns in its log. Should another one win, and its storage not know conditional writes as
:class:`~airflow_provider_aliyunsms.fs.oss_storage.OssStorage` does, the ledger refuses it before anything is sent.

Airflow imports this module whenever a path is opened, so ossfs is imported at the first use of OSS only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.api.endpoints import parse_endpoint
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.hooks.settings import OFFICIAL_CONN_TYPE, OSS_CONN_TYPE, read_extra, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_aliyunsms.api.endpoints import Endpoint
    from airflow_provider_aliyunsms.fs.oss_storage import OssStorage

schemes: Final = ["oss"]
"""Read by Airflow."""

_KINDS: Final = ("aliyun_sms", OFFICIAL_CONN_TYPE, OSS_CONN_TYPE)
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")
_OFFICIAL_HOST: Final = re.compile(
    # The endpoints of transfer acceleration serve every region, and name none.
    r"oss-(?!accelerate)(?P<region>[a-z]{2,}(?:-[a-z0-9]+)+?)(?:-internal)?\.aliyuncs\.com"
)
_ON_THIS_MACHINE: Final = "cn-hangzhou"
_ADVICE: Final = (
    "Write it like https://oss-cn-hangzhou.aliyuncs.com, or name the region of the bucket instead."
)


def get_fs(conn_id: str | None, storage_options: Mapping[str, Any] | None = None) -> OssStorage:
    """
    Return the storage behind ``oss://conn_id@bucket/key``; makes no network call.

    :param conn_id: a connection of type ``aliyun_sms``, or ``oss`` or ``alibaba_cloud`` of Airflow's official
        provider; None for ``aliyun_sms_default``.
    :param storage_options: ``default_block_size`` and ``default_cache_type`` of fsspec.
    :raises CredentialsError: the connection has no usable AccessKey.
    :raises ConfigurationError: ossfs is not installed, or the connection does not say where the bucket is.
    """
    from airflow_provider_aliyunsms.hooks.aliyun_sms import AliyunSmsHook

    hook = AliyunSmsHook(aliyun_sms_conn_id=conn_id or AliyunSmsHook.default_conn_name)
    connection = hook.connection
    if connection.conn_type not in _KINDS:
        raise ConfigurationError(
            f"The connection {connection.conn_id!r} of type {connection.conn_type} holds no AccessKey for OSS.",
            advice=f"Name one of type {', '.join(_KINDS)}: oss://conn_id@bucket/key.",
        )
    endpoint, region = oss_place(connection)
    provider = hook.credentials_provider
    try:
        from airflow_provider_aliyunsms.fs.oss_storage import OssStorage
    except ImportError:
        raise ConfigurationError(
            "oss:// needs the package ossfs, which is not installed.",
            advice='Install it: pip install "airflow-provider-aliyunsms[oss]".',
        ) from None
    return OssStorage(endpoint=endpoint.url, region=region, provider=provider, **(storage_options or {}))


def oss_place(connection: Connection) -> tuple[Endpoint, str]:
    """
    Return the endpoint of a connection's buckets and their region, which is part of every signature.

    An explicit endpoint counts before the region: it may be an internal one, or be elsewhere than the SMS API.

    :raises ConfigurationError: there is neither, one is malformed, or the endpoint does not tell its region.
    """
    extra = read_extra(connection)
    official = connection.conn_type == OSS_CONN_TYPE
    given = text(extra, "oss_endpoint") or (text(extra, "endpoint") if official else None)
    named = (text(extra, "region" if official else "region_id") or "").lower()
    if named and not _REGION.fullmatch(named):
        raise ConfigurationError("The region id is malformed.", advice="Write it like cn-hangzhou.")
    if given is None and not named:
        raise ConfigurationError(
            f"The connection {connection.conn_id!r} does not say where the bucket is.",
            advice="Set region_id, such as cn-hangzhou, or oss_endpoint in its extra.",
        )
    endpoint = _parsed(given or f"https://oss-{named}.aliyuncs.com")
    region = _region_of(endpoint) or named
    if not region:
        raise ConfigurationError(
            "The endpoint of OSS does not tell its region.",
            advice="Set region_id in the extra of the connection, too: the region is part of every signature.",
        )
    return endpoint, region


def _parsed(given: str) -> Endpoint:
    try:
        return parse_endpoint(given)
    except ConfigurationError as error:
        problem = error.message
    # Outside the except clause: the advice of the first error is that for the SMS API.
    raise ConfigurationError(f"oss_endpoint cannot be used. {problem}", advice=_ADVICE)


def _region_of(endpoint: Endpoint) -> str | None:
    found = _OFFICIAL_HOST.fullmatch(endpoint.host)
    if found is not None:
        return found["region"]
    # A server on this machine is none of Alibaba Cloud's, and has no region.
    return _ON_THIS_MACHINE if endpoint.scheme == "http" else None
