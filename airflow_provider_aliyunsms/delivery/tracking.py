# SPDX-License-Identifier: Apache-2.0
"""From receipts to questions: which messages can be asked for, and with what."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any

from airflow_provider_aliyunsms.campaign.ports import Tracked
from airflow_provider_aliyunsms.campaign.receipts import read_receipts
from airflow_provider_aliyunsms.delivery.campaigns import WatchedCampaign, parse_time
from airflow_provider_aliyunsms.delivery.state import DeliveryState
from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.products import CHINA

OpenReceipts = Callable[[str], AbstractContextManager[IO[bytes]]]


def scan(*, campaign: WatchedCampaign, open_receipts: OpenReceipts) -> DeliveryState:
    """
    Read all receipts once and return a progress in which every accepted message is pending.

    :raises ConfigurationError: the receipts are not those of this campaign.
    :raises AudienceError: naming a line that is no receipt, never its content.
    """
    progress = DeliveryState()
    with _receipts(campaign=campaign, open_receipts=open_receipts, wanted=lambda _: True) as receipts:
        for position, receipt in receipts:
            if receipt.get("outcome") == "accepted":
                progress.expect(position)
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
    Yield position and question of every pending message that can be asked for, in flat memory.

    Receipts that lack what the question needs are passed over: nobody can ever learn their fate, so they
    stay pending.
    """
    with _receipts(campaign=campaign, open_receipts=open_receipts, wanted=progress.is_pending) as receipts:
        for position, receipt in receipts:
            message = as_tracked(receipt=receipt, api=campaign.api)
            if message is not None:
                yield position, message


def as_tracked(*, receipt: Mapping[str, Any], api: str) -> Tracked | None:
    """Return the question for one receipt: China goes by number and date, Globe by message id."""
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
    """Give the wanted receipts; those of settled messages are not even parsed."""
    if campaign.receipts is not None:
        yield ((at, receipt) for at, receipt in enumerate(campaign.receipts) if wanted(at))
        return
    path = campaign.receipts_path or ""
    with open_receipts(path) as stream:
        yield read_receipts(path=path, stream=stream, wanted=wanted)
