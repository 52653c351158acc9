# SPDX-License-Identifier: Apache-2.0
"""
Define the windows of the ledger: groups of chunks whose intents and outcomes are written as one value.

A write for each chunk would cost more time than the call itself. A window holds the calls of a few seconds, and
stays below the 64 KB that Airflow's task state store accepts.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.campaign.clock import parse_stamp
from airflow_provider_aliyunsms.campaign.outcomes import FINAL, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_BYTES = 60_000
"""Largest window in bytes: below ``[state_store] max_value_storage_bytes`` (65,535), less what JSON may add."""

_BYTES_PER_KEY = 18  # eight bytes and four bytes in base64
_BYTES_PER_MESSAGE_ID = 44
_BYTES_PER_ENTRY = 200

VERSION: Final = 2
"""The form of new windows. Version 1 had content keys alone: a recipient whose content changed was unknown to it."""


@dataclass(slots=True)
class Entry:
    """
    One chunk in the ledger.

    Threads: the main thread writes ``outcome``. ``attempted_at``, ``seen`` and ``refused`` are written by the
    thread that holds the chunk's job at that moment, the main thread or one worker thread. The main thread may read
    all fields at any time, because it writes the whole window whenever one entry of it changes.

    :param out_id: the chunk's label.
    :param nonce: the nonce of the signed request, so that the identical request can be made again.
    :param date: the date in the signature of the request, ``2026-01-02T03:04:05Z``.
    :param attempted_at: the latest time, in seconds since the epoch, at which a request with this nonce may
        have left. Look-ups that find nothing are no proof before the settle time has passed since then. An error
        here must be on the late side: a time that is too early lets a later try send again what was accepted.
    :param number_keys: one keyed hash of each recipient's number, in the order of the request; never the number.
    :param tags: one tag of each recipient's content, masked with the nonce (``LedgerKeys.masked``); empty where the
        number alone is the identity.
    :param keys: version 1 only: one hash of number and content of each recipient.
    :param outcome: how the chunk ended, None while that is unknown.
    :param seen: the gateway said that it knows the nonce, so a replay would prove nothing any more.
    :param refused: the code with which the gateway refused the whole chunk, while it is not settled yet.
    :param settled_on: a hash of the occasion that settled it, if that is a later one than its window's; else empty.
    """

    out_id: str
    nonce: str
    date: str
    attempted_at: float
    number_keys: tuple[int, ...] = ()
    tags: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    outcome: Outcome | None = None
    seen: bool = False
    refused: str | None = None
    settled_on: str = ""

    def __len__(self) -> int:
        return len(self.number_keys or self.keys)

    @property
    def settled(self) -> bool:
        """Whether the outcome is final, so that no evidence is needed any more."""
        return self.outcome is not None and self.outcome.kind in FINAL

    def to_json(self) -> dict[str, Any]:
        """Return the entry's part of the window's value."""
        value: dict[str, Any] = {
            "o": self.out_id,
            "k": _pack(self.number_keys or self.keys),
            "a": self.attempted_at,
        }
        if self.tags:
            value["q"] = _pack(self.tags, "I")
        if self.seen:
            value["n"] = 1
        if self.refused:
            value["x"] = self.refused
        if self.settled_on:
            value["z"] = self.settled_on
        if self.settled and self.outcome:
            value |= self.outcome.to_json()
        return value


@dataclass(slots=True)
class Window:
    """
    A numbered group of entries, written and read as one value.

    :param number: its place among the windows of a generation, from 1, without holes.
    :param seed: random text from which the nonces of all its requests are derived.
    :param date: the date in the signatures of all its requests, ``2026-01-02T03:04:05Z``.
    :param signer: a hash that stands for the AccessKey that signed the requests and the endpoint they went to. The
        gateway's word on a nonce counts only under the same.
    :param entries: one for each chunk; the nonce of an entry follows from its position, so the order must not
        change.
    :param by_gateway: its times are the gateway's. Otherwise they are this machine's, which may be wrong by
        minutes.
    :param counted: how many windows there were when this one was last written to count them; 0 if it never was.
    :param version: the form in which it was written first, and is written again.
    """

    number: int
    seed: str
    date: str
    signer: str = ""
    entries: list[Entry] = field(default_factory=list)
    by_gateway: bool = False
    counted: int = 0
    version: int = VERSION

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value for the store: ids, keys and codes, no phone numbers or texts."""
        value: dict[str, Any] = {"v": self.version, "s": self.seed, "d": self.date, "p": self.signer}
        if self.version > 1:
            value |= {"i": self.number, "g": int(self.by_gateway)}
        if self.counted:
            value["w"] = self.counted
        return value | {"c": [entry.to_json() for entry in self.entries]}

    @classmethod
    def from_json(cls, *, number: int, value: Mapping[str, Any]) -> Window:
        """
        Build a window from the value that :meth:`to_json` returned.

        :raises ValueError: the value is damaged, or belongs to another number.
        """
        try:
            version = int(value["v"])
            if version > 1 and value["i"] != number:
                raise ValueError("the number is another one")
            window = cls(
                number=number,
                seed=str(value["s"]),
                date=value["d"],
                signer=str(value.get("p", "")),
                by_gateway=bool(value.get("g")),
                counted=int(value.get("w", 0)),
                version=version,
            )
            parse_stamp(window.date)
            for position, kept in enumerate(value["c"]):
                window.entries.append(window._read_entry(position, kept))
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError, struct.error) as error:
            raise ValueError(f"damaged window ({type(error).__name__})") from error
        return window

    def _read_entry(self, position: int, kept: Mapping[str, Any]) -> Entry:
        keys, tags = _unpack(kept["k"]), _unpack(kept["q"], "I") if "q" in kept else ()
        if not keys or (tags and len(tags) != len(keys)):
            raise ValueError("keys and tags do not fit")
        outcome = Outcome.from_json(kept) if "r" in kept else None
        if outcome is not None:
            outcome.check(size=len(keys))
        if not math.isfinite(kept["a"]):
            raise ValueError("a time is no number")
        return Entry(
            out_id=str(kept["o"]),
            nonce=nonce_of(seed=self.seed, position=position),
            date=self.date,
            attempted_at=float(kept["a"]),
            number_keys=keys if self.version > 1 else (),
            tags=tags,
            keys=() if self.version > 1 else keys,
            outcome=outcome,
            seen="n" in kept,
            refused=kept.get("x"),
            settled_on=str(kept.get("z", "")),
        )


def open_window(
    *,
    number: int,
    seed: str,
    date: str,
    at: float,
    out_ids: Sequence[str],
    number_keys: Sequence[tuple[int, ...]],
    signer: str,
    by_gateway: bool,
) -> Window:
    """
    Return a new window of intents; date and nonce of every request follow from what is written.

    :param at: the earliest time at which the calls can be made, in seconds since the epoch.
    :param out_ids: the labels of the chunks.
    :param number_keys: for each chunk the number keys of its recipients; the tags are masked with the nonces that are
        made here.
    """
    window = Window(number=number, seed=seed, date=date, signer=signer, by_gateway=by_gateway)
    window.entries = [
        Entry(
            out_id=out_id,
            nonce=nonce_of(seed=seed, position=position),
            date=date,
            attempted_at=at,
            number_keys=keys,
        )
        for position, (out_id, keys) in enumerate(zip(out_ids, number_keys, strict=True))
    ]
    return window


def nonce_of(*, seed: str, position: int) -> str:
    """Return the nonce of the request at a position of a window: 32 hexadecimal digits, like the SDK's."""
    return hashlib.blake2b(f"{seed}:{position}".encode(), digest_size=16).hexdigest()


def bytes_of(*, recipients: int, with_message_ids: bool) -> int:
    """Return an upper estimate of the bytes that one chunk takes in the ledger once its outcome is known."""
    per_recipient = _BYTES_PER_KEY + (_BYTES_PER_MESSAGE_ID if with_message_ids else 0)
    return _BYTES_PER_ENTRY + recipients * per_recipient


def _pack(keys: Sequence[int], form: str = "q") -> str:
    return base64.b64encode(struct.pack(f">{len(keys)}{form}", *keys)).decode()


def _unpack(text: str, form: str = "q") -> tuple[int, ...]:
    raw = base64.b64decode(text, validate=True)
    return struct.unpack(f">{len(raw) // struct.calcsize('>' + form)}{form}", raw)
