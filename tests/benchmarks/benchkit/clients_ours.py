# SPDX-License-Identifier: Apache-2.0
"""This package's client; apart from the others, whose imports would count as its memory."""

from __future__ import annotations

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.endpoints import parse_endpoint
from airflow_provider_aliyunsms.api.transport import Transport


def our_client(url):
    """Return the client of this package."""
    endpoint = parse_endpoint(url)
    return AliyunSmsClient(
        credentials=static_credentials(Credentials(access_key_id="testid", access_key_secret="testsecret")),
        china=endpoint,
        globe=endpoint,
        transport=Transport(),
    )
