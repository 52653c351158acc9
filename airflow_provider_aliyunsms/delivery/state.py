# SPDX-License-Identifier: Apache-2.0
"""Keep what is known about the messages of one campaign: one bit for each pending message, and the counts."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.ports import Delivery, Fate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LARGEST_UNPACKED = 16 * 1024 * 1024
"""Bytes of the largest state that is unpacked: more than a hundred million messages."""


class DeliveryState:
    """
    The pending messages of one campaign, by the position of their receipts, and the counts of the others.

    A million messages take 125 KB. Holds neither phone numbers nor ids, so that it may be stored anywhere. Not
    thread-safe: in a round only the thread that calls
    :meth:`~airflow_provider_aliyunsms.delivery.polling.DeliveryPoller.round` may touch it.
    """

    __slots__ = ("_bits", "_delivered", "_errors", "_failed", "_pending")

    def __init__(self) -> None:
        # Invariant: _pending is the number of bits that are set, and every message expected so far is in exactly one
        # of _pending, _delivered and _failed. The counts are wrong for good when a line changes one of them alone.
        self._bits = bytearray()
        self._pending = 0
        self._delivered = 0
        self._failed = 0
        self._errors: Counter[str] = Counter()

    def expect(self, position: int) -> None:
        """Add the message at a position as pending; one that is pending already is not counted again."""
        byte, bit = divmod(position, 8)
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        if not self._bits[byte] >> bit & 1:
            self._bits[byte] |= 1 << bit
            self._pending += 1

    def is_pending(self, position: int) -> bool:
        """Return True when the message at this position is pending."""
        byte, bit = divmod(position, 8)
        return byte < len(self._bits) and bool(self._bits[byte] >> bit & 1)

    def settle(self, *, position: int, delivery: Delivery) -> None:
        """
        Count a pending message as delivered or failed.

        A delivery that is still pending changes nothing, and so does a message that is not pending any more.
        """
        # Before the counts are changed: a message that is settled already must not be counted twice.
        if delivery.fate is Fate.PENDING or not self.is_pending(position):
            return
        byte, bit = divmod(position, 8)
        self._bits[byte] &= ~(1 << bit) & 0xFF
        self._pending -= 1
        if delivery.fate is Fate.DELIVERED:
            self._delivered += 1
        else:
            self._failed += 1
            known = delivery.code in self._errors
            self._errors[delivery.code if known else self._new_code(delivery.code)] += 1

    def _new_code(self, code: str) -> str:
        # Imported here, because a DAG file that imports the sensor must not load the tables of codes.
        from airflow_provider_aliyunsms.codes import MOST_CODES, LocalCode

        return code if len(self._errors) < MOST_CODES else LocalCode.OTHER_CODE.value

    def only(self, *, ranks: Sequence[int]) -> DeliveryState:
        """
        Return a new delivery state in which only some of the pending messages are pending; its other counts are 0.

        :param ranks: which of the pending messages, counted from 0 in the order of their receipts; ascending.
        """
        chosen = DeliveryState()
        wanted = iter(ranks)
        rank, before = next(wanted, None), 0
        for byte, bits in enumerate(self._bits):
            after = before + bits.bit_count()
            while rank is not None and rank < after:
                places = [bit for bit in range(8) if bits >> bit & 1]
                chosen.expect(byte * 8 + places[rank - before])
                rank = next(wanted, None)
            before = after
        return chosen

    @property
    def tally(self) -> Tally:
        """The counts at this moment, as a copy that does not change later."""
        return Tally(
            delivered=self._delivered, failed=self._failed, pending=self._pending, errors=dict(self._errors)
        )

    def to_json(self) -> dict[str, Any]:
        """Return a compact JSON form that :meth:`from_json` can read in any other process."""
        packed = base64.b64encode(zlib.compress(bytes(self._bits).rstrip(b"\0"), 9)).decode()
        return {
            "bits": packed,
            "delivered": self._delivered,
            "failed": self._failed,
            "errors": dict(self._errors),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> DeliveryState:
        """
        Return the delivery state that :meth:`to_json` wrote.

        :raises ValueError: ``kept`` is damaged or something else.
        """
        progress = cls()
        try:
            progress._bits = _unpacked(kept["bits"])
            progress._delivered, progress._failed = _count(kept["delivered"]), _count(kept["failed"])
            progress._errors = Counter({str(code): _count(count) for code, count in kept["errors"].items()})
        except (KeyError, TypeError, AttributeError, zlib.error, binascii.Error) as error:
            raise ValueError("not the progress of a delivery") from error
        if progress._errors.total() != progress._failed:
            raise ValueError("the codes of a delivery do not add up")
        progress._pending = int.from_bytes(progress._bits, "little").bit_count()
        return progress


def _unpacked(packed: str) -> bytearray:
    unpacking = zlib.decompressobj()
    bits = unpacking.decompress(base64.b64decode(packed, validate=True), LARGEST_UNPACKED)
    if not unpacking.eof:
        raise ValueError("cut, or of more messages than one campaign has")
    return bytearray(bits)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError("not a count")
    return value


@dataclass(frozen=True, slots=True)
class Tally:
    """
    The counts of one or several campaigns.

    :param delivered: messages the carrier delivered.
    :param failed: messages the carrier could not deliver.
    :param pending: messages without a final receipt so far.
    :param errors: the carriers' codes of the failed messages and their counts, which add up to ``failed``.
    """

    delivered: int = 0
    failed: int = 0
    pending: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        """The number of accepted messages: each is in exactly one of the three counts."""
        return self.delivered + self.failed + self.pending


def ranked(tally: Tally) -> list[tuple[str, int]]:
    """Return the error codes and their counts, the most frequent first."""
    return sorted(tally.errors.items(), key=lambda item: (-item[1], item[0]))


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of the counts of several campaigns."""
    errors: Counter[str] = Counter()
    delivered = failed = pending = 0
    for tally in tallies:
        delivered, failed, pending = (
            delivered + tally.delivered,
            failed + tally.failed,
            pending + tally.pending,
        )
        errors.update(tally.errors)
    return Tally(delivered=delivered, failed=failed, pending=pending, errors=dict(errors))
