# SPDX-License-Identifier: Apache-2.0
"""
Provide the links of a send task: to the campaign page of this Airflow, to the SMS console and to the receipts.

Airflow asks for the links when a try has ended. The link to the receipts is made from the summary that the task left
in its XCom, never from the task's arguments. A link that cannot be made is an empty text; it raises nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom, conf

from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey

log = logging.getLogger(__name__)

CHINA_CONSOLE: Final = "https://dysms.console.aliyun.com/record"
GLOBE_CONSOLE: Final = "https://sms-intl.console.aliyun.com/overview"
_PAGE_SINCE: Final = (3, 1)
_WHERE_RECEIPTS_ARE: Final = ("return_value", "campaign")


class AliyunSmsConsoleLink(BaseOperatorLink):
    """Link to the record page of the SMS console for China; a single campaign has no page of its own."""

    name = "SMS console"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address of the console page, the same for every task."""
        return CHINA_CONSOLE


class AliyunSmsGlobeConsoleLink(BaseOperatorLink):
    """Link to the console of the international product; its record page has no address of its own."""

    name = "SMS console"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address of the console page, the same for every task."""
        return GLOBE_CONSOLE


class AliyunSmsCampaignLink(BaseOperatorLink):
    """Link to the campaign page of this Airflow; there is none before Airflow 3.1."""

    name = "Campaign"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address of the page on this Airflow, an empty text where it has none."""
        try:
            return campaign_page(ti_key)
        except Exception as error:  # noqa: BLE001 - a link that fails would fail the page, or the task's end
            say(log, logging.WARNING, "The link to the campaign cannot be made (%s).", type(error).__name__)
        return ""


class AliyunSmsReceiptsLink(BaseOperatorLink):
    """
    Link to the receipts of a campaign.

    Storages with a web console get the address of the file there. A file on a worker's disk can be opened by no
    browser: there the campaign page shows the receipts masked, from Airflow 3.1 on. Without a receipts file there is
    no link.
    """

    name = "Receipts"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address of the receipts file, or an empty text when the task left none."""
        try:
            for key in _keys(operator):
                summary = XCom.get_value(key=key, ti_key=ti_key)
                if isinstance(summary, dict):
                    path = summary.get("receipts_path")
                    return _receipts_link(str(path), ti_key) if path else ""
        except Exception as error:  # noqa: BLE001 - a link that fails would fail the page, or the task's end
            say(log, logging.WARNING, "The link to the receipts cannot be made (%s).", type(error).__name__)
        return ""


def _keys(operator: Any) -> tuple[str, ...]:
    """
    Return the XCom keys under which the summary may be found, in the order to try.

    No key is tried without need, because Airflow logs an error for each XCom that does not exist. At the end of a try
    Airflow passes the operator that ran, which knows its key; the operator of a stored DAG does not.
    """
    key = getattr(operator, "summary_key", None)
    if key is None:
        return _WHERE_RECEIPTS_ARE
    return (key,) if key else ()


def campaign_page(ti_key: TaskInstanceKey) -> str:
    """
    Return the address of a task instance on the campaign page; empty before Airflow 3.1, or where it is switched off.

    Below ``[api] base_url`` where the worker knows it, else relative to the host that shows the link.
    """
    if tuple(int(part) for part in airflow_version.split(".")[:2]) < _PAGE_SINCE:
        return ""
    if not conf.getboolean("aliyun_sms", "campaign_page", fallback=True):
        return ""
    map_index = ti_key.map_index
    query = {
        "dag_id": ti_key.dag_id,
        "run_id": ti_key.run_id,
        "task_id": ti_key.task_id,
        "map_index": -1 if map_index is None else map_index,
    }
    base = (conf.get("api", "base_url", fallback="") or "").rstrip("/")
    return f"{base}/aliyun-sms/?{urlencode(query)}"


def _receipts_link(path: str, ti_key: TaskInstanceKey) -> str:
    is_local = path.startswith("/") or urlsplit(path).scheme in ("file", "local")
    return (campaign_page(ti_key) if is_local else "") or receipts_url(path)


def receipts_url(path: str) -> str:
    """
    Return the address at which a browser can open a path or URI, without its connection id or user name.

    :param path: an absolute local path, or a URI such as ``s3://conn_id@bucket/key.csv``.
    :returns: an empty text for a scheme that is not known to be harmless.
    """
    if path.startswith("/"):
        return f"file://{quote(path)}"
    parts = urlsplit(path)
    bucket, key = parts.netloc.rpartition("@")[2], quote(parts.path.lstrip("/"))
    if parts.scheme in ("s3", "s3a", "s3n"):
        return f"https://s3.console.aws.amazon.com/s3/object/{bucket}?prefix={key}"
    if parts.scheme in ("gs", "gcs"):
        return f"https://console.cloud.google.com/storage/browser/_details/{bucket}/{key}"
    if parts.scheme in ("http", "https", "oss", "file", "abfs", "abfss", "hdfs"):
        return f"{parts.scheme}://{bucket}/{key}"
    return ""
