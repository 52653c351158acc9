# SPDX-License-Identifier: Apache-2.0
"""A client from a connection, without a hook around it."""

from __future__ import annotations

from airflow_provider_aliyunsms.hooks.clients import client_for
from airflow_provider_aliyunsms.hooks.settings import read_settings


def build_client(connection):
    """Make a client as the hook and the trigger do."""
    return client_for(read_settings(connection))
