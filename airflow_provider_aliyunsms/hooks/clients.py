# SPDX-License-Identifier: Apache-2.0
"""From settings to a client: the one builder behind the hook and the trigger, so that they cannot drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.endpoints import china_endpoint, globe_endpoint
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.api.vendor_credentials import VendorCredentials

MAX_CONNECTIONS = 64
"""As many as an operator may have calls in flight."""

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.api.credentials import CredentialsProvider
    from airflow_provider_aliyunsms.api.endpoints import Endpoint
    from airflow_provider_aliyunsms.api.retrying import ReadRetries
    from airflow_provider_aliyunsms.hooks.settings import ConnectionSettings


def client_for(
    settings: ConnectionSettings,
    *,
    credentials: CredentialsProvider | None = None,
    transport: Transport | None = None,
    read_retries: ReadRetries | None = None,
) -> AliyunSmsClient:
    """
    Make a client from settings.

    :param credentials: used instead of what the settings say.
    :param transport: used instead of a new one.
    :param read_retries: how read calls are repeated, if not as usual.
    :raises ConfigurationError: an endpoint or a region is malformed.
    :raises CredentialsError: the package for this kind of credentials is missing.
    """
    return AliyunSmsClient(
        credentials=credentials or provider_for(settings),
        china=china_endpoint_for(settings),
        globe=globe_endpoint(region_id=settings.globe_region_id, override=settings.endpoint),
        transport=transport or transport_for(settings),
        read_retries=read_retries,
    )


def provider_for(settings: ConnectionSettings) -> CredentialsProvider:
    """
    Make what is asked before every signature; no network.

    :raises CredentialsError: the package for this kind of credentials is missing, or a field of it is.
    """
    if isinstance(settings.credentials, Credentials):
        return static_credentials(settings.credentials)
    return VendorCredentials(settings.credentials)


def china_endpoint_for(settings: ConnectionSettings) -> Endpoint:
    """
    Choose the endpoint of the China API.

    :raises ConfigurationError: the endpoint or the region is malformed.
    """
    return china_endpoint(region_id=settings.region_id, override=settings.endpoint)


def transport_for(settings: ConnectionSettings) -> Transport:
    """Make the connection pool a client sends through."""
    return Transport(
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        pool_size=MAX_CONNECTIONS,
    )
