# SPDX-License-Identifier: Apache-2.0
"""
Tell Airflow of the page *SMS campaigns*.

Every component of Airflow imports this module at its start, so it does nothing but name things. Before Airflow 3.1
there is no page, and the plugin offers nothing.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import airflow
from airflow.providers.common.compat.sdk import AirflowPlugin, conf

from airflow_provider_aliyunsms.ui.lazy_app import LazyApp

URL_PREFIX = "/aliyun-sms"
"""Where the API server mounts the page, below its own address."""

FIRST_VERSION = (3, 1)
"""The first Airflow that shows pages of plugins in its UI."""


def is_offered(version: str) -> bool:
    """Return whether an Airflow of this version shows pages of plugins, and the deployment wants this one."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < FIRST_VERSION:
        return False
    return bool(conf.getboolean("aliyun_sms", "campaign_page", fallback=True))


def views(base_url: str) -> list[dict[str, Any]]:
    """
    Return the entry in the navigation and the tabs.

    Airflow fills in the placeholders. That of the map index stays as it is for a task that is not mapped.

    :param base_url: ``[api] base_url``; its path is in front of every address.
    """
    page = f"{urlsplit(base_url).path.rstrip('/')}{URL_PREFIX}/"
    run = "?dag_id={DAG_ID}&run_id={RUN_ID}"
    places = (
        ("nav", "SMS campaigns", ""),
        ("dag", "SMS", "?dag_id={DAG_ID}"),
        ("dag_run", "SMS", run),
        ("task_instance", "SMS", f"{run}&task_id={{TASK_ID}}&map_index={{MAP_INDEX}}"),
    )
    return [
        {
            "name": name,
            "href": f"{page}{query}",
            "destination": destination,
            "url_route": "sms-campaigns" if destination == "nav" else f"sms-{destination.replace('_', '-')}",
            **({"category": "browse"} if destination == "nav" else {}),
        }
        for destination, name, query in places
    ]


class AliyunSmsPlugin(AirflowPlugin):
    """The page, its tabs and the application behind them."""

    name = "aliyun_sms"
    if is_offered(airflow.__version__):
        fastapi_apps = [
            {
                "app": LazyApp("airflow_provider_aliyunsms.ui.app"),
                "url_prefix": URL_PREFIX,
                "name": "SMS campaigns",
            }
        ]
        external_views = views(conf.get("api", "base_url", fallback=""))
