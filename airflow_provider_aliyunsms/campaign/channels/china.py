# SPDX-License-Identifier: Apache-2.0
"""Send to mainland numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.api.forms import JsonTexts
from airflow_provider_aliyunsms.audience.content import shared_content
from airflow_provider_aliyunsms.campaign.channels.errors import outcome_of
from airflow_provider_aliyunsms.campaign.clock import utc_stamp
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.ports import Delivery, Evidence, Fate, Tracked
from airflow_provider_aliyunsms.codes import CodeClass, look_up_code
from airflow_provider_aliyunsms.exceptions import (
    ApiError,
)
from airflow_provider_aliyunsms.products import CHINA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.api.models import SendDetail
    from airflow_provider_aliyunsms.api.signature import Envelope
    from airflow_provider_aliyunsms.audience.recipients import Members, Recipient
    from airflow_provider_aliyunsms.campaign.chunks import Chunk


CHINA_TIME = timezone(timedelta(hours=8))
"""Send dates are kept in UTC+8, without daylight saving."""

SAMPLE = 3
"""Recipients of a chunk that are looked up: one dead or filtered number may have no record."""


class ChinaChannel:
    """``SendBatchSms`` for one template; traces and fates through ``QuerySendDetails``."""

    product = CHINA

    def __init__(
        self, *, client: AliyunSmsClient, template_code: str = "", now: Callable[[], datetime] | None = None
    ) -> None:
        self._client = client
        self._template_code = template_code
        self._now = now or (lambda: datetime.now(UTC))

    def signer(self) -> str:
        """Return what stands for the AccessKey that would sign now."""
        return self._client.signer()

    def submit(self, *, chunk: Chunk, envelope: Envelope) -> Outcome:
        """Send one chunk once; index-aligned arrays, variables left out when nobody has any."""
        members = chunk.members
        try:
            response = self._client.send_batch_sms(
                phone_numbers=members.numbers,
                template_code=self._template_code,
                out_id=chunk.out_id,
                envelope=envelope,
                **_china_lists(members),
            )
        except ApiError as error:
            return outcome_of(error, time=self._time(), product=self.product)
        return Outcome(kind=OutcomeKind.ACCEPTED, time=self._time(), biz_id=response.biz_id)

    def look_up(self, *, chunk: Chunk, since: float) -> Evidence:
        """Ask for a few numbers of the chunk, on every UTC+8 date the request may have been counted on."""
        doubtful = False
        for recipient in _sample(chunk):
            for date in send_dates(since=since, until=self._now().timestamp()):
                try:
                    rows, complete = self._records(number=recipient.number, date=date, biz_id=None)
                except ApiError:
                    doubtful = True
                    continue
                if any(row.out_id == chunk.out_id for row in rows):
                    return Evidence.FOUND
                doubtful = doubtful or not complete
        return Evidence.INCONCLUSIVE if doubtful else Evidence.EMPTY

    def status(self, *, message: Tracked) -> Delivery:
        """Ask for one message, on its UTC+8 date and on the neighbouring one when it is near midnight."""
        for date in send_dates(since=message.accepted_at, until=message.accepted_at):
            rows, _ = self._records(number=message.number, date=date, biz_id=message.biz_id)
            for row in rows:
                if row.out_id == message.out_id:
                    return _china_delivery(row)
        return Delivery(fate=Fate.PENDING, code="NO_RECORD")

    def _records(self, *, number: str, date: str, biz_id: str | None) -> tuple[list[SendDetail], bool]:
        """Return all rows of a number on a date, and whether the gateway showed as many as it counted."""
        rows: list[SendDetail] = []
        page = 1
        while True:
            response = self._client.query_send_details(
                phone_number=number, send_date=date, page_size=50, current_page=page, biz_id=biz_id
            )
            rows.extend(response.details)
            if not response.details or len(rows) >= response.total_count:
                return rows, len(rows) >= response.total_count
            page += 1

    def _time(self) -> str:
        return utc_stamp(self._now().timestamp())


def _china_lists(members: Members) -> dict[str, Any]:
    shared = shared_content(members.contents)
    if shared is not None:
        size = len(members)
        given = any(param != "{}" for param in shared.template_params)
        return {
            "sign_names": [shared.sign_name] * size,
            "template_params": JsonTexts(shared.template_params) if given else None,
            "sms_up_extend_codes": [shared.sms_up_extend_code] * size if shared.sms_up_extend_code else None,
        }
    recipients = [recipient for _, recipient in members]
    params = [recipient.template_param for recipient in recipients]
    codes = [recipient.sms_up_extend_code for recipient in recipients]
    return {
        "sign_names": [recipient.sign_name for recipient in recipients],
        "template_params": params if any(params) else None,
        "sms_up_extend_codes": codes if any(codes) else None,
    }


def send_dates(*, since: float, until: float) -> list[str]:
    """
    Return the UTC+8 dates, ``yyyyMMdd``, on which something sent between two moments can be filed.

    An hour either side is counted in, because neither the clocks nor the documentation are exact near midnight.
    """
    first = datetime.fromtimestamp(since - 3600, CHINA_TIME).date()
    last = datetime.fromtimestamp(until + 3600, CHINA_TIME).date()
    days = min((last - first).days, 29)
    return [(last - timedelta(days=back)).strftime("%Y%m%d") for back in range(days, -1, -1)]


def _sample(chunk: Chunk) -> Sequence[Recipient]:
    step = max(1, len(chunk) // SAMPLE)
    return chunk.recipients[::step][:SAMPLE]


def _china_delivery(row: SendDetail) -> Delivery:
    if row.send_status == 3:
        return Delivery(fate=Fate.DELIVERED, code="DELIVERED")
    if row.send_status != 2:
        return Delivery(fate=Fate.PENDING, code=row.err_code or "PENDING")
    code = row.err_code or "FAILED"
    if look_up_code(code).code_class is CodeClass.DELIVERY_PENDING:
        return Delivery(fate=Fate.PENDING, code=code)
    return Delivery(fate=Fate.FAILED, code=code)
