# SPDX-License-Identifier: Apache-2.0
"""Save what a watch has learned, so that the next process can go on from there."""

from __future__ import annotations

import json
import logging
import math
import zlib
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.delivery.series import Point, read_series
from airflow_provider_aliyunsms.delivery.state import DeliveryState
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_aliyunsms.campaign.ledger import Store

log = logging.getLogger(__name__)

HANDED_OVER = 40_000
"""Largest checkpoint, in characters, in the arguments of a trigger; MySQL keeps 64 KB of these, encrypted."""

Cursor = tuple[int, int]
"""Index of a campaign among those with accepted messages, and position of a receipt in it; both count from 0."""

TOP: Cursor = (0, 0)
"""The cursor of a round that begins with the first pending message."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    The state of a watch that must outlive its process; holds neither phone numbers nor message ids.

    :param fingerprint: of the campaigns it belongs to, see
        :func:`~airflow_provider_aliyunsms.delivery.campaigns.campaigns_fingerprint`.
    :param progress: one delivery state for each campaign with accepted messages; None to ask for all messages anew.
    :param failures: rounds in a row in which nothing worked.
    :param calls: queries made so far in this try.
    :param cursor: where the next round goes on when the last one was cut short.
    :param next_at: when to make the next round, seconds since the epoch.
    :param recent: queries that still counted towards ``max_qps`` at ``noted_at``.
    :param noted_at: when this was noted, seconds since the epoch.
    :param series: the counts after earlier rounds, see :class:`.DeliverySeries`.
    :param groups: the counts by group of a split, see :class:`.GroupCounts`; None where there is none.
    """

    fingerprint: str
    progress: tuple[DeliveryState, ...] | None = None
    failures: int = 0
    calls: int = 0
    cursor: Cursor = TOP
    next_at: float = 0.0
    recent: int = 0
    noted_at: float = 0.0
    series: tuple[Point, ...] = ()
    groups: Mapping[str, Any] | None = None

    def for_new_try(self) -> Checkpoint:
        """Return a copy for a new try of the task: it keeps the delivery states and resets everything else."""
        return Checkpoint(
            fingerprint=self.fingerprint, progress=self.progress, series=self.series, groups=self.groups
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON form that :meth:`from_json` can read in any other process."""
        return {
            "fingerprint": self.fingerprint,
            "progress": None if self.progress is None else [each.to_json() for each in self.progress],
            "failures": self.failures,
            "calls": self.calls,
            "cursor": list(self.cursor),
            "next_at": self.next_at,
            "recent": self.recent,
            "noted_at": self.noted_at,
            **({"series": [list(point) for point in self.series]} if self.series else {}),
            **({"groups": self.groups} if self.groups is not None else {}),
        }

    def to_small_json(self) -> tuple[dict[str, Any], bool]:
        """
        Return a JSON form that fits into the arguments of a trigger, and whether the progress is still in it.

        When all of it is too large, the progress is left out, and with it the cursor and the time of the next round:
        the trigger then asks for all messages anew. The counters are always kept.
        """
        whole = self.to_json()
        if len(json.dumps(whole)) <= HANDED_OVER:
            return whole, True
        small = replace(self, progress=None, cursor=TOP, next_at=0.0, series=(), groups=None)
        return small.to_json(), False

    @classmethod
    def from_json(cls, kept: Any, *, fingerprint: str) -> Checkpoint | None:
        """Return the checkpoint that :meth:`to_json` wrote; None when it is damaged or of another fingerprint."""
        if not isinstance(kept, Mapping) or kept.get("fingerprint") != fingerprint:
            return None
        try:
            progress = kept["progress"]
            part, position = kept["cursor"]
            found = cls(
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
                series=read_series(kept.get("series")),
                groups=kept["groups"] if isinstance(kept.get("groups"), Mapping) else None,
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return found if found.is_sound() else None

    def is_sound(self) -> bool:
        """Return whether every number is possible; it was stored outside, where it may have been changed."""
        counts = (self.failures, self.calls, self.recent, *self.cursor)
        times = (self.next_at, self.noted_at)
        return all(count >= 0 for count in counts) and all(math.isfinite(one) for one in times)


PREFIX = "aliyun_sms.delivery."
HEAD = PREFIX + "head"
"""The key that names the parts of the current checkpoint; parts it does not name are never read."""

PART_SIZE = 48_000
"""Characters per value; stores complain above 64 KB."""


class CheckpointStore:
    """
    Keep one checkpoint in Airflow's task state store (3.3 and later), where there is one.

    A store that fails is logged and otherwise ignored: messages are then asked for once more, and nothing is lost.

    :param store: the store of the task; None where Airflow has none, then nothing is saved and nothing is found.
    """

    def __init__(self, store: Store | None) -> None:
        self._store = store

    @property
    def exists(self) -> bool:
        """Whether Airflow has a store for this task."""
        return self._store is not None

    def save(self, checkpoint: Checkpoint) -> None:
        """Save a checkpoint in place of the previous one, which stays readable when the write breaks off."""
        if self._store is not None:
            with _tolerated("kept"):
                _write(store=self._store, checkpoint=checkpoint)

    def load(self, *, fingerprint: str) -> Checkpoint | None:
        """Return the checkpoint saved for these campaigns; None when there is none, or it is damaged."""
        if self._store is not None:
            with _tolerated("read"):
                return _read(store=self._store, fingerprint=fingerprint)
        return None

    def clear(self) -> None:
        """Make the next :meth:`load` find nothing, so that a cleared task asks for all messages again."""
        if self._store is not None:
            with _tolerated("forgotten"):
                # The head alone is enough: without it no part is ever read.
                if self._store.get(HEAD) is not None:
                    self._store.set(HEAD, {})


@contextmanager
def _tolerated(what: str) -> Iterator[None]:
    """Log a failure of the store and go on: it only means asking again for messages whose delivery was known."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - Airflow's stores fail in many ways, and none may end a sensor
        say(log, logging.WARNING, "The progress could not be %s (%s).", what, type(error).__name__)


def _write(*, store: Store, checkpoint: Checkpoint) -> None:
    text = json.dumps(checkpoint.to_json(), separators=(",", ":"))
    # Invariant: the parts go to the side that the head does not name.
    # Written over the current side, a process that dies in between would destroy the previous checkpoint.
    side = 1 - _side(store.get(HEAD))
    parts = [text[start : start + PART_SIZE] for start in range(0, len(text), PART_SIZE)]
    for number, part in enumerate(parts):
        store.set(_key(side=side, number=number), part)
    # Invariant: the head is written last. Written earlier, a process that dies in between would leave a head whose
    # parts are partly those of an older checkpoint, or missing.
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
    # Parts that are missing, or not those the head was written for, count as no checkpoint at all.
    return text if zlib.crc32(text.encode()) == head["crc"] else None


def _side(head: Any) -> int:
    return 1 if isinstance(head, dict) and head.get("side") == 1 else 0


def _key(*, side: int, number: int) -> str:
    return f"{PREFIX}{side}.{number}"
