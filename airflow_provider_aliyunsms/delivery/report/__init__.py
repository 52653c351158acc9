# SPDX-License-Identifier: Apache-2.0
"""
Report on a campaign: one JSON object and one HTML page for the person who answers for it.

The input is what the send tasks and the delivery sensors left as XCom. The output holds counts, codes and times; no
number, text or variable. :func:`campaign_report` makes the object, :func:`report_page` the page from it.

``report`` computes every figure; ``page`` lays them out, with ``plot`` for the course of the delivery. Another figure
is computed in ``report``, so that the object has it, and shown by ``page``.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.delivery.report.page import report_page
from airflow_provider_aliyunsms.delivery.report.report import campaign_report, latest_of_each

__all__ = ["campaign_report", "latest_of_each", "report_page"]
