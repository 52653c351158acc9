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

The claim of the first epoch also decides whether a campaign is sent as a whole or in shards: a plan of shards takes
it for good, with the number of shards inside (``shard_record.py``).

Only the main thread of a try uses this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.campaign.ledger.stores import create_once
from airflow_provider_aliyunsms.exceptions import LedgerConflictError, LedgerError

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.campaign.ledger.stores import Store

_PREFIX = "aliyun_sms."
_HEAD = "head"

FIRST_CLAIM: Final = f"{_PREFIX}e000001.claim"
"""The file that only one process can make first: a try of the whole campaign, or a plan of its shards."""

SHARDS: Final = "shards"
"""The field of :data:`FIRST_CLAIM` that holds what a plan of shards has recorded."""

_PROBES: Final = 8
"""Numbers after the last claim that are looked at for claims behind a hole."""


@dataclass(frozen=True, slots=True)
class Claim:
    """
    What a try found when it claimed its epoch.

    :param contested: a process of an earlier epoch may still be alive: one that has left no ``goodbye``.
    :param first_try_was_here: the claims go back to the first try of a task, so that no earlier record was lost.
    """

    contested: bool
    first_try_was_here: bool


class Fence:
    """
    Confine one try to an epoch of its own in a store that it shares with earlier and later tries.

    It has the methods of a store itself. The order of the calls is :meth:`claim`, reads, :meth:`seal`, then the
    writes of the sending. Until :meth:`seal` it reads from the last complete epoch and copies what it reads into
    its own. Each write costs two small reads more.

    :param store: the shared store.
    :param owner: a random text that distinguishes this process from every other.
    """

    def __init__(self, *, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._atomic = False
        self._base = 0
        self._epoch: int | None = None
        self._sealed = False

    @property
    def epoch(self) -> int:
        """The number of this try's epoch; 0 before :meth:`claim`."""
        return self._epoch or 0

    @property
    def has_base(self) -> bool:
        """Whether an earlier epoch is complete, and the record is therefore read from it."""
        return self._base > 0

    def claim(self, *, first_try: bool) -> Claim:
        """
        Begin a new epoch, which ends the one before, and choose the epoch to read from.

        It costs a read for each earlier epoch, some reads beyond the last one, and one write.

        :param first_try: whether Airflow says that the task runs for the first time.
        :raises LedgerConflictError: a plan of shards holds the first epoch.
        :raises LedgerError: another process has claimed the same epoch, or a part of the record is missing.
        """
        latest = self._find_latest()
        # Before the claim: the second epoch beside a plan's would be free, and the whole campaign would be sent
        # beside its shards.
        first = self._sure(FIRST_CLAIM) if latest else None
        check_is_whole(first)
        # create_once, not set: two processes that claimed the same epoch would overwrite each other's windows,
        # neither would ever find a newer claim, and both would send to the same recipients.
        if not create_once(
            self._store, _key(latest + 1, "claim"), {"owner": self._owner, "first": first_try}
        ):
            # Whose it is, so that the error says what to do.
            check_is_whole(self._sure(FIRST_CLAIM))
            raise _taken_over()
        self._epoch = latest + 1
        # Asked now: by the first claim a storage shows whether it keeps the conditions of a write.
        self._atomic = bool(getattr(self._store, "claims_are_atomic", False))
        if not self._atomic and self._sure(self._own(_HEAD)) is not None:
            # Another process had claimed this epoch, and its claim was overwritten by ours, after it had been read
            # back. Its windows are here, too, and nobody would read them. It finds our claim before its next call.
            raise _taken_over()
        # Only after the claim. A process that is alive can complete its epoch and write intents at any moment
        # before it; chosen earlier, the base would be one that does not hold these intents, and their recipients
        # would get a second message. After the claim that process finds it with the check behind its write, and
        # does not send.
        self._base = self._choose_base(latest)
        return Claim(
            # From the last complete epoch on. The try of that epoch waited for the processes before it, and
            # completed its epoch only then.
            contested=any(
                self._sure(_key(epoch, "goodbye")) is None for epoch in range(max(self._base, 1), latest + 1)
            ),
            first_try_was_here=isinstance(first, dict) and bool(first.get("first")),
        )

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
        Check that no newer try has begun; costs one read, or two where a claim is not atomic.

        :raises LedgerError: a newer try has begun, or another process holds the claim of this epoch.
        """
        # Claims leave no holes, so one look at the next number is enough.
        if self._store.get(_key(self.epoch + 1, "claim")) is not None:
            raise _taken_over()
        if not self._atomic:
            # Of two processes that wrote the same claim, the one whose write was slower holds it. The other may
            # have read its own value back before that, and finds out here.
            claim = self._store.get(_key(self.epoch, "claim"))
            if not isinstance(claim, dict) or claim.get("owner") != self._owner:
                raise _taken_over()

    def record_shutdown(self) -> None:
        """
        Record that this process has no call in flight any more.

        It needs no check for a newer try: that one reads it at most to decide whether it must wait.
        """
        self._store.set(self._own("goodbye"), {"owner": self._owner})

    def _find_latest(self) -> int:
        latest = 0
        while self._sure(_key(latest + 1, "claim")) is not None:
            latest += 1
        for number in range(latest + 2, latest + 2 + _PROBES):
            if self._store.get(_key(number, "claim")) is not None:
                raise _incomplete(f"the claim of epoch {latest + 1}")
        return latest

    def _choose_base(self, latest: int) -> int:
        for epoch in range(latest, 0, -1):
            if self._sure(_key(epoch, "ready")):
                return epoch
            # The head of a try says that its epoch is complete as soon as it has windows of its own.
            head = self._store.get(_key(epoch, _HEAD))
            if isinstance(head, dict) and head.get("sealed") == epoch:
                raise _incomplete(f"the mark that epoch {epoch} is complete")
        return 0

    def _sure(self, key: str) -> Any:
        """Return a value; before it counts as missing, it is asked for a second time."""
        value = self._store.get(key)
        return self._store.get(key) if value is None else value

    def _own(self, key: str) -> str:
        if self._epoch is None:
            raise RuntimeError("claim first")
        return _key(self._epoch, key)


def has_later_epochs(store: Store) -> bool:
    """
    Return whether a try has claimed an epoch behind the first in a store; costs up to seven reads.

    What removes old files by their age removes the first claim before all others.
    """
    return any(store.get(_key(epoch, "claim")) is not None for epoch in range(2, _PROBES + 1))


def check_is_whole(claim: Any, *, what: str = "this campaign") -> None:
    """
    Check that a first claim, if there is one, is not that of a plan of shards.

    :param claim: the value of :data:`FIRST_CLAIM`, or None.
    :param what: names the campaign in the error.
    :raises LedgerConflictError: it is; nothing was sent.
    :raises LedgerError: it is, and it does not say how many shards.
    """
    if not isinstance(claim, dict) or SHARDS not in claim:
        return
    kept = claim[SHARDS]
    of = kept.get("of") if isinstance(kept, dict) else None
    if not isinstance(of, int):
        raise _incomplete("the number of shards")
    raise LedgerConflictError(
        f"{what} was begun in {of} shards, whose ledgers may know whom it was sent to",
        advice=f"Nothing was sent now. Go back to AliyunSmsShards with shards={of}, or start a new run with another "
        "campaign_id, which sends to all recipients again.",
    )


def _key(epoch: int, key: str) -> str:
    return f"{_PREFIX}e{epoch:06d}.{key.removeprefix(_PREFIX)}"


def _taken_over() -> LedgerError:
    return LedgerError(
        "another process has taken this campaign over",
        advice="This one stopped before its next call; look at the newest try of the task.",
    )


def _incomplete(what: str) -> LedgerError:
    return LedgerError(
        f"a part of the ledger is missing: {what}",
        advice="Nothing was sent now. Files of a ledger must not be removed one by one, by a life cycle rule or by "
        "hand. Bring them back from a copy. If there is none, look in the SMS console for what was sent; another "
        "campaign_id sends to all recipients again.",
    )
