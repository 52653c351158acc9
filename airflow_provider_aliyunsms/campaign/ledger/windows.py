# SPDX-License-Identifier: Apache-2.0
"""
A window: the chunks whose intents are written to the ledger in one stroke.

One write per chunk would cost ten times the call itself; a window is a few seconds of sending and stays below
the 64 KB that Airflow's task state store takes without complaint.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.outcomes import FINAL, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_aliyunsms.campaign.chunks import Chunk

MAX_BYTES = 60_000
"""Below ``[state_store] max_value_storage_bytes`` (65,535), with room for what JSON adds."""

_BYTES_PER_KEY = 11  # eight bytes in base64
_BYTES_PER_MESSAGE_ID = 44
_BYTES_PER_ENTRY = 160


@dataclass(slots=True)
class Entry:
    """
    One chunk in the ledger.

    :param out_id: the chunk's label.
    :param keys: the recipients' keys, never their numbers.
    :param nonce: of the signed request, so that the identical request can be made again.
    :param date: of the signed request.
    :param attempted_at: the latest time, in seconds since the epoch, at which a request with this nonce may
        have left; look-ups prove nothing before the settle time has passed since then.
    :param outcome: None while nobody knows.
    :param seen: the gateway said that it knows the nonce, so that no copy is worth sending any more.
    """

    out_id: str
    keys: tuple[int, ...]
    nonce: str
    date: str
    attempted_at: float
    outcome: Outcome | None = None
    seen: bool = False

    @property
    def settled(self) -> bool:
        """Whether evidence is no longer needed."""
        return self.outcome is not None and self.outcome.kind in FINAL


@dataclass(slots=True)
class Window:
    """
    A numbered group of entries, written and read as one value.

    :param signer: stands for the AccessKey that signed the requests: a nonce is only known to have been used, or
        not, under the same one.
    """

    number: int
    seed: str
    date: str
    signer: str = ""
    entries: list[Entry] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the value the store keeps: ids, keys and codes, nothing personal."""
        return {
            "v": 1,
            "s": self.seed,
            "d": self.date,
            "p": self.signer,
            "c": [
                {
                    "o": entry.out_id,
                    "k": _pack(entry.keys),
                    "a": entry.attempted_at,
                    **({"n": 1} if entry.seen else {}),
                    **(entry.outcome.to_json() if entry.settled and entry.outcome else {}),
                }
                for entry in self.entries
            ],
        }

    @classmethod
    def from_json(cls, *, number: int, value: Mapping[str, Any]) -> Window:
        """Read what :meth:`to_json` wrote."""
        window = cls(number=number, seed=value["s"], date=value["d"], signer=value.get("p", ""))
        for position, kept in enumerate(value["c"]):
            window.entries.append(
                Entry(
                    out_id=kept["o"],
                    keys=_unpack(kept["k"]),
                    nonce=nonce_of(seed=window.seed, position=position),
                    date=window.date,
                    attempted_at=kept["a"],
                    outcome=Outcome.from_json(kept) if "r" in kept else None,
                    seen="n" in kept,
                )
            )
        return window


def open_window(
    *, number: int, seed: str, date: str, at: float, chunks: Sequence[Chunk], signer: str
) -> Window:
    """Turn chunks into intents; date and nonce of every request follow from what is written."""
    window = Window(number=number, seed=seed, date=date, signer=signer)
    window.entries = [
        Entry(
            out_id=chunk.out_id,
            keys=chunk.keys,
            nonce=nonce_of(seed=seed, position=position),
            date=date,
            attempted_at=at,
        )
        for position, chunk in enumerate(chunks)
    ]
    return window


def nonce_of(*, seed: str, position: int) -> str:
    """Derive the nonce of the request at a position: 32 hexadecimal digits, like the SDK's."""
    return hashlib.blake2b(f"{seed}:{position}".encode(), digest_size=16).hexdigest()


def bytes_of(*, recipients: int, with_message_ids: bool) -> int:
    """Estimate, from above, what one chunk takes in the ledger once its outcome is known."""
    per_recipient = _BYTES_PER_KEY + (_BYTES_PER_MESSAGE_ID if with_message_ids else 0)
    return _BYTES_PER_ENTRY + recipients * per_recipient


def _pack(keys: Sequence[int]) -> str:
    return base64.b64encode(struct.pack(f">{len(keys)}q", *keys)).decode()


def _unpack(text: str) -> tuple[int, ...]:
    raw = base64.b64decode(text)
    return struct.unpack(f">{len(raw) // 8}q", raw)
