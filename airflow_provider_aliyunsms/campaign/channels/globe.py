# SPDX-License-Identifier: Apache-2.0
"""Send chunks to numbers outside the mainland, and ask for their deliveries."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.campaign.channels.errors import outcome_of
from airflow_provider_aliyunsms.campaign.channels.ids import without_numbers
from airflow_provider_aliyunsms.campaign.clock import utc_stamp
from airflow_provider_aliyunsms.campaign.outcomes import FAILED_LIST, Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.ports import Delivery, Evidence, Fate, LookUp, Tracked
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import (
    ApiError,
)
from airflow_provider_aliyunsms.products import GLOBE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_aliyunsms.api.client import AliyunSmsClient
    from airflow_provider_aliyunsms.api.models import GlobeResponse
    from airflow_provider_aliyunsms.api.signature import Envelope
    from airflow_provider_aliyunsms.campaign.chunks import Chunk


class GlobeChannel:
    """
    The channel for numbers outside the mainland: it sends free texts and asks for the delivery of single messages.

    It sends with ``BatchSendMessageToGlobe`` and asks with ``QueryMessage``. Its API cannot look up a chunk. The
    channel has no state of its own, so threads may share it.

    :param client: makes the calls.
    :param message_type: ``NOTIFY`` or ``MKT``.
    :param sender_id: an approved sender id.
    :param validity_period: seconds for which the carrier may keep trying.
    :param channel_id: a channel agreed with Alibaba Cloud.
    :param now: returns the current time with its time zone; the machine's clock by default.
    """

    product = GLOBE

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

    def can_replay(self, *, nonce: str, signer: str) -> bool:
        """Return whether the request with this nonce would be signed, and sent to, as its first copy was."""
        return self._client.can_replay(nonce=nonce, signer=signer, product=self.product)

    def gateway_time(self, *, monotonic: float) -> float | None:
        """Return the gateway's time at a monotonic moment, None while no response has told it."""
        return self._client.gateway_time(monotonic=monotonic, product=self.product)

    def sync_clock(self) -> None:
        """Learn the gateway's time from one free request."""
        self._client.sync_clock(product=self.product)

    def signer(self) -> str:
        """Return a hash that stands for the AccessKey that would sign now."""
        return self._client.signer(product=self.product)

    def submit(self, *, chunk: Chunk, envelope: Envelope) -> Outcome:
        """
        Send one chunk with one call of ``BatchSendMessageToGlobe``, which is never repeated here. Costs money.

        https://www.alibabacloud.com/help/en/sms/api-batchsendmessagetoglobe

        :param chunk: 1 to 1000 recipients, each with its own text.
        :param envelope: date and nonce of the signature; a replay uses those of the first copy.
        :returns: what :func:`globe_outcome` makes of the response, or
            :func:`~airflow_provider_aliyunsms.campaign.channels.errors.outcome_of` of the error.
        """
        # Numbers and texts are aligned by index: in another order, a recipient would get the text of another one.
        numbers = chunk.members.numbers
        try:
            response = self._client.batch_send_message_to_globe(
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
            return outcome_of(error, time=self._time(), product=self.product)
        return globe_outcome(numbers=numbers, response=response, time=self._time())

    def look_up(self, *, chunk: Chunk, since: float, until: float, turn: int, thorough: bool) -> LookUp:  # noqa: ARG002
        """Return that no look-up exists: 2018-05-01 has no query by task id, number or date."""
        return LookUp(Evidence.IMPOSSIBLE)

    def status(self, *, message: Tracked) -> Delivery:
        """
        Ask for the delivery of one message by its id, with free read calls.

        https://help.aliyun.com/zh/sms/developer-reference/api-dysmsapi-2018-05-01-querymessage

        :param message: an accepted message.
        :returns: the delivery; without an id *pending* with the code ``NO_MESSAGE_ID``, and no call is made.
        :raises ApiError: the query failed; the client repeats it on passing errors.
        """
        if not message.message_id:
            return Delivery(fate=Fate.PENDING, code="NO_MESSAGE_ID")
        response = self._client.query_message(message_id=message.message_id)
        if response.status == 1:
            return Delivery(fate=Fate.DELIVERED, code="DELIVERED")
        # 2 is failed, 6 expired. The page of the query documents 1 to 3 only, the page of pushed receipts 1, 2 and 6.
        if response.status in (2, 6):
            return Delivery(fate=Fate.FAILED, code=response.error_code or "FAILED")
        return Delivery(fate=Fate.PENDING, code=response.error_code or "PENDING")

    def _time(self) -> str:
        theirs = self._client.gateway_time(product=self.product)
        return utc_stamp(self._now().timestamp() if theirs is None else theirs)


def globe_outcome(*, numbers: Sequence[str], response: GlobeResponse, time: str) -> Outcome:
    """
    Return the outcome of a batch from its response: accepted, with failed recipients and message ids, or unknown.

    Failed recipients and ids are returned by their positions in the request. ``FailedList`` and ``SuccessCount``
    that agree say who was accepted, whatever the list of ids is like: ids that do not fit are left out. Without
    ``SuccessCount`` the ids have to fit. If the lists or their lengths contradict each other, or a failed number was
    not in the request, nothing is guessed: the outcome of the whole chunk is *unknown*, with the code
    ``local.MAPPING_UNKNOWN``.

    :param numbers: the numbers of the request, in its order, without duplicates.
    :param response: what the gateway sent back.
    :param time: when the call ended, ``2026-01-02T03:04:05Z``.
    """
    unknown = Outcome(kind=OutcomeKind.UNKNOWN, time=time, code=LocalCode.MAPPING_UNKNOWN.value)
    indexes = _failed(numbers, response.failed)
    if indexes is None:
        return unknown
    taken = len(numbers) - len(indexes)
    if response.success_count is not None and response.success_count != taken:
        return unknown
    ids: Sequence[str | None] | None = [None] * len(numbers)
    if response.ids_given:
        ids = _ids(numbers, response.message_ids, failed=indexes)
    if ids is None:
        if response.success_count is None:
            return unknown
        # The messages were accepted all the same, and are not sent again; nobody can ask for their deliveries.
        ids = [None] * len(numbers)
    return Outcome(
        kind=OutcomeKind.ACCEPTED,
        time=time,
        code=FAILED_LIST if indexes else None,
        message_ids=tuple(ids),
        failed=indexes,
    )


def _failed(numbers: Sequence[str], failed: Sequence[str] | None) -> frozenset[int] | None:
    """Return the positions of the failed numbers; None when one of them was not in the request, or stands twice."""
    if failed is None:
        return None
    position = {number: index for index, number in enumerate(numbers)}
    found = set()
    for written in failed:
        # The gateway may spell a number its own way: +65..., 0065..., or with blanks in it.
        digits = _NO_DIGITS.sub("", written)
        index = position.get(digits, position.get(digits.removeprefix("00")))
        if index is None or index in found:
            return None
        found.add(index)
    return frozenset(found)


def _ids(
    numbers: Sequence[str], given: Sequence[str | None] | None, *, failed: frozenset[int]
) -> Sequence[str | None] | None:
    """
    Return one id for each number, None where there is none; None in all when the list does not fit.

    It fits with one id for each accepted number, in the order of the request, or with one for each number of which
    those of the failed ones are empty.
    """
    if given is None:
        return None
    ids = without_numbers(given, numbers=numbers)
    if len(ids) == len(numbers) and all(ids[index] is None for index in failed):
        return ids
    if len(ids) != len(numbers) - len(failed):
        return None
    remaining = iter(ids)
    return [None if index in failed else next(remaining) for index in range(len(numbers))]


_NO_DIGITS: Final = re.compile(r"[^0-9]+")
