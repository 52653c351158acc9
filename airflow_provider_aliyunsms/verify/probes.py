# SPDX-License-Identifier: Apache-2.0
"""Make the calls of an experiment, for each of the two products; no call is repeated here but those that read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from airflow_provider_aliyunsms.campaign.channels import CHINA_TIME, MOST_PAGES, PAGE_SIZE, send_dates
from airflow_provider_aliyunsms.products import CHINA, GLOBE
from airflow_provider_aliyunsms.verify.observations import Answer, AnswerKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.api.models import GlobeResponse, SendDetail
    from airflow_provider_aliyunsms.api.signature import Envelope
    from airflow_provider_aliyunsms.products import Product

INVALID_NUMBER: Final = "10000000501"
"""
A number that nobody can have: no mobile number of China begins with 10, no area code of North America with 0.

The simulator refuses it as well, for its last digits.
"""

_NO_MESSAGE: Final = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """
    One call that is to be made: the same letter makes the same signed request.

    :param with_invalid: the call is for the invalid number, too.
    :param label: the ``OutId`` or ``TaskId``.
    """

    label: str
    envelope: Envelope
    with_invalid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """
    The answer to a letter.

    :param message_id: the id by which Globe finds the message to the own number; None when there is none.
    """

    answer: Answer
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    What one look for records of the own number has shown.

    :param labels: labels of all records.
    :param unlabelled: the number of records of the same template without a label.
    :param found: a record was found by the id of its message.
    :param moments: the times in the records by label, in seconds since the epoch; those without a label under "".
    :param complete: every page was shown, so that what is not among the records is not there yet.
    """

    labels: frozenset[str] = frozenset()
    unlabelled: int = 0
    found: bool = False
    moments: Mapping[str, float] = field(default_factory=dict)
    complete: bool = True


class Probe(Protocol):
    """The calls of one product. Every method may raise an ``ApiError``."""

    @property
    def name(self) -> str:
        """``china`` or ``globe``."""

    @property
    def product(self) -> Product:
        """The product that is called."""

    @property
    def client(self) -> AliyunSmsClient:
        """The client that makes the calls."""

    def knock(self) -> None:
        """Make a free call that shows whether the account can be used, and tells the gateway's time."""

    def send(self, letter: Letter) -> Sent:
        """Make one send call, which costs money. Raises an ``ApiError`` when it was not clearly accepted."""

    def look(self, sent: Sent, *, since: float, until: float) -> Look:
        """Look for records of what was sent between two moments, with free calls."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ChinaProbe:
    """
    The calls for a mainland number.

    :param number: the user's own number, eleven digits.
    :param template_param: the variables of the template.
    """

    client: AliyunSmsClient
    number: str
    sign_name: str
    template_code: str
    template_param: Mapping[str, str]
    name: str = "china"
    product: Product = CHINA

    def knock(self) -> None:
        """Ask for today's records of the own number."""
        moment = datetime.now(CHINA_TIME).strftime("%Y%m%d")
        self.client.query_send_details(phone_number=self.number, send_date=moment, page_size=1)

    def send(self, letter: Letter) -> Sent:
        """Send the template with ``SendBatchSms``."""
        numbers = [self.number, INVALID_NUMBER] if letter.with_invalid else [self.number]
        response = self.client.send_batch_sms(
            phone_numbers=numbers,
            sign_names=[self.sign_name] * len(numbers),
            template_code=self.template_code,
            template_params=[self.template_param] * len(numbers) if self.template_param else None,
            out_id=letter.label,
            envelope=letter.envelope,
        )
        return Sent(answer=Answer(kind=AnswerKind.ACCEPTED, request_id=response.request_id))

    def look(self, sent: Sent, *, since: float, until: float) -> Look:  # noqa: ARG002 - Globe needs it
        """Read all records of the own number on the dates in question."""
        rows: list[SendDetail] = []
        complete = True
        for date in send_dates(since=since, until=until):
            shown = counted = 0
            for page, total in self._pages(date):
                rows += page
                shown, counted = shown + len(page), total
            complete &= shown == counted
        return Look(
            labels=frozenset(row.out_id for row in rows if row.out_id),
            unlabelled=sum(
                not row.out_id and row.template_code in (None, self.template_code) for row in rows
            ),
            moments=_moments(rows),
            complete=complete,
        )

    def _pages(self, date: str) -> Iterator[tuple[Sequence[SendDetail], int]]:
        shown = 0
        for number in range(1, MOST_PAGES + 1):
            page = self.client.query_send_details(
                phone_number=self.number, send_date=date, page_size=PAGE_SIZE, current_page=number
            )
            yield page.details, page.total_count
            shown += len(page.details)
            if not page.details or shown >= page.total_count:
                return


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GlobeProbe:
    """
    The calls for a number outside the mainland.

    :param number: the user's own number with its country code, digits only.
    :param text: the text of the messages.
    """

    client: AliyunSmsClient
    number: str
    text: str
    sender_id: str | None = None
    name: str = "globe"
    product: Product = GLOBE

    def knock(self) -> None:
        """Ask for a message that does not exist."""
        self.client.query_message(message_id=_NO_MESSAGE)

    def send(self, letter: Letter) -> Sent:
        """Send the text with ``BatchSendMessageToGlobe``, its parameters in the body."""
        numbers = [self.number, INVALID_NUMBER] if letter.with_invalid else [self.number]
        response = self.client.batch_send_message_to_globe(
            to=numbers,
            messages=[self.text] * len(numbers),
            sender_id=self.sender_id,
            task_id=letter.label,
            envelope=letter.envelope,
        )
        return _globe_sent(response, number=self.number, with_invalid=letter.with_invalid)

    def look(self, sent: Sent, *, since: float, until: float) -> Look:  # noqa: ARG002 - China needs them
        """Ask for the message by its id."""
        if sent.message_id is None:
            return Look(complete=False)
        status = self.client.query_message(message_id=sent.message_id)
        return Look(found=status.status is not None)


def _globe_sent(response: GlobeResponse, *, number: str, with_invalid: bool) -> Sent:
    failed = {one.lstrip("+") for one in response.failed or ()}
    kind = AnswerKind.NOT_ACCEPTED if number in failed else AnswerKind.ACCEPTED
    if response.failed is None and not response.success_count:
        # The call was accepted, but nothing says for whom.
        kind = AnswerKind.UNCLEAR
    names = response.failed is not None and failed == {INVALID_NUMBER} if with_invalid else None
    ids = response.message_ids or (None,)
    return Sent(
        answer=Answer(
            kind=kind,
            code=None if kind is AnswerKind.ACCEPTED else "FailedList",
            request_id=response.request_id,
            names_invalid=names,
        ),
        message_id=ids[0] if len(ids) == 1 else None,
    )


def _moments(rows: Sequence[SendDetail]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        label, moment = row.out_id or "", _moment(row)
        if moment is not None:
            found[label] = max(moment, found.get(label, moment))
    return found


def _moment(row: SendDetail) -> float | None:
    try:
        moment = datetime.strptime(row.send_date or "", "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA_TIME)
    except ValueError:
        return None
    return moment.timestamp()
