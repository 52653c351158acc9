# SPDX-License-Identifier: Apache-2.0
"""Send chunks to mainland numbers, and look up their records and deliveries."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_aliyunsms.api.forms import JsonTexts
from airflow_provider_aliyunsms.audience.content import shared_content
from airflow_provider_aliyunsms.campaign.channels.approvals import (
    says_no_signature,
    says_no_template,
    signature_of,
    template_of,
)
from airflow_provider_aliyunsms.campaign.channels.errors import outcome_of
from airflow_provider_aliyunsms.campaign.channels.ids import without_numbers
from airflow_provider_aliyunsms.campaign.clock import utc_stamp
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.ports import Delivery, Evidence, Fate, LookUp, Tracked
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
    from airflow_provider_aliyunsms.audience.recipients import Members
    from airflow_provider_aliyunsms.campaign.chunks import Chunk
    from airflow_provider_aliyunsms.campaign.groups import Groups
    from airflow_provider_aliyunsms.campaign.ports import Signature, Template


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
"""Seconds after which a look-up of one recipient begins no further query, and proves nothing."""


AT_ONCE = 4
"""Queries of one look-up that are made at the same time."""

NONCE_MEMORY = 15 * 60.0
"""Seconds after its date for which the gateway accepts a request."""

RECORD_SLACK = 90.0
"""Seconds by which the time in a record may differ from that of the request."""

SHOWN_FOR = 29 * 86_400.0
"""Seconds for which the API shows a record for certain; it says 30 days."""

T = TypeVar("T")


@dataclass(slots=True)
class _Answers:
    found: bool = False
    doubtful: bool = False
    code: str | None = None


class ChinaChannel:
    """
    The channel for mainland numbers: it sends one template and reads the records of what was sent.

    It sends with ``SendBatchSms`` and reads with ``QuerySendDetails``. As
    :class:`~airflow_provider_aliyunsms.campaign.ports.VendorFacts` it asks ``GetSmsTemplate`` and ``GetSmsSign``. It
    has no state of its own, so threads may share it.

    :param client: makes the calls.
    :param template_code: one approved template; only :meth:`submit` needs it.
    :param groups: instead of it, the groups of a split, whose texts are the template codes.
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
        groups: Groups | None = None,
        now: Callable[[], datetime] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._template_code = template_code
        self._groups = groups
        self._template_codes = {template_code} if groups is None else {*groups.texts.values()}
        self._should_stop = should_stop
        self._monotonic = monotonic
        self._now = now or (lambda: datetime.now(UTC))

    def can_replay(self, *, nonce: str, signer: str) -> bool:
        """Return whether the request with this nonce would be signed, and sent to, as its first copy was."""
        if self._groups is not None:
            plain = self._client.signer(product=self.product)
            if signer != self._groups.signed(plain):
                return False
            signer = plain
        return self._client.can_replay(nonce=nonce, signer=signer, product=self.product)

    def gateway_time(self, *, monotonic: float) -> float | None:
        """Return the gateway's time at a monotonic moment, None while no response has told it."""
        return self._client.gateway_time(monotonic=monotonic, product=self.product)

    def sync_clock(self) -> None:
        """Learn the gateway's time from one free request."""
        self._client.sync_clock(product=self.product)

    def signer(self) -> str:
        """Return a hash that stands for the AccessKey that would sign now, and for what each group gets."""
        signer = self._client.signer(product=self.product)
        return signer if self._groups is None else self._groups.signed(signer)

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
        template_code = self._template_code if self._groups is None else self._groups.text(members.numbers)
        try:
            response = self._client.send_batch_sms(
                phone_numbers=members.numbers,
                template_code=template_code,
                out_id=chunk.out_id,
                envelope=envelope,
                **_china_lists(members),
            )
        except ApiError as error:
            return outcome_of(error, time=self._time(), product=self.product)
        (biz_id,) = without_numbers([response.biz_id], numbers=members.numbers)
        return Outcome(kind=OutcomeKind.ACCEPTED, time=self._time(), biz_id=biz_id)

    def look_up(self, *, chunk: Chunk, since: float, until: float, turn: int, thorough: bool) -> LookUp:
        """
        Look for records of a chunk with free read calls; a call that fails raises nothing.

        Asks for up to :data:`SAMPLE` numbers of the chunk, or for all, some side by side, on every UTC+8 date under
        which the request may be filed, and compares the out ids. A record of such a number that carries no out id,
        and may be of this request by its template and time, makes the result doubtful; so does a query that fails or
        takes longer than :data:`LOOK_UP_TIME`, and a request older than the records that the API shows. Begins no
        further query when it is told to stop. https://help.aliyun.com/document_detail/419277.html

        :param chunk: the recipients to ask for.
        :param since: the earliest moment at which the gateway can have received the request, in seconds since the
            epoch.
        :param until: the latest moment at which it left.
        :param turn: the number of earlier look-ups: each asks for other recipients.
        :param thorough: ask for every recipient, also when one was found.
        :returns: ``FOUND`` if there is a record of the chunk; ``EMPTY`` if there is none and nothing was doubtful;
            else ``INCONCLUSIVE``.
        """
        places = range(len(chunk)) if thorough else _sample(len(chunk), turn)
        now = self._moment()
        # A copy that comes later than this is refused for its date, so no record can be filed under a later one.
        latest = min(now, max(since, until) + NONCE_MEMORY)
        dates = send_dates(since=since, until=latest)
        period = (since - RECORD_SLACK, latest + RECORD_SLACK)

        def ask(place: int) -> _Answers:
            return self._ask(chunk, place, dates=dates, period=period)

        answers = side_by_side(ask, places)
        found = frozenset(place for place, one in zip(places, answers, strict=True) if one.found)
        doubtful = any(one.doubtful for one in answers) or now - since > SHOWN_FOR
        code = next((one.code for one in answers if one.code), None)
        if found:
            return LookUp(Evidence.FOUND, found=found, doubtful=doubtful, code=code)
        # EMPTY may lead to a second send: a failed or incomplete query must never end in it.
        return LookUp(Evidence.INCONCLUSIVE if doubtful else Evidence.EMPTY, doubtful=doubtful, code=code)

    def _ask(
        self, chunk: Chunk, place: int, *, dates: Sequence[str], period: tuple[float, float]
    ) -> _Answers:
        """Ask for one recipient of a chunk on some dates."""
        answers = _Answers()
        ends_at = self._monotonic() + LOOK_UP_TIME
        for date in dates:
            shown = counted = 0
            complete = False
            pages = self._pages(number=chunk.members.numbers[place], date=date, biz_id=None)
            try:
                # Before each page: a look-up on endless pages must end within its time, and a killed task at once.
                while not self._should_stop() and self._monotonic() < ends_at:
                    page = next(pages, None)
                    if page is None:
                        complete = shown == counted
                        break
                    if any(row.out_id == chunk.out_id for row in page.details):
                        answers.found = True
                        return answers
                    shown, counted = shown + len(page.details), page.total_count
                    answers.doubtful |= any(self._may_be_ours(row, period) for row in page.details)
            except ApiError as error:
                # Another number or date may still prove that the chunk was accepted.
                answers.code = error.code or type(error).__name__
            answers.doubtful |= not complete
        return answers

    def _may_be_ours(self, row: SendDetail, period: tuple[float, float]) -> bool:
        """Return whether a record without an out id may be of a request that was received in a period."""
        if row.out_id or row.template_code not in (None, "", *self._template_codes):
            return False
        try:
            sent = datetime.strptime(row.send_date or "", "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA_TIME)
        except ValueError:
            return True
        return period[0] <= sent.timestamp() <= period[1]

    def status(self, *, message: Tracked) -> Delivery:
        """
        Ask for the delivery of one message with free read calls.

        Asks for the UTC+8 date of the acceptance, and for the neighbouring date when midnight is less than an hour
        away. https://help.aliyun.com/document_detail/419277.html

        :param message: an accepted message with its number, out id and time.
        :returns: the delivery; *pending* with the code ``NO_RECORD`` while there is no record.
        :raises ApiError: the query failed; the client repeats it on passing errors.
        """
        for date in _dates_of(message.accepted_at):
            for page in self._pages(number=message.number, date=date, biz_id=message.biz_id):
                for row in page.details:
                    if row.out_id == message.out_id:
                        return _china_delivery(row)
        return Delivery(fate=Fate.PENDING, code="NO_RECORD")

    def template(self, *, code: str) -> Template | None:
        """
        Return a template, None when the account has no such template; one free read call.

        https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-getsmstemplate

        :raises ApiError: the vendor cannot be asked, or its answer cannot be read; the client repeats the call on
            passing errors.
        """
        try:
            return template_of(self._client.get_sms_template(template_code=code), code=code)
        except ApiError as error:
            if says_no_template(error):
                return None
            raise

    def signature(self, *, name: str) -> Signature | None:
        """
        Return a signature, None when the account has no such signature; one free read call.

        https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2017-05-25-getsmssign

        :raises ApiError: the vendor cannot be asked, or its answer cannot be read; the client repeats the call on
            passing errors.
        """
        try:
            return signature_of(self._client.get_sms_sign(sign_name=name), name=name)
        except ApiError as error:
            if says_no_signature(error):
                return None
            raise

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

    def _moment(self) -> float:
        theirs = self._client.gateway_time(product=self.product)
        return self._now().timestamp() if theirs is None else theirs

    def _time(self) -> str:
        return utc_stamp(self._moment())


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


@lru_cache(maxsize=256)
def _dates_of(accepted_at: float) -> tuple[str, ...]:
    """Return the dates of one message; kept, because all messages of a send call were accepted at once."""
    return tuple(send_dates(since=accepted_at, until=accepted_at))


def side_by_side(ask: Callable[[int], T], items: Sequence[int]) -> list[T]:
    """
    Call a function for each item, up to :data:`AT_ONCE` at the same time, and return the results in order.

    Threads are daemons: a query that hangs must not keep the process of a killed task alive.

    :raises Exception: the first error of a call, when all have ended.
    """
    results: dict[int, T] = {}
    errors: list[BaseException] = []
    waiting = queue.SimpleQueue[int]()
    for index in range(len(items)):
        waiting.put(index)

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while not errors:
                index = waiting.get_nowait()
                try:
                    results[index] = ask(items[index])
                except BaseException as error:  # noqa: BLE001 - it is raised again below, in the thread that asked
                    errors.append(error)

    threads = [
        threading.Thread(target=work, name="aliyun-sms-look-up", daemon=True)
        for _ in range(min(AT_ONCE, len(items)) - 1)
    ]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(items))]


def _sample(size: int, turn: int) -> list[int]:
    """Return places spread over a chunk, other ones at each turn."""
    step = max(1, size // SAMPLE)
    return sorted({(turn + number * step) % size for number in range(min(SAMPLE, size))})


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
