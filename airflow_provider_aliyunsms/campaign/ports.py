# SPDX-License-Identifier: Apache-2.0
"""What the sender and the delivery floor see of the wire, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.api.signature import Envelope
    from airflow_provider_aliyunsms.campaign.chunks import Chunk
    from airflow_provider_aliyunsms.campaign.outcomes import Outcome
    from airflow_provider_aliyunsms.products import Product


class Evidence(StrEnum):
    """What a look-up by out id says."""

    FOUND = "found"
    EMPTY = "empty"
    INCONCLUSIVE = "inconclusive"
    IMPOSSIBLE = "impossible"


class Fate(StrEnum):
    """What the carrier made of one message."""

    DELIVERED = "delivered"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The fate of one message and the carrier's code for it."""

    fate: Fate
    code: str


@dataclass(frozen=True, slots=True)
class Tracked:
    """
    What is needed to ask for the fate of one accepted message.

    :param number: needed for China, whose records are found by number and date.
    :param out_id: the chunk's label.
    :param biz_id: China, None when the acceptance was learned by look-up.
    :param message_id: Globe, None when the gateway did not name it.
    :param accepted_at: seconds since the epoch.
    """

    number: str
    out_id: str
    biz_id: str | None
    message_id: str | None
    accepted_at: float


class StatusChannel(Protocol):
    """What the delivery floor sees of a channel."""

    def status(self, *, message: Tracked) -> Delivery:
        """Ask once for the fate of one message; costs at most a few free read calls."""
        ...


class Channel(StatusChannel, Protocol):
    """What the sender sees of a channel."""

    product: Product

    def signer(self) -> str:
        """Return what stands for the AccessKey that would sign now; a hash, never the key id."""
        ...

    def submit(self, *, chunk: Chunk, envelope: Envelope) -> Outcome:
        """Make the call for one chunk, once."""
        ...

    def look_up(self, *, chunk: Chunk, since: float) -> Evidence:
        """Look for traces of the chunk at the gateway."""
        ...
