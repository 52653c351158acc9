# SPDX-License-Identifier: Apache-2.0
"""Define the operator that writes the report on a campaign as one HTML and one JSON file."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException, BaseOperator

from airflow_provider_aliyunsms.exceptions import AliyunSmsError, ConfigurationError
from airflow_provider_aliyunsms.log_lines import say
from airflow_provider_aliyunsms.operators.base import FAILED_KEY
from airflow_provider_aliyunsms.operators.parameters import as_text
from airflow_provider_aliyunsms.parameter_checks import check_texts
from airflow_provider_aliyunsms.task_errors import with_short_errors

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["AliyunSmsReportOperator"]

log = logging.getLogger(__name__)

_OUTCOMES = ("total", "accepted", "rejected", "skipped", "unknown")


class AliyunSmsReportOperator(BaseOperator):
    """
    Write the report on a campaign: counts, codes with their meaning, deliveries, what guards decided, and the cost.

    Reads the XComs of other tasks of the run, also of those that failed; makes no call and sends nothing. Tasks that
    left nothing are passed over, so it may run whatever became of them: set ``trigger_rule="all_done"``, or make it a
    teardown, which does not decide how the run ends. A retry or a Clear writes both files anew.

    The files hold no number and no text. They are named after the campaign; on a local disk each is replaced as a
    whole, and only its owner can read it.

    The XCom is ``html`` and ``json``, the paths, with ``outcomes`` and ``deliveries`` of the report.

    :param sends: ids of the send tasks. Of several with one campaign id, such as a canary and the rest, the one
        that was finished last counts: its ledger knows what the others have sent. Example: ``["canary", "send"]``.
    :param deliveries: ids of the delivery sensors. Example: ``["delivered"]``.
    :param rehearsal: the id of a rehearsal. It is told of when nothing was sent, and gives the billing parts.
        Example: ``"rehearsal"``.
    :param seeds: the id of a task that sent copies to own phones; told of apart, in the JSON. Example:
        ``"seeds"``.
    :param report_path: the folder of the two files, on a local disk or any fsspec storage. Example:
        ``"/shared/reports"``. (templated)
    :param price: the price of one billing part, for an estimate of the cost where the rehearsal knew the parts.
        Example: ``"0.045 CNY"``. (templated)
    :raises AirflowSkipException: no task left a result.
    :raises ConfigurationError: the price is none, or the files cannot be written; a retry tries again.
    """

    template_fields: Sequence[str] = ("report_path", "price")
    ui_color = "#fff1e6"

    def __init__(
        self,
        *,
        sends: Collection[str],
        deliveries: Collection[str] = (),
        rehearsal: str | None = None,
        seeds: str | None = None,
        report_path: str,
        price: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_texts(report_path=report_path, price=price)
        self.sends = [*sends]
        self.deliveries = [*deliveries]
        self.rehearsal = rehearsal
        self.seeds = seeds
        self.report_path = report_path
        self.price = price

    @with_short_errors
    def execute(self, context: Context) -> dict[str, Any]:
        """Write the two files, and return where they are and what they say in short."""
        from airflow_provider_aliyunsms.delivery.report import campaign_report, latest_of_each, report_page
        from airflow_provider_aliyunsms.operators.receipts import campaign_file_name

        folder = as_text(self.report_path).rstrip("/")
        if not folder:
            raise ConfigurationError(
                "report_path was rendered to nothing", advice="Correct its template, then clear this task."
            )
        rehearsal = self._result(context, self.rehearsal)
        sent = latest_of_each([self._result(context, task_id) for task_id in self.sends])
        told = sent or latest_of_each([rehearsal])
        if not told:
            raise AirflowSkipException("No task has left a result to report on.")
        report = campaign_report(
            told,
            deliveries=[self._result(context, task_id) for task_id in self.deliveries],
            parts=parts_of(rehearsal, sent),
            price=self.price or None,
        )
        seeds = self._result(context, self.seeds)
        if seeds is not None:
            report["seeds"] = {name: seeds.get(name) for name in _OUTCOMES}
        stem = f"{folder}/{campaign_file_name(str(told[-1]['campaign_id']))}"
        paths = {"html": f"{stem}.html", "json": f"{stem}.json"}
        write_file(paths["json"], json.dumps(report, ensure_ascii=False, indent=2))
        write_file(paths["html"], report_page(report))
        for path in paths.values():
            say(log, logging.INFO, "Report: %s", path)
        return {**paths, "outcomes": report["outcomes"], "deliveries": report["deliveries"]}

    def _result(self, context: Context, task_id: str | None) -> Mapping[str, Any] | None:
        if task_id is None:
            return None
        ti: Any = context["ti"]
        for key in ("return_value", FAILED_KEY):
            found = ti.xcom_pull(task_ids=task_id, key=key)
            if isinstance(found, Mapping):
                return found
        return None


def parts_of(rehearsal: Mapping[str, Any] | None, sent: Collection[Mapping[str, Any]]) -> int | None:
    """
    Return an estimate of the billing parts of all messages that were accepted or may have been, rounded up.

    The rehearsal knows the parts of everybody. Where fewer were sent, it is their share of them. As for ``MaxCost``,
    what may have been accepted may be billed. None where the parts are not known.
    """
    found = rehearsal.get("rehearsal") if rehearsal is not None else None
    if not isinstance(found, Mapping) or not sent:
        return None
    parts, recipients = found.get("parts"), found.get("recipients")
    if not isinstance(parts, int) or not isinstance(recipients, int) or recipients < 1:
        return None
    billed = sum(int(each["accepted"]) + int(each["unknown"]) for each in sent)
    return -(-parts * billed // recipients)


def write_file(path: str, text: str) -> None:
    """
    Replace a text file; on a local disk as a whole.

    :raises ConfigurationError: the place cannot be written.
    """
    from airflow_provider_aliyunsms.hooks.storage import storage_path
    from airflow_provider_aliyunsms.private_files import file_beside, make_private_folder

    target = storage_path(path)
    try:
        if target.protocol not in ("file", "local"):
            with target.open("wb") as stream:
                stream.write(text.encode())
            return
        local = Path(str(target.path))
        make_private_folder(local.parent)
        with file_beside(local) as (beside, stream):
            stream.write(text.encode())
            # Only after the stream is closed: a rename before that would publish half a file.
            stream.close()
            beside.replace(local)
    except AliyunSmsError:
        raise
    # A storage's package may raise anything.
    except Exception as error:
        problem = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(
            f"report_path cannot be written: {problem}",
            advice="What was sent stays sent. Check that the folder exists, or can be made, and clear this task.",
        ) from error
