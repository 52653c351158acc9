# SPDX-License-Identifier: Apache-2.0
"""
The two ways out: one channel for China, one for Globe.

This is the one room that knows the API client. A channel never raises for what the gateway answered: it says how
the call ended, so that policy stays in one place.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.api.forms import JsonTexts
from airflow_provider_aliyunsms.audience.content import shared_content
from airflow_provider_aliyunsms.campaign.outcomes import Kind, Outcome
from airflow_provider_aliyunsms.campaign.ports import Delivery, Evidence, Fate, Tracked
from airflow_provider_aliyunsms.codes.lookup import CodeClass, look_up_code
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    AmbiguousOutcomeError,
    ApiError,
    CampaignDoomedError,
    NotSentError,
    RequestRefusedError,
    ThrottledError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.api.models import GlobeAnswer, SendDetail
    from airflow_provider_aliyunsms.api.signature import Envelope
    from airflow_provider_aliyunsms.audience.recipients import Members, Recipient
    from airflow_provider_aliyunsms.campaign.chunks import Chunk

CHINA_TIME = timezone(timedelta(hours=8))
"""Send dates are kept in UTC+8, without daylight saving."""

SAMPLE = 3
"""Recipients of a chunk that are looked up: one dead or filtered number may have no record."""

MAPPING_UNKNOWN = "local.MAPPING_UNKNOWN"
FAILED_LIST = "FailedList"


class ChinaChannel:
    """``SendBatchSms`` for one template; traces and fates through ``QuerySendDetails``."""

    api = "SendBatchSms"
    max_chunk_size = 100
    has_message_ids = False
    can_look_up = True

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
            answer = self._client.send_batch_sms(
                phone_numbers=members.numbers,
                template_code=self._template_code,
                out_id=chunk.out_id,
                envelope=envelope,
                **_china_lists(members),
            )
        except ApiError as error:
            return outcome_of(error, time=self._time(), globe=False)
        return Outcome(kind=Kind.ACCEPTED, time=self._time(), biz_id=answer.biz_id)

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
            answer = self._client.query_send_details(
                phone_number=number, send_date=date, page_size=50, current_page=page, biz_id=biz_id
            )
            rows.extend(answer.details)
            if not answer.details or len(rows) >= answer.total_count:
                return rows, len(rows) >= answer.total_count
            page += 1

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


class GlobeChannel:
    """``BatchSendMessageToGlobe``; fates through ``QueryMessage``, traces through nothing at all."""

    api = "BatchSendMessageToGlobe"
    max_chunk_size = 1000
    has_message_ids = True
    can_look_up = False

    def __init__(
        self,
        *,
        client: AliyunSmsClient,
        message_type: str | None = None,
        sender_id: str | None = None,
        validity_period: int | None = None,
        channel_id: str | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._client = client
        self._message_type = message_type
        self._sender_id = sender_id
        self._validity_period = validity_period
        self._channel_id = channel_id
        self._now = now or (lambda: datetime.now(UTC))

    def signer(self) -> str:
        """Return what stands for the AccessKey that would sign now."""
        return self._client.signer()

    def submit(self, *, chunk: Chunk, envelope: Envelope) -> Outcome:
        """Send one chunk once: one text per recipient."""
        numbers = chunk.members.numbers
        try:
            answer = self._client.batch_send_message_to_globe(
                to=numbers,
                messages=[recipient.message for recipient in chunk.recipients],
                message_type=self._message_type,
                sender_id=self._sender_id,
                task_id=chunk.out_id,
                validity_period=self._validity_period,
                channel_id=self._channel_id,
                envelope=envelope,
            )
        except ApiError as error:
            return outcome_of(error, time=self._time(), globe=True)
        return globe_outcome(numbers=numbers, answer=answer, time=self._time())

    def look_up(self, *, chunk: Chunk, since: float) -> Evidence:  # noqa: ARG002 - the API has no such call
        """Return that no look-up exists: 2018-05-01 has no query by task id, number or date."""
        return Evidence.IMPOSSIBLE

    def status(self, *, message: Tracked) -> Delivery:
        """Ask for one message by its id."""
        if not message.message_id:
            return Delivery(fate=Fate.PENDING, code="NO_MESSAGE_ID")
        answer = self._client.query_message(message_id=message.message_id)
        if answer.status == 1:
            return Delivery(fate=Fate.DELIVERED, code="DELIVERED")
        if answer.status in (2, 6):
            return Delivery(fate=Fate.FAILED, code=answer.error_code or "FAILED")
        return Delivery(fate=Fate.PENDING, code=answer.error_code or "PENDING")

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


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


def outcome_of(error: ApiError, *, time: str, globe: bool) -> Outcome:
    """Translate what the client raised; whatever it does not know for certain stays ambiguous."""
    code = error.code or type(error).__name__
    if isinstance(error, NotSentError):
        throttled = isinstance(error, ThrottledError)
        retry_after = error.retry_after if isinstance(error, ThrottledError) else None
        return Outcome(kind=Kind.RELEASED, time=time, code=code, throttled=throttled, retry_after=retry_after)
    if isinstance(error, CampaignDoomedError):
        return Outcome(kind=Kind.RELEASED, time=time, code=code, error=error)
    if isinstance(error, RequestRefusedError):
        return Outcome(kind=Kind.REFUSED, time=time, code=code, lasting=_is_lasting(error, globe=globe))
    if not isinstance(error, AmbiguousOutcomeError):
        raise AliyunSmsError(f"a call ended in an error without a class: {type(error).__name__}") from error
    return Outcome(kind=Kind.AMBIGUOUS, time=time, code=code)


def _is_lasting(error: RequestRefusedError, *, globe: bool) -> bool:
    """Whether content or number were refused: flow control and the like depend on the moment instead."""
    found = look_up_code(error.code or "", http_status=error.http_status or 200, globe=globe)
    return found.code_class in (CodeClass.RECIPIENT, CodeClass.REQUEST, CodeClass.CONTENT)


def globe_outcome(*, numbers: Sequence[str], answer: GlobeAnswer, time: str) -> Outcome:
    """
    Map ``FailedList`` and ``MessageIdList`` back to the recipients.

    The ids belong to the numbers that did not fail, in order. When the lengths contradict each other, or a failed
    number is none of ours, nothing can be said about any of them: unknown rather than guessed.
    """
    unknown = Outcome(kind=Kind.UNKNOWN, time=time, code=MAPPING_UNKNOWN)
    if answer.failed is None:
        return unknown
    position = {number: index for index, number in enumerate(numbers)}
    failed = {position.get(number.lstrip("+")) for number in answer.failed}
    indexes = frozenset(index for index in failed if index is not None)
    if None in failed or len(indexes) != len(answer.failed):
        return unknown
    taken = len(numbers) - len(indexes)
    if answer.success_count is not None and answer.success_count != taken:
        return unknown
    ids: list[str | None] = [None] * len(numbers)
    if answer.ids_given:
        if answer.message_ids is None or len(answer.message_ids) != taken:
            return unknown
        remaining = iter(answer.message_ids)
        ids = [None if index in indexes else next(remaining) for index in range(len(numbers))]
    return Outcome(
        kind=Kind.ACCEPTED,
        time=time,
        code=FAILED_LIST if indexes else None,
        message_ids=tuple(ids),
        failed=indexes,
    )


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
