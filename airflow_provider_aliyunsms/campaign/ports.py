# SPDX-License-Identifier: Apache-2.0
"""
Define the protocols by which the sender and the ``delivery`` package use a channel, and the values they exchange.

They stand here and not in ``campaign/channels``, so that code which needs only the protocols, such as the sensor,
does not load the channels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_aliyunsms.api.signature import Envelope
    from airflow_provider_aliyunsms.campaign.chunks import Chunk
    from airflow_provider_aliyunsms.campaign.outcomes import Outcome
    from airflow_provider_aliyunsms.products import Product


class Evidence(StrEnum):
    """The result of a look-up of one chunk by its out id."""

    FOUND = "found"
    """There is a record: the chunk was accepted."""

    EMPTY = "empty"
    """The gateway shows no record of the recipients asked for, or none yet."""

    INCONCLUSIVE = "inconclusive"
    """It proves nothing: a query failed, a response was incomplete, or a record carries no out id."""

    IMPOSSIBLE = "impossible"
    """The API has no look-up."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """
    The result of one look-up.

    :param evidence: what it says of the chunk.
    :param found: positions of the recipients of whom there is a record.
    :param doubtful: a query failed, a response was incomplete, or a record carries no out id.
    :param code: the code of the error that made a query fail, None when none did.
    """

    evidence: Evidence
    found: frozenset[int] = frozenset()
    doubtful: bool = False
    code: str | None = None


class Fate(StrEnum):
    """The state of one message at the carrier."""

    DELIVERED = "delivered"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The state of one message at the carrier, with the code for it."""

    fate: Fate
    code: str


@dataclass(frozen=True, slots=True)
class Tracked:
    """
    One accepted message, with what a query for its delivery needs.

    :param number: the recipient's number; China finds records by number and date.
    :param out_id: the label of the chunk.
    :param biz_id: China: the id of the send; None when the acceptance was learned by a look-up.
    :param message_id: Globe: the id of the message; None when the gateway did not name it.
    :param accepted_at: when the message was accepted, in seconds since the epoch.
    """

    number: str
    out_id: str
    biz_id: str | None
    message_id: str | None
    accepted_at: float


class StatusChannel(Protocol):
    """The part of a channel that asks for deliveries, as the ``delivery`` package uses it."""

    def status(self, *, message: Tracked) -> Delivery:
        """
        Ask once for the delivery of one message; costs at most a few free read calls.

        :raises ApiError: the query failed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """
    A template as the vendor has it.

    :param code: such as ``SMS_152550005``.
    :param text: its text with ``${name}`` placeholders; empty when the vendor does not tell it.
    :param status: ``approved``, ``in review``, ``rejected`` or ``cancelled``; else what the vendor says.
    :param kind: ``otp``, ``notification``, ``promotion`` or ``international``; else what the vendor says.
    :param variables: what a variable may hold, by its name, as the vendor says it; only where it says anything.
    """

    code: str
    text: str = field(repr=False)
    status: str
    kind: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """
    A signature as the vendor has it.

    :param name: the signature.
    :param status: as that of :class:`Template`.
    :param carriers: for each carrier (``mobile``, ``unicom``, ``telecom``) ``filed``, ``filed but unverified``,
        ``filing``, ``failed``, ``lapsed`` or ``not filed``; empty when the vendor says nothing of carriers.
    """

    name: str = field(repr=False)
    status: str
    carriers: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class VendorFacts(Protocol):
    """Ask the vendor what it knows of templates and signatures; free read calls."""

    def template(self, *, code: str) -> Template | None:
        """
        Return a template, None when the account has no such template.

        :raises AliyunSmsError: the vendor cannot be asked, or its answer cannot be read.
        """
        ...

    def signature(self, *, name: str) -> Signature | None:
        """
        Return a signature, None when the account has no such signature.

        :raises AliyunSmsError: the vendor cannot be asked, or its answer cannot be read.
        """
        ...


class Channel(StatusChannel, Protocol):
    """A channel as the sender uses it: it makes the calls of one product; threads may share it."""

    product: Product

    def signer(self) -> str:
        """Return a hash that stands for the AccessKey that would sign now and for the endpoint, never the key id."""
        ...

    def can_replay(self, *, nonce: str, signer: str) -> bool:
        """Return whether the request with this nonce would be signed, and sent to, as its first copy was."""
        ...

    def gateway_time(self, *, monotonic: float) -> float | None:
        """Return the gateway's time at a monotonic moment, in seconds since the epoch; None while it is unknown."""
        ...

    def sync_clock(self) -> None:
        """Learn the gateway's time from one free request; a failure leaves it unknown."""
        ...

    def submit(self, *, chunk: Chunk, envelope: Envelope) -> Outcome:
        """Make the send call for one chunk once, and return how it ended. Costs money."""
        ...

    def look_up(self, *, chunk: Chunk, since: float, until: float, turn: int, thorough: bool) -> LookUp:
        """
        Look for records of a chunk; free read calls.

        :param since: the earliest moment at which the gateway can have received it, in seconds since the epoch.
        :param until: the latest such moment.
        :param turn: the number of earlier look-ups of this chunk: each asks for other recipients.
        :param thorough: ask for every recipient.
        """
        ...
