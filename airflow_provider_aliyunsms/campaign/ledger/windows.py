# SPDX-License-Identifier: Apache-2.0
"""
Define the windows of the ledger: groups of chunks whose intents and outcomes are written as one value.

A write for each chunk would cost more time than the call itself. A window holds the calls of a few seconds, and
stays below the 64 KB that Airflow's task state store accepts.
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
"""Largest window in bytes: below ``[state_store] max_value_storage_bytes`` (65,535), less what JSON may add."""

_BYTES_PER_KEY = 11  # eight bytes in base64
_BYTES_PER_MESSAGE_ID = 44
_BYTES_PER_ENTRY = 160


@dataclass(slots=True)
class Entry:
    """
    One chunk in the ledger.

    Threads: the main thread writes ``outcome``. ``attempted_at`` and ``seen`` are written by the thread that holds
    the chunk's job at that moment, the main thread or one worker thread. The main thread may read all fields at any
    time, because it writes the whole window whenever one entry of it changes.

    :param out_id: the chunk's label.
    :param keys: the recipients' keys, in the order of the request; never their phone numbers.
    :param nonce: the nonce of the signed request, so that the identical request can be made again.
    :param date: the date in the signature of the request, ``2026-01-02T03:04:05Z``.
    :param attempted_at: the latest time, in seconds since the epoch, at which a request with this nonce may have
        left. Look-ups that find nothing are no proof before the settle time has passed since then. An error here
        must be on the late side: a time that is too early lets a later try send again what was accepted.
    :param outcome: how the chunk ended, None while that is unknown.
    :param seen: the gateway said that it knows the nonce, so a replay would prove nothing any more.
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
        """Whether the outcome is final, so that no evidence is needed any more."""
        return self.outcome is not None and self.outcome.kind in FINAL


@dataclass(slots=True)
class Window:
    """
    A numbered group of entries, written and read as one value.

    :param number: its place among the windows of a generation, from 1, without holes.
    :param seed: random text from which the nonces of all its requests are derived.
    :param date: the date in the signatures of all its requests, ``2026-01-02T03:04:05Z``.
    :param signer: a hash that stands for the AccessKey that signed the requests. The gateway's word on a nonce
        counts only under the same AccessKey.
    :param entries: one for each chunk; the nonce of an entry follows from its position, so the order must not
        change.
    """

    number: int
    seed: str
    date: str
    signer: str = ""
    entries: list[Entry] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value for the store: ids, keys and codes, no phone numbers or texts."""
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
        """Build a window from the value that :meth:`to_json` returned."""
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
    """
    Build a window of open entries for chunks that are about to be sent; nothing is written yet.

    Date and nonce of every request follow from ``date``, ``seed`` and the position of its chunk, so a later try can
    make the identical request from the window alone.

    :param at: the time of writing, in seconds since the epoch.
    """
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
    """Return the nonce of the request at a position of a window: 32 hexadecimal digits, like the SDK's."""
    return hashlib.blake2b(f"{seed}:{position}".encode(), digest_size=16).hexdigest()


def bytes_of(*, recipients: int, with_message_ids: bool) -> int:
    """Return an upper estimate of the bytes that one chunk takes in the ledger once its outcome is known."""
    per_recipient = _BYTES_PER_KEY + (_BYTES_PER_MESSAGE_ID if with_message_ids else 0)
    return _BYTES_PER_ENTRY + recipients * per_recipient


def _pack(keys: Sequence[int]) -> str:
    return base64.b64encode(struct.pack(f">{len(keys)}q", *keys)).decode()


def _unpack(text: str) -> tuple[int, ...]:
    raw = base64.b64decode(text)
    return struct.unpack(f">{len(raw) // 8}q", raw)
