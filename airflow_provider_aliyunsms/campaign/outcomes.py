# SPDX-License-Identifier: Apache-2.0
"""What became of one chunk: the one word that channel, ledger and sender share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class OutcomeKind(StrEnum):
    """How one call for one chunk ended."""

    ACCEPTED = "accepted"
    """The gateway took it; ``failed`` names the positions it left out."""

    REFUSED = "refused"
    """Certainly not accepted, for the sake of the request or of one recipient in it."""

    SPLIT = "split"
    """Refused with several recipients in it; its halves are new chunks."""

    RELEASED = "released"
    """Certainly not accepted; its recipients may be sent again in a new chunk."""

    AMBIGUOUS = "ambiguous"
    """Nobody knows yet."""

    UNKNOWN = "unknown"
    """Nobody will ever know: no evidence can settle it any more."""


FINAL = frozenset(
    {OutcomeKind.ACCEPTED, OutcomeKind.REFUSED, OutcomeKind.SPLIT, OutcomeKind.RELEASED, OutcomeKind.UNKNOWN}
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    How one chunk ended.

    :param kind: see :class:`OutcomeKind`.
    :param time: when it was learned, ``2026-01-02T03:04:05Z``.
    :param code: the API's code or one of ours; for an accepted chunk the code of the ``failed`` ones.
    :param biz_id: China: the ``BizId`` of the batch, None when it was learned by look-up.
    :param message_ids: Globe: one id per recipient, None where there is none.
    :param failed: positions within the chunk that the gateway did not accept.
    :param lasting: with ``refused``: every copy of this request would have been refused for the same reason.
    :param throttled: with ``released``: the gateway refused the call for its rate.
    :param retry_after: seconds to wait, with ``released``.
    :param error: what stopped the whole campaign, with ``released``; never written to the ledger.
    """

    kind: OutcomeKind
    time: str
    code: str | None = None
    biz_id: str | None = None
    message_ids: tuple[str | None, ...] | None = None
    failed: frozenset[int] = frozenset()
    lasting: bool = False
    throttled: bool = False
    retry_after: float | None = None
    error: Exception | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the form the ledger keeps."""
        kept: dict[str, Any] = {"r": self.kind.value, "t": self.time}
        if self.code:
            kept["e"] = self.code
        if self.biz_id:
            kept["b"] = self.biz_id
        if self.message_ids is not None:
            kept["m"] = list(self.message_ids)
        if self.failed:
            kept["f"] = sorted(self.failed)
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Outcome:
        """Read what :meth:`to_json` wrote."""
        message_ids = kept.get("m")
        return cls(
            kind=OutcomeKind(kept["r"]),
            time=kept["t"],
            code=kept.get("e"),
            biz_id=kept.get("b"),
            message_ids=None if message_ids is None else tuple(message_ids),
            failed=frozenset(kept.get("f", ())),
        )
