# SPDX-License-Identifier: Apache-2.0
"""
Keep a process that a newer try has replaced from writing into that try's ledger.

Airflow's own store refuses the writes of a try that was given up; a file storage does not. A process that was
stopped in the middle of a write (a suspended machine, a frozen container) finishes that write when it wakes up, and
no check before the write can prevent it. So every try claims the next *epoch* and writes only below its own epoch.
A late write does not overwrite anything of the newer try, and a check after the write tells the late process that
it was replaced::

    aliyun_sms.e000002.claim     made once: epoch 2 has begun, epoch 1 is over
    aliyun_sms.e000002.ready     epoch 2 is complete: all that is needed of earlier epochs has been copied
    aliyun_sms.e000002.goodbye   the process of epoch 2 has ended with no call in flight

Only the main thread of a try uses this module.
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
    Confine one try to an epoch of its own in a store that it shares with earlier and later tries.

    It has the methods of a store itself. The order of the calls is :meth:`look`, :meth:`claim`, reads,
    :meth:`seal`, then the writes of the sending. Until :meth:`seal` it reads from the last complete epoch and
    copies what it reads into its own. Each write costs two small reads more.

    :param store: the shared store.
    :param owner: a random text that distinguishes this process from every other.
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
        Find the earlier epochs, and the last complete one among them; nothing is written.

        It costs one read for each earlier epoch, and one for each epoch after the last complete one.

        :returns: True when an earlier try has claimed an epoch, even if it ended before it could send.
        """
        while self._store.get(_key(self._latest + 1, "claim")) is not None:
            self._latest += 1
        complete = (epoch for epoch in range(self._latest, 0, -1) if self._store.get(_key(epoch, "ready")))
        self._base = next(complete, 0)
        return self._latest > 0

    def claim(self) -> bool:
        """
        Begin a new epoch, which ends the one before.

        :returns: True when a process of an earlier epoch may still be alive: one that has left no ``goodbye``.
        :raises LedgerError: another process has claimed the same epoch.
        """
        # From the last complete epoch on. The try of that epoch waited for the processes before it, and completed
        # its epoch only then.
        later = range(max(self._base, 1), self._latest + 1)
        contested = any(self._store.get(_key(epoch, "goodbye")) is None for epoch in later)
        # create_once, not set: two processes that claimed the same epoch would overwrite each other's windows,
        # neither would ever find a newer claim, and both would send to the same recipients.
        if not create_once(self._store, _key(self._latest + 1, "claim"), {"owner": self._owner}):
            raise _taken_over()
        # Only now: while this is None, nothing can be written below the epoch (see _own).
        self._epoch = self._latest + 1
        return contested

    def get(self, key: str) -> Any:
        """
        Return a value of this epoch, or, until :meth:`seal`, of the last complete one; None when there is none.

        Between :meth:`claim` and :meth:`seal` the value is also copied into this epoch.
        """
        if self._sealed:
            return self._store.get(self._own(key))
        value = self._store.get(_key(self._base, key)) if self._base else None
        if value is not None and self._epoch is not None:
            # Without checks: the copies count only with the "ready" of seal(), which is checked.
            self._store.set(self._own(key), value)
        return value

    def set(self, key: str, value: Any) -> None:
        """
        Write a value; when this returns, the value was in the store before any newer try began.

        :raises LedgerError: a newer try has begun; it may send to the recipients that this one meant to send to.
        """
        # The check before spares a process that knows it was replaced a useless write.
        self.check()
        self._store.set(self._own(key), value)
        # The check after is the one that protects. A process can be frozen for any time between the first check and
        # the write; by then a newer try may have read this epoch without the value. Without this check the intents
        # just written would be sent by this process, and the same recipients once more by the newer try.
        self.check()

    def seal(self) -> None:
        """
        Mark this epoch as complete: everything needed of earlier epochs has been read, and with that copied.

        :raises LedgerError: a newer try has begun.
        """
        if not self._sealed:
            # After the last copy. Later tries read a complete epoch and none before it: what was not copied is lost
            # to them, and the recipients of a window that is missing would get a second message.
            self.set("ready", {"base": self._base})
            self._sealed = True

    def check(self) -> None:
        """
        Check that no newer try has begun; costs one read.

        :raises LedgerError: a newer try has begun.
        """
        # This try's epoch is latest + 1. Claims leave no holes, so one look at the next number is enough.
        if self._store.get(_key(self._latest + 2, "claim")) is not None:
            raise _taken_over()

    def record_shutdown(self) -> None:
        """
        Record that this process has no call in flight any more.

        It needs no check for a newer try: that one reads it at most to decide whether it must wait.
        """
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
