# SPDX-License-Identifier: Apache-2.0
"""
Say where phone numbers may be: the list that the privacy test compares with what it finds.

The table "What holds phone numbers" in ``docs/security.md`` is made of it (``make docs``), so the two cannot differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """
    One place that holds phone numbers, because it must.

    :param where: in words.
    :param how_long: how long they stay there.
    :param remedy: what one can do about it.
    :param pattern: matches the location as the test names it: ``database table.column``, or a file of Airflow's home
        or of the folder with audience, receipts and ledger; None for a place that the test cannot look at.
    """

    where: str
    how_long: str
    remedy: str
    pattern: str | None

    def holds(self, location):
        return self.pattern is not None and re.fullmatch(self.pattern, location) is not None


PLACES = (
    Place(
        where="the audience: file, table",
        how_long="as long as you keep it",
        remedy="",
        pattern=r"folder (?!receipts|ledger).*\.(csv|jsonl|json|sql)",
    ),
    Place(
        where="a list, text or variable written into a DAG file, and a query with literals",
        how_long="as long as the file and Airflow's copies of it, which whoever may read the DAG's code sees",
        remedy="use a file or a query of a table",
        pattern=r"database (dag_code\.source_code|serialized_dag\.data(_compressed)?)",
    ),
    Place(
        where="XCom: a list that one task hands to another, and the receipts of up to 100 recipients",
        how_long="as long as Airflow keeps XComs",
        remedy="let the task return a path, use `@task.aliyun_sms`, set `receipts_path`",
        pattern=r"database xcom\.value",
    ),
    Place(
        where="Airflow's own log of the worker at level DEBUG, which prints each XCom (not the log of the task)",
        how_long="as long as you keep it",
        remedy="the same, or a higher level",
        pattern=r"(home|output) scheduler\.log",
    ),
    Place(
        where="receipts file",
        how_long="as long as you keep it",
        remedy="on a local disk it is readable by its owner only; on other storage its rules hold",
        pattern=r"folder receipts/.*|home aliyun_sms_receipts/.*",
    ),
    Place(
        where="numbers learned as opted out: the folder `learned` of `Suppress`, `suppress_into` of the sensor",
        how_long="as long as you keep it",
        remedy="on a local disk it is readable by its owner only; on other storage its rules hold",
        pattern=r"folder learned/.*",
    ),
    Place(
        where="numbers of alerts: in the connection (`alert_phone_numbers`) or a Variable, encrypted by Airflow",
        how_long="as long as they are kept there",
        remedy="",
        pattern=None,
    ),
    Place(
        where="numbers of alerts: named in the arguments of a deadline alert, in clear",
        how_long="as long as the DAG and its deadlines",
        remedy="leave `phone_numbers` out, and put them into the connection",
        pattern=None,
    ),
    Place(
        where="the spool, on the worker's disk",
        how_long="while the task runs",
        remedy="encrypt the disk, or point `TMPDIR` elsewhere",
        pattern=None,
    ),
    Place(
        where="the worker's memory, and the form body of requests to the gateway, over TLS",
        how_long="while the task runs",
        remedy="",
        pattern=None,
    ),
)


def table():
    """Return the table for ``docs/security.md``."""
    rows = ["| where | how long | what you can do |", "| --- | --- | --- |"]
    rows += [f"| {place.where} | {place.how_long} | {place.remedy} |" for place in PLACES]
    return "\n".join(rows)
