# SPDX-License-Identifier: Apache-2.0
"""Send chunks to mainland numbers, and look up their records and deliveries."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.api.forms import JsonTexts
from airflow_provider_aliyunsms.audience.content import shared_content
from airflow_provider_aliyunsms.campaign.channels.errors import outcome_of
from airflow_provider_aliyunsms.campaign.channels.ids import without_numbers
from airflow_provider_aliyunsms.campaign.clock import utc_stamp
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.ports import Delivery, Evidence, Fate, Tracked
from airflow_provider_aliyunsms.codes import CodeClass, look_up_code
from airflow_provider_aliyunsms.exceptions import (
    ApiError,
)
from airflow_provider_aliyunsms.products import CHINA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.api.models import SendDetail, SendDetailsPage
    from airflow_provider_aliyunsms.api.signature import Envelope
    from airflow_provider_aliyunsms.audience.recipients import Members, Recipient
    from airflow_provider_aliyunsms.campaign.chunks import Chunk


CHINA_TIME = timezone(timedelta(hours=8))
"""Time zone of the send dates in ``QuerySendDetails``: UTC+8, without daylight saving."""

SAMPLE = 3
"""Recipients of a chunk that a look-up asks for: several, because a dead or filtered number may have no record."""

PAGE_SIZE = 50
"""Records on a page of ``QuerySendDetails``; the API gives no more."""

MOST_PAGES = 20
"""
Pages of records that are read for one number and date: 1,000 messages, where ten a day are usual.

Without a bound, a gateway that always counts more records than it shows would be asked for ever.
"""

LOOK_UP_TIME = 60.0
"""Seconds after which a look-up begins no further query, and proves nothing."""


class ChinaChannel:
    """
    The channel for mainland numbers: it sends one template and reads the records of what was sent.

    It sends with ``SendBatchSms`` and reads with ``QuerySendDetails``. It has no state of its own, so threads may
    share it.

    :param client: makes the calls.
    :param template_code: one approved template; only :meth:`submit` needs it.
    :param now: returns the current time with its time zone; the machine's clock by default.
    :param should_stop: asked before each query of a look-up, by any thread; when it returns True, no further one is
        made.
    :param monotonic: returns the seconds by which a look-up's time is measured.
    """

    product = CHINA

    def __init__(
        self,
        *,
        client: AliyunSmsClient,
        template_code: str = "",
        now: Callable[[], datetime] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._template_code = template_code
        self._should_stop = should_stop
        self._monotonic = monotonic
        self._now = now or (lambda: datetime.now(UTC))

    def signer(self) -> str:
        """Return a hash that stands for the AccessKey that would sign now."""
        return self._client.signer()

    def submit(self, *, chunk: Chunk, envelope: Envelope) -> Outcome:
        """
        Send one chunk with one call of ``SendBatchSms``, which is never repeated here. Costs money.

        Variables and extension codes are left out when no recipient of the chunk has any.
        https://help.aliyun.com/document_detail/102364.html

        :param chunk: 1 to 100 recipients.
        :param envelope: date and nonce of the signature; a replay uses those of the first copy.
        :returns: *accepted* with the ``BizId``, or what
            :func:`~airflow_provider_aliyunsms.campaign.channels.errors.outcome_of` makes of the error.
        """
        # The API aligns the lists by index: in another order, a recipient would get the text of another one.
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
        (biz_id,) = without_numbers([response.biz_id], numbers=members.numbers)
        return Outcome(kind=OutcomeKind.ACCEPTED, time=self._time(), biz_id=biz_id)

    def look_up(self, *, chunk: Chunk, since: float) -> Evidence:
        """
        Look for records of a chunk with free read calls; a call that fails raises nothing.

        Asks for up to :data:`SAMPLE` numbers of the chunk, on every UTC+8 date under which the request may be filed,
        and compares the out ids. Ends after :data:`LOOK_UP_TIME`, or when it is told to stop.
        https://help.aliyun.com/document_detail/419277.html

        :param chunk: the recipients that were in the request.
        :param since: when the request was signed, in seconds since the epoch.
        :returns: ``FOUND`` at the first record with the chunk's out id; ``EMPTY`` if every response was complete and
            none had one; else ``INCONCLUSIVE``.
        """
        until = self._monotonic() + LOOK_UP_TIME
        evidence = Evidence.EMPTY
        for recipient in _sample(chunk):
            for date in send_dates(since=since, until=self._now().timestamp()):
                found = self._look_up_one(
                    number=recipient.number, date=date, out_id=chunk.out_id, until=until
                )
                if found is Evidence.FOUND:
                    return found
                # EMPTY may lead to a second send: a failed or incomplete query must never end in it. Another number
                # or date may still prove that the chunk was accepted.
                if found is Evidence.INCONCLUSIVE:
                    evidence = found
        return evidence

    def _look_up_one(self, *, number: str, date: str, out_id: str, until: float) -> Evidence:
        shown = counted = 0
        pages = self._pages(number=number, date=date, biz_id=None)
        try:
            # Before each page: a look-up on endless pages must end within its time, and a killed task at once.
            while not self._should_stop() and self._monotonic() < until:
                page = next(pages, None)
                if page is None:
                    return Evidence.EMPTY if shown == counted else Evidence.INCONCLUSIVE
                if any(row.out_id == out_id for row in page.details):
                    return Evidence.FOUND
                shown, counted = shown + len(page.details), page.total_count
        except ApiError:
            return Evidence.INCONCLUSIVE
        return Evidence.INCONCLUSIVE

    def status(self, *, message: Tracked) -> Delivery:
        """
        Ask for the delivery of one message with free read calls.

        Asks for the UTC+8 date of the acceptance, and for the neighbouring date when midnight is less than an hour
        away. https://help.aliyun.com/document_detail/419277.html

        :param message: an accepted message with its number, out id and time.
        :returns: the delivery; *pending* with the code ``NO_RECORD`` while there is no record.
        :raises ApiError: the query failed; the client repeats it on passing errors.
        """
        for date in send_dates(since=message.accepted_at, until=message.accepted_at):
            for page in self._pages(number=message.number, date=date, biz_id=message.biz_id):
                for row in page.details:
                    if row.out_id == message.out_id:
                        return _china_delivery(row)
        return Delivery(fate=Fate.PENDING, code="NO_RECORD")

    def _pages(self, *, number: str, date: str, biz_id: str | None) -> Iterator[SendDetailsPage]:
        """Yield the pages of records of a number on a date, up to :data:`MOST_PAGES`."""
        shown = 0
        for current_page in range(1, MOST_PAGES + 1):
            page = self._client.query_send_details(
                phone_number=number,
                send_date=date,
                page_size=PAGE_SIZE,
                current_page=current_page,
                biz_id=biz_id,
            )
            yield page
            shown += len(page.details)
            if not page.details or shown >= page.total_count:
                return

    def _time(self) -> str:
        return utc_stamp(self._now().timestamp())


def _china_lists(members: Members) -> dict[str, Any]:
    # Nearly always only the variables differ; their JSON is then sent as it was written, without parsing it again.
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
    Return the UTC+8 dates under which the gateway may file a message that was sent between two moments.

    The period is an hour longer on either side, because neither the clocks nor the documentation are exact near
    midnight. If there are more than 30 dates, only the last 30 are returned: older records cannot be queried.

    :param since: the earliest moment, in seconds since the epoch.
    :param until: the latest moment, in seconds since the epoch.
    :returns: the dates as ``yyyyMMdd``, the earliest first.
    """
    first = datetime.fromtimestamp(since - 3600, CHINA_TIME).date()
    last = datetime.fromtimestamp(until + 3600, CHINA_TIME).date()
    days = min((last - first).days, 29)
    return [(last - timedelta(days=back)).strftime("%Y%m%d") for back in range(days, -1, -1)]


def _sample(chunk: Chunk) -> Sequence[Recipient]:
    step = max(1, len(chunk) // SAMPLE)
    return chunk.recipients[::step][:SAMPLE]


def _china_delivery(row: SendDetail) -> Delivery:
    # 3 means delivered, 2 failed, 1 waiting for the carrier's report.
    if row.send_status == 3:
        return Delivery(fate=Fate.DELIVERED, code="DELIVERED")
    if row.send_status != 2:
        return Delivery(fate=Fate.PENDING, code=row.err_code or "PENDING")
    code = row.err_code or "FAILED"
    if look_up_code(code).code_class is CodeClass.DELIVERY_PENDING:
        return Delivery(fate=Fate.PENDING, code=code)
    return Delivery(fate=Fate.FAILED, code=code)
