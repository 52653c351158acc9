# SPDX-License-Identifier: Apache-2.0
"""Read the receipts of a campaign, and make of each accepted one the data of a query."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from socket import gethostname
from typing import IO, Any

from airflow_provider_aliyunsms.campaign.ports import Tracked
from airflow_provider_aliyunsms.campaign.receipts import read_receipts
from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign, parse_time
from airflow_provider_aliyunsms.delivery.state import DeliveryState
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError
from airflow_provider_aliyunsms.products import CHINA

ACCEPTED = "accepted"
OUTCOMES = frozenset({ACCEPTED, "rejected", "skipped", "unknown", "pending"})
"""Every outcome that a receipt can have."""

OpenReceipts = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens a receipts path or URI for reading in binary."""


def scan(*, campaign: WatchedCampaign, open_receipts: OpenReceipts) -> DeliveryState:
    """
    Read all receipts once, and return a delivery state in which every accepted message is pending.

    :raises ConfigurationError: the number of accepted receipts is not that of the campaign.
    :raises AudienceError: a row is not a receipt; the text names the row, never its content.
    """
    progress = DeliveryState()
    first_strange: int | None = None
    with _receipts(campaign=campaign, open_receipts=open_receipts, wanted=lambda _: True) as receipts:
        for position, receipt in receipts:
            outcome = receipt.get("outcome")
            if outcome == ACCEPTED:
                progress.expect(position)
            elif outcome not in OUTCOMES and first_strange is None:
                first_strange = position
    if first_strange is not None:
        raise AudienceError(
            "the receipts hold an outcome that no campaign has",
            row=first_strange + 1,
            field="outcome",
            advice="The file was damaged or edited: clear the send task, it rebuilds the receipts without sending.",
        )
    found = progress.tally.pending
    if found != campaign.accepted:
        raise ConfigurationError(
            f"the receipts hold {found} accepted messages, the campaign {campaign.accepted}",
            advice="The receipts were overwritten or cut: give every campaign its own receipts_path, "
            "or clear the send task, which rebuilds them without sending.",
        )
    return progress


def pending_messages(
    *, campaign: WatchedCampaign, progress: DeliveryState, open_receipts: OpenReceipts
) -> Generator[tuple[int, Tracked], None, None]:
    """
    Yield position and query data of every pending message that can be asked for, in the order of the receipts.

    Reads the receipts as the caller advances, so memory use does not grow with the campaign. Receipts that lack what
    the query needs are passed over: the API cannot be asked for them, so they stay pending.

    :param progress: read while the generator runs; messages settled meanwhile are passed over. Only the thread that
        changes it may run this generator.
    :raises AudienceError: a row is not a receipt; the text names the row, never its content.
    """
    with _receipts(campaign=campaign, open_receipts=open_receipts, wanted=progress.is_pending) as receipts:
        for position, receipt in receipts:
            message = as_tracked(receipt=receipt, api=campaign.api)
            if message is not None:
                yield position, message


def as_tracked(*, receipt: Mapping[str, Any], api: str) -> Tracked | None:
    """
    Return the data of a query for the message of one receipt.

    The China API is asked by phone number and date, the Globe API by message id.

    :returns: None when the receipt lacks one of these.
    """
    accepted_at = parse_time(receipt.get("time"))
    message_id = receipt.get("message_id")
    if api == CHINA.action:
        number = receipt.get("phone_number")
        if not number or accepted_at is None or not receipt.get("out_id"):
            return None
    else:
        number = receipt.get("to")
        if not message_id:
            return None
    return Tracked(
        number=str(number or ""),
        out_id=str(receipt.get("out_id") or ""),
        biz_id=receipt.get("biz_id"),
        message_id=message_id,
        accepted_at=accepted_at or 0.0,
    )


@contextmanager
def _receipts(
    *, campaign: WatchedCampaign, open_receipts: OpenReceipts, wanted: Callable[[int], bool]
) -> Iterator[Iterator[tuple[int, Mapping[str, Any]]]]:
    """Open the receipts, and return an iterator over the wanted ones; the others in a file are not parsed."""
    if campaign.receipts is not None:
        yield ((at, receipt) for at, receipt in enumerate(campaign.receipts) if wanted(at))
        return
    path = campaign.receipts_path or ""
    with _opened(campaign, open_receipts) as stream:
        yield read_receipts(path=path, stream=stream, wanted=wanted)


def _opened(campaign: WatchedCampaign, open_receipts: OpenReceipts) -> AbstractContextManager[IO[bytes]]:
    host, here = campaign.receipts_host, gethostname()
    try:
        return open_receipts(campaign.receipts_path or "")
    except ConfigurationError as error:
        if host and host != here:
            error.message = f"{error.message.rstrip('.')}: it is on the disk of {host}, and this is {here}"
        raise
