# SPDX-License-Identifier: Apache-2.0
"""
Describe an audience before anything is sent: how many rows, what is rejected, what a message will cost.

The input is a loaded spool and the facts that the source gathered while it was read. The output is one
:class:`AudienceReport`: format, columns and which of them are variables, rows, rejected rows by code and column with
their first lines, duplicates, and the parts that are billed if the text is known. It holds no number, text or value.

* ``report`` makes it, writes it as lines for a log or a screen, and gives its key figures for a result.
* ``parts`` counts the parts of a text.
* ``preview`` is the command ``python -m airflow_provider_aliyunsms.audience``: it reads a file as an operator would
  and prints the report, and sends nothing.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.report.parts import PartsCount
from airflow_provider_aliyunsms.audience.report.report import TO_LOOK_AT, AudienceReport

__all__ = ["TO_LOOK_AT", "AudienceReport", "PartsCount"]
