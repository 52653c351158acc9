# SPDX-License-Identifier: Apache-2.0
"""Define the outcome of one call, as channels return it and the ledger stores it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_aliyunsms.exceptions import ApiError


OUTCOMES: Final = ("accepted", "rejected", "skipped", "unknown")
"""The outcomes of recipients: each ends in one of them, and their counts add up to the input."""


class OutcomeKind(StrEnum):
    """The ways in which the call for one chunk can end."""

    ACCEPTED = "accepted"
    """The gateway accepted it, except for the positions in ``failed``."""

    REFUSED = "refused"
    """Certainly not accepted, because of the request or of a recipient in it."""

    SPLIT = "split"
    """Refused with more than one recipient in it; smaller chunks of them are sent, up to ten."""

    RELEASED = "released"
    """Certainly not accepted; its recipients may be sent to again, in a new chunk."""

    AMBIGUOUS = "ambiguous"
    """Perhaps accepted; evidence may still settle it."""

    UNKNOWN = "unknown"
    """Perhaps accepted, and no evidence can settle it any more."""


FINAL = frozenset(
    {OutcomeKind.ACCEPTED, OutcomeKind.REFUSED, OutcomeKind.SPLIT, OutcomeKind.RELEASED, OutcomeKind.UNKNOWN}
)
"""Kinds that need no more evidence; only these are written to the ledger."""


FAILED_LIST = "FailedList"
"""Code of a recipient that the response names in its list of failed numbers; the API says no reason."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The outcome of one call for one chunk.

    :param kind: see :class:`OutcomeKind`.
    :param time: when the outcome was learned, ``2026-01-02T03:04:05Z``.
    :param code: a code of the API or of this package; for an accepted chunk the code of the ``failed`` recipients.
    :param biz_id: China: the ``BizId`` of the batch; None when the acceptance was learned by a look-up.
    :param message_ids: Globe: one id per recipient, None where there is none.
    :param failed: positions within the chunk, from 0, that the gateway did not accept.
    :param again: positions that were certainly not accepted and are sent to again in another chunk.
    :param lasting: with *refused*: every copy of this request would have been refused for the same reason.
    :param throttled: with *released*: the gateway refused the call because of its rate.
    :param retry_after: with *released*: seconds that the gateway asks to wait, or None.
    :param error: with *released*: the error that stops the whole campaign; never written to the ledger.
    :param cause: with *released*: the error of this call, for the text of the error that may end the try.
    """

    kind: OutcomeKind
    time: str
    code: str | None = None
    biz_id: str | None = None
    message_ids: tuple[str | None, ...] | None = None
    failed: frozenset[int] = frozenset()
    again: frozenset[int] = frozenset()
    lasting: bool = False
    throttled: bool = False
    retry_after: float | None = None
    error: Exception | None = None
    cause: ApiError | None = None

    def to_json(self) -> dict[str, Any]:
        """
        Return the outcome as the ledger stores it.

        ``lasting``, ``throttled``, ``retry_after``, ``error`` and ``cause`` only matter within the try and are left
        out.
        """
        # Ledgers of unfinished campaigns hold these names: if one changes, a retry misreads what was sent.
        kept: dict[str, Any] = {"r": self.kind.value, "t": self.time}
        if self.code:
            kept["e"] = self.code
        if self.biz_id:
            kept["b"] = self.biz_id
        if self.message_ids is not None:
            kept["m"] = list(self.message_ids)
        if self.failed:
            kept["f"] = sorted(self.failed)
        if self.again:
            kept["g"] = sorted(self.again)
        return kept

    def check(self, *, size: int) -> None:
        """
        Check that an outcome that was read fits a chunk of ``size`` recipients.

        :raises ValueError: it does not.
        """
        places = self.failed | self.again
        if not all(isinstance(place, int) and 0 <= place < size for place in places):
            raise ValueError("an outcome names a recipient that the chunk does not have")
        if self.message_ids is not None and len(self.message_ids) != size:
            raise ValueError("an outcome has not one id for each recipient")
        texts = (self.time, self.code, self.biz_id, *(self.message_ids or ()))
        if not all(text is None or isinstance(text, str) for text in texts) or not self.time:
            raise ValueError("an outcome holds something else than texts")

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Outcome:
        """Return the outcome that :meth:`to_json` wrote."""
        message_ids = kept.get("m")
        return cls(
            kind=OutcomeKind(kept["r"]),
            time=kept["t"],
            code=kept.get("e"),
            biz_id=kept.get("b"),
            message_ids=None if message_ids is None else tuple(message_ids),
            failed=frozenset(kept.get("f", ())),
            again=frozenset(kept.get("g", ())),
        )
