# SPDX-License-Identifier: Apache-2.0
"""
The links of a send task: to the SMS console, and to the receipts.

Airflow asks for them when a try has ended. They are made of what the task left in its XCom, never of its arguments,
and no failure leaves them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey

log = logging.getLogger(__name__)

CHINA_CONSOLE: Final = "https://dysms.console.aliyun.com/record"
GLOBE_CONSOLE: Final = "https://sms-intl.console.aliyun.com/overview"
_WHERE_RECEIPTS_ARE: Final = ("return_value", "campaign")


class AliyunSmsConsoleLink(BaseOperatorLink):
    """The record page of the SMS console for China; it has no address for a single campaign."""

    name = "SMS console"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Give the address of the page."""
        return CHINA_CONSOLE


class AliyunSmsGlobeConsoleLink(BaseOperatorLink):
    """The console of the international product, whose record page has no address of its own."""

    name = "SMS console"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Give the address of the page."""
        return GLOBE_CONSOLE


class AliyunSmsReceiptsLink(BaseOperatorLink):
    """The receipts file, in the browser's view of its storage where there is one; no link while there is no file."""

    name = "Receipts"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Give the address of the file, an empty text when the task left none."""
        try:
            for key in _keys(operator):
                summary = XCom.get_value(key=key, ti_key=ti_key)
                if isinstance(summary, dict):
                    return receipts_url(str(path)) if (path := summary.get("receipts_path")) else ""
        except Exception as error:  # noqa: BLE001 - a link that fails would fail the page, or the task's end
            log.warning("The link to the receipts cannot be made (%s).", type(error).__name__)
        return ""


def _keys(operator: Any) -> tuple[str, ...]:
    """
    Say where to look; Airflow logs an error for each XCom that is not there.

    At the end of a try it passes the operator that ran, which knows what it left; the one of the stored DAG does not.
    """
    key = getattr(operator, "summary_key", None)
    if key is None:
        return _WHERE_RECEIPTS_ARE
    return (key,) if key else ()


def receipts_url(path: str) -> str:
    """
    Turn a path or URI into what a browser can open, without the connection id or user name in it.

    :return: an empty text for a scheme that is not known to be harmless.
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
