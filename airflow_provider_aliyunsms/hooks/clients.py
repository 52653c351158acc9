# SPDX-License-Identifier: Apache-2.0
"""
Make API clients from the settings of a connection.

Hook, trigger, notifier and connection test all use this module, so that they treat a connection alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.endpoints import china_endpoint, globe_endpoint
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.api.vendor_credentials import VendorCredentials

MAX_CONNECTIONS = 64
"""Connections that a client keeps: as many as an operator may have calls in flight."""

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
    Return an API client for the settings of a connection; makes no network call.

    :param credentials: the provider to use instead of the one the settings ask for.
    :param transport: the connection pool to use instead of a new one.
    :param read_retries: how read calls are repeated; None for the default.
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
    Return the provider that is asked for credentials before every signature; makes no network call.

    :raises CredentialsError: the package for this kind of credentials is missing, or a field that it needs.
    """
    if isinstance(settings.credentials, Credentials):
        return static_credentials(settings.credentials)
    return VendorCredentials(settings.credentials)


def china_endpoint_for(settings: ConnectionSettings) -> Endpoint:
    """
    Return the endpoint of the China API.

    :raises ConfigurationError: the endpoint or the region is malformed.
    """
    return china_endpoint(region_id=settings.region_id, override=settings.endpoint)


def transport_for(settings: ConnectionSettings) -> Transport:
    """Return a new connection pool with the timeouts of the settings; opens no connection yet."""
    return Transport(
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        pool_size=MAX_CONNECTIONS,
    )
