# SPDX-License-Identifier: Apache-2.0
"""What a watch has learned and the next process goes on with."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.delivery.state import DeliveryState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.campaign.ledger import Store

log = logging.getLogger(__name__)

HANDED_OVER = 40_000
"""Characters that travel in the arguments of a trigger: MySQL keeps 64 KB of them, encrypted."""

Cursor = tuple[int, int]
TOP: Cursor = (0, 0)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    What must outlive a process; holds neither numbers nor ids.

    :param fingerprint: of what it was learned; it fits nothing else.
    :param progress: one for each campaign with accepted messages, None to ask for everyone anew.
    :param failures: rounds in a row in which nothing worked.
    :param calls: queries made so far.
    :param cursor: campaign and position at which a round goes on that was cut short.
    :param next_at: when to look again, seconds since the epoch.
    :param recent: queries of the last second before ``noted_at``.
    :param noted_at: seconds since the epoch.
    """

    fingerprint: str
    progress: tuple[DeliveryState, ...] | None = None
    failures: int = 0
    calls: int = 0
    cursor: Cursor = TOP
    next_at: float = 0.0
    recent: int = 0
    noted_at: float = 0.0

    def for_new_try(self) -> Checkpoint:
        """Keep the fates and forget the rest, which belongs to one try."""
        return Checkpoint(fingerprint=self.fingerprint, progress=self.progress)

    def to_json(self) -> dict[str, Any]:
        """Return a form that :meth:`from_json` reads in any other process."""
        return {
            "fingerprint": self.fingerprint,
            "progress": None if self.progress is None else [each.to_json() for each in self.progress],
            "failures": self.failures,
            "calls": self.calls,
            "cursor": list(self.cursor),
            "next_at": self.next_at,
            "recent": self.recent,
            "noted_at": self.noted_at,
        }

    def to_small_json(self) -> tuple[dict[str, Any], bool]:
        """Return a form that fits into the arguments of a trigger, and whether the progress is still in it."""
        whole = self.to_json()
        if len(json.dumps(whole)) <= HANDED_OVER:
            return whole, True
        return replace(self, progress=None, cursor=TOP, next_at=0.0).to_json(), False

    @classmethod
    def from_json(cls, kept: Any, *, fingerprint: str) -> Checkpoint | None:
        """Read what :meth:`to_json` wrote; None when it is damaged or belongs to something else."""
        if not isinstance(kept, Mapping) or kept.get("fingerprint") != fingerprint:
            return None
        try:
            progress = kept["progress"]
            part, position = kept["cursor"]
            return cls(
                fingerprint=fingerprint,
                progress=None
                if progress is None
                else tuple(DeliveryState.from_json(each) for each in progress),
                failures=int(kept["failures"]),
                calls=int(kept["calls"]),
                cursor=(int(part), int(position)),
                next_at=float(kept["next_at"]),
                recent=int(kept["recent"]),
                noted_at=float(kept["noted_at"]),
            )
        except (KeyError, TypeError, ValueError):
            return None


PREFIX = "aliyun_sms.delivery."
HEAD = PREFIX + "head"
PART_SIZE = 48_000
"""Characters per value; stores complain above 64 KB."""


class CheckpointStore:
    """
    Keep one checkpoint in Airflow's task state store (3.3 and later), where there is one.

    A store that fails is tolerated and logged: then messages are asked for once more, and nothing is lost.

    :param store: the store of the task, None where Airflow has none: then nothing is kept and nothing found.
    """

    def __init__(self, store: Store | None) -> None:
        self._store = store

    @property
    def exists(self) -> bool:
        """Whether there is a store."""
        return self._store is not None

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint in place of the one before; a write that is torn leaves the one before."""
        if self._store is not None:
            with _tolerated("kept"):
                _write(store=self._store, checkpoint=checkpoint)

    def load(self, *, fingerprint: str) -> Checkpoint | None:
        """Return what was saved for these campaigns, None when there is nothing whole."""
        if self._store is not None:
            with _tolerated("read"):
                return _read(store=self._store, fingerprint=fingerprint)
        return None

    def clear(self) -> None:
        """Make the next :meth:`load` find nothing, so that a cleared task asks for everyone again."""
        if self._store is not None:
            with _tolerated("forgotten"):
                if self._store.get(HEAD) is not None:
                    self._store.set(HEAD, {})


@contextmanager
def _tolerated(what: str) -> Iterator[None]:
    """Go on without a store that fails: it only means asking again, or being told once more what was found."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - Airflow's stores fail in many ways, and none may end a sensor
        log.warning("The progress could not be %s: %s", what, type(error).__name__)


def _write(*, store: Store, checkpoint: Checkpoint) -> None:
    text = json.dumps(checkpoint.to_json(), separators=(",", ":"))
    # Invariant: the parts are written first, the head last, and never over the parts the head still names. In any
    # other order a process that dies in between leaves a head whose parts are half of one and half of another.
    side = 1 - _side(store.get(HEAD))
    parts = [text[start : start + PART_SIZE] for start in range(0, len(text), PART_SIZE)]
    for number, part in enumerate(parts):
        store.set(_key(side=side, number=number), part)
    store.set(HEAD, {"side": side, "parts": len(parts), "crc": zlib.crc32(text.encode())})


def _read(*, store: Store, fingerprint: str) -> Checkpoint | None:
    head = store.get(HEAD)
    if not isinstance(head, dict):
        return None
    try:
        text = _text(store=store, head=head)
        return Checkpoint.from_json(json.loads(text), fingerprint=fingerprint) if text else None
    except (KeyError, TypeError, ValueError):
        return None


def _text(*, store: Store, head: Mapping[str, Any]) -> str | None:
    side = _side(head)
    text = "".join(str(store.get(_key(side=side, number=number))) for number in range(int(head["parts"])))
    return text if zlib.crc32(text.encode()) == head["crc"] else None


def _side(head: Any) -> int:
    return 1 if isinstance(head, dict) and head.get("side") == 1 else 0


def _key(*, side: int, number: int) -> str:
    return f"{PREFIX}{side}.{number}"
