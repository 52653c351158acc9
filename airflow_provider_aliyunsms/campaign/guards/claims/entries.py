# SPDX-License-Identifier: Apache-2.0
"""Write and read one entry of a log of claims."""

from __future__ import annotations

import base64
import secrets
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.exceptions import ClaimsError

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION: Final = 1

DAMAGED: Final = (
    "Bring the files back from a copy. If there is none, name another place as the guard's store: there all counts "
    "begin anew, so wait for the longest period of the guards, or accept that somebody gets more than they allow."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    What one process claimed or settled at once.

    :param number: its place in the log, from 1.
    :param campaign: hash of the campaign.
    :param at_ms: when, in milliseconds since the epoch.
    :param claimed_ms: of a settlement: when its try made its claims; None for a claim.
    :param keep_ms: the longest window of the guard that wrote it.
    :param subjects: hashes.
    :param amounts: one for each, in all.
    :param after: the token of the entry before it; empty for the first one.
    :param token: tells it from every other entry.
    """

    number: int
    campaign: int
    at_ms: int
    claimed_ms: int | None
    keep_ms: int
    subjects: Sequence[int]
    amounts: Sequence[int]
    after: str
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def as_json(self) -> dict[str, Any]:
        """Return the value to write: the hashes as they are, which no compression makes smaller."""
        return {
            "version": VERSION,
            "campaign": self.campaign,
            "at_ms": self.at_ms,
            "claimed_ms": self.claimed_ms,
            "keep_ms": self.keep_ms,
            "after": self.after,
            "token": self.token,
            "subjects": base64.b64encode(_packed(self.subjects)).decode(),
            "amounts": base64.b64encode(zlib.compress(_packed(self.amounts), 1)).decode(),
        }

    @classmethod
    def from_json(cls, number: int, value: Any) -> Entry:
        """
        Return the entry that was written.

        :raises ClaimsError: it is damaged, or of a later version of this package.
        """
        try:
            if value["version"] != VERSION:
                raise ClaimsError(
                    f"entry {number} of the claims was written by another version of this package",
                    advice="Install the newest version that any of the deployments has.",
                )
            entry = cls(
                number=number,
                campaign=int(value["campaign"]),
                at_ms=int(value["at_ms"]),
                claimed_ms=None if value["claimed_ms"] is None else int(value["claimed_ms"]),
                keep_ms=int(value["keep_ms"]),
                subjects=_unpacked(base64.b64decode(value["subjects"], validate=True)),
                amounts=_unpacked(zlib.decompress(base64.b64decode(value["amounts"], validate=True))),
                after=str(value["after"]),
                token=str(value["token"]),
            )
            if len(entry.subjects) != len(entry.amounts) or min(entry.amounts, default=0) < 0:
                raise ValueError("amounts")
        except (KeyError, TypeError, ValueError, struct.error, zlib.error) as error:
            raise ClaimsError(f"entry {number} of the claims is damaged", advice=DAMAGED) from error
        return entry


def _packed(numbers: Sequence[int]) -> bytes:
    return struct.pack(f">{len(numbers)}q", *numbers)


def _unpacked(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(data) // 8}q", data)
