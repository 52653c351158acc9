# SPDX-License-Identifier: Apache-2.0
"""
Keep a process that was replaced from doing harm, on a store that takes writes from anybody.

Airflow's own store refuses the writes of a try that was given up; files do not. A process that was stopped in the
middle of a write (a machine put to sleep, a container frozen) finishes that write whenever it wakes up, and no look
at the owner before the write can prevent it. So every try claims the next *epoch* and writes below that alone: what
comes late lands where nobody reads any more, and a look after the write tells the late one that it is too late::

    aliyun_sms.e000002.claim     made once: epoch 2 has begun, epoch 1 is over
    aliyun_sms.e000002.ready     everything worth knowing of the epochs before has been copied
    aliyun_sms.e000002.goodbye   its process has ended and has nothing in flight
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.campaign.ledger.stores import create_once
from airflow_provider_aliyunsms.exceptions import LedgerError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.ledger.stores import Store

_PREFIX = "aliyun_sms."


class Fence:
    """
    One try's part of a store that it shares with the tries before and after it.

    It is a store itself. Until :meth:`seal` it reads the last complete epoch and copies what it reads; a write
    costs two small reads more.

    :param store: the shared store.
    :param owner: tells this process from every other.
    """

    def __init__(self, *, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._latest = 0
        self._base = 0
        self._epoch: int | None = None
        self._sealed = False

    def look(self) -> bool:
        """
        Find the epochs before this one; nothing is written.

        :returns: whether an earlier try has been here, even if it never came to send.
        """
        while self._store.get(_key(self._latest + 1, "claim")) is not None:
            self._latest += 1
        complete = (epoch for epoch in range(self._latest, 0, -1) if self._store.get(_key(epoch, "ready")))
        self._base = next(complete, 0)
        return self._latest > 0

    def claim(self) -> bool:
        """
        End the epoch of whoever was here before and begin a new one.

        :returns: whether a process of an epoch before may still be alive.
        :raises LedgerError: another process claimed at the same moment.
        """
        # Those before the base were waited for before it became complete.
        later = range(max(self._base, 1), self._latest + 1)
        contested = any(self._store.get(_key(epoch, "goodbye")) is None for epoch in later)
        if not create_once(self._store, _key(self._latest + 1, "claim"), {"owner": self._owner}):
            raise _taken_over()
        self._epoch = self._latest + 1
        return contested

    def get(self, key: str) -> Any:
        """Return a value of this epoch, or of the last complete one while this one is being filled."""
        if self._sealed:
            return self._store.get(self._own(key))
        value = self._store.get(_key(self._base, key)) if self._base else None
        if value is not None and self._epoch is not None:
            self._store.set(self._own(key), value)
        return value

    def set(self, key: str, value: Any) -> None:
        """
        Keep a value; when this returns, no other try had begun before it was kept.

        :raises LedgerError: another try has begun; whatever this one meant to send may be another's already.
        """
        self.check()
        self._store.set(self._own(key), value)
        self.check()

    def seal(self) -> None:
        """Say that everything worth knowing has been read, and with that copied."""
        if not self._sealed:
            self.set("ready", {"base": self._base})
            self._sealed = True

    def check(self) -> None:
        """
        Make sure that no other try has begun.

        :raises LedgerError: one has.
        """
        if self._store.get(_key(self._latest + 2, "claim")) is not None:
            raise _taken_over()

    def record_shutdown(self) -> None:
        """Say that nothing of this process is in flight any more; harmless whenever it is written."""
        self._store.set(self._own("goodbye"), {"owner": self._owner})

    def _own(self, key: str) -> str:
        if self._epoch is None:
            raise RuntimeError("claim first")
        return _key(self._epoch, key)


def _key(epoch: int, key: str) -> str:
    return f"{_PREFIX}e{epoch:06d}.{key.removeprefix(_PREFIX)}"


def _taken_over() -> LedgerError:
    return LedgerError(
        "another process has taken this campaign over",
        advice="This one stopped before its next call; look at the newest try of the task.",
    )
