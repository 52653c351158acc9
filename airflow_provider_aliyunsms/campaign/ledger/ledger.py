# SPDX-License-Identifier: Apache-2.0
"""
Write the intents and outcomes of a campaign to a store, and read those of earlier tries.

Keys of the store, all below one campaign::

    aliyun_sms.head             which process owns the campaign now, and which generation it is in
    aliyun_sms.g<G>.w<NNNNNN>   one window of intents and outcomes, numbered without holes
    aliyun_sms.g<G>.summary     the result, written by a try that ran to its end
    aliyun_sms.progress         small counts that a user can watch

On a store that cannot refuse the writes of an older process, these keys stand below the try's epoch, see
``fence.py``.

A resend starts the next generation, once for each occasion on which a user asked for it. The automatic retries of
that occasion resume the new generation, as they would resume any other.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_aliyunsms.campaign.clock import utc_stamp
from airflow_provider_aliyunsms.campaign.ledger.fence import Fence
from airflow_provider_aliyunsms.campaign.ledger.windows import Entry, Window, open_window
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import LedgerError, LedgerMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_aliyunsms.campaign.chunks import Chunk
    from airflow_provider_aliyunsms.campaign.ledger.stores import Store

T = TypeVar("T")

_HEAD = "aliyun_sms.head"
_PROGRESS = "aliyun_sms.progress"


@dataclass(frozen=True, slots=True)
class Opening:
    """
    The state in which a ledger was found when it was opened.

    :param resumed: an earlier try left a record of this generation.
    :param contested: an earlier try recorded no clean shutdown, so its process may still be alive and sending.
        Always False for a ledger that is not fenced.
    :param summary: the result that an earlier try wrote at its end, None when there is none.
    :param started_at: when this generation of the campaign was begun, ``2026-01-02T03:04:05Z``.
    """

    resumed: bool
    contested: bool
    summary: Mapping[str, Any] | None
    started_at: str


class Ledger:
    """
    Keep the write-ahead record of one campaign in a store.

    Only the main thread of a try may call its methods, because Airflow's connection to its supervisor cannot be
    shared by threads. Worker threads may read :attr:`written_at` and nothing else.

    :param store: where the record lives.
    :param campaign_id: compared with the record, because the ledger of another campaign would say nothing about
        which recipients of this one were sent to.
    :param fenced: True when an orphan (a process of an earlier try that still runs) could write to the store. Every
        try then has a part of the store to itself, see :class:`.Fence`. Airflow's own store refuses the writes of
        orphans.
    :param now: the wall clock, in seconds since the epoch.
    :ivar calls: calls that this generation has intents for, without those that were certainly never made. Main
        thread only.
    :ivar written_at: when the store last took a write or passed a check of the ownership, in seconds since the
        epoch. The main thread writes it; worker threads read it before they begin a call.
    """

    def __init__(self, *, store: Store, campaign_id: str, fenced: bool, now: Callable[[], float]) -> None:
        self._owner = secrets.token_hex(8)
        self._fence = Fence(store=store, owner=self._owner) if fenced else None
        self._store: Store = self._fence or store
        self._campaign_id = campaign_id
        self._now = now
        self._head: dict[str, Any] = {}
        self._windows = 0
        self.calls = 0
        self.written_at = now()

    @property
    def campaign(self) -> str:
        """Return the campaign id, followed by ``#`` and the generation after a ``resend``."""
        generation = self._head["generation"]
        return self._campaign_id if generation == 1 else f"{self._campaign_id}#{generation}"

    def open(self, *, first_try: bool, resend: bool = False, occasion: str = "") -> Opening:
        """
        Take ownership of the campaign and return what an earlier try left.

        Read the windows (:meth:`windows`) before the first intent is written.

        :param first_try: False when Airflow says that the task ran before.
        :param resend: send to all recipients again: start a new generation, once for each occasion.
        :param occasion: the same text for a try and its automatic retries, another one after a Clear.
        :raises LedgerMissingError: on a second try without a record of the first; nothing is sent.
        :raises LedgerError: when the record belongs to another campaign, cannot be read or written, or another
            process takes the campaign over at the same moment; nothing is sent.
        """
        # Only a read. If there are claims but no complete epoch (then no head is found), the earlier tries ended
        # before they could send, and this one may. That is why this try's own claim must stay behind the two
        # refusals: a refused try that left a claim would make the next one believe that nothing was ever sent, and
        # all recipients of a lost ledger would get a second message.
        known = self._fence is not None and self._guarded(self._fence.look, "read")
        head = self._get(_HEAD)
        if head is None:
            if not first_try and not resend and not known:
                raise LedgerMissingError(
                    "this task has run before, but there is no ledger that says what it sent",
                    advice="Nothing was sent now. Check the SMS console for this campaign; if nothing of it was "
                    "sent, or if it shall be sent again, run the task once with resend=True.",
                )
            head = {"campaign_id": self._campaign_id, "generation": 0}
        elif head.get("campaign_id") != self._campaign_id:
            raise LedgerError(
                "the ledger belongs to another campaign",
                advice="Give this campaign its own ledger_path or campaign_id.",
            )
        # Before any window is read. An older process whose intents are written after this claim finds the claim and
        # does not send. If the claim came after windows(), that process could still send intents which this try has
        # not seen, and this try would send to the same recipients again.
        contested = self._fence is not None and self._guarded(self._fence.claim, "written")
        resumed = head["generation"] > 0 and not (resend and head["occasion"] != occasion)
        if not resumed:
            head |= {
                "generation": head["generation"] + 1,
                "occasion": occasion,
                "started_at": utc_stamp(self._now()),
            }
        self._head = {**head, "owner": self._owner}
        # After the claim, because a fenced store copies into the new epoch what is read from now on.
        summary = self._get(self._summary_key()) if resumed else None
        # On Airflow's store this write is the proof of ownership: it fails for a try that was given up. It must be
        # done before open() returns, because sending begins with what open() returns.
        self._set(_HEAD, self._head)
        return Opening(
            resumed=resumed, contested=contested, summary=summary, started_at=self._head["started_at"]
        )

    def windows(self) -> Iterator[Window]:
        """
        Yield the windows of this generation in the order in which they were written.

        Call it once, after :meth:`open`, and read it to its end before anything is written: the end of it also
        makes this try's epoch complete. It costs one read of the store for each window and one more, and a write of
        each window's copy when the ledger is fenced.

        :raises LedgerError: a window cannot be read or copied; nothing is sent.
        """
        # The first missing number is the end, so numbers must have no holes: windows behind a hole would not be
        # read, and their recipients would get a second message. The order matters, too: a released recipient stands
        # in a later window again, and that later outcome has to be applied last.
        while (value := self._get(self._window_key(self._windows + 1))) is not None:
            self._windows += 1
            window = Window.from_json(number=self._windows, value=value)
            self.calls += sum(not _never_made(entry) for entry in window.entries)
            yield window
        if self._fence is not None:
            # Only when every window was read, and with that copied. A try that finds this epoch complete reads no
            # older one, and would send again to the recipients of a window that was not copied.
            self._guarded(self._fence.seal, "written")

    def write_intents(self, chunks: Sequence[Chunk], *, signer: str = "") -> Window:
        """
        Write the intent to send these chunks durably, as one new window; they may be sent once this has returned.

        It costs one write of the store.

        :param signer: a hash that stands for the AccessKey that will sign the requests.
        :returns: the window, with one entry for each chunk in the same order.
        :raises LedgerError: when the store does not take the window; then none of the chunks may be sent.
        """
        at = self._now()
        window = open_window(
            number=self._windows + 1,
            seed=secrets.token_hex(8),
            date=utc_stamp(at),
            at=round(at, 3),
            chunks=chunks,
            signer=signer,
        )
        # The number is used up only by a write that succeeded. Counted before, a failed write would leave a hole,
        # and windows() of the next try would stop there and miss all later windows.
        self.save(window)
        self._windows += 1
        self.calls += len(chunks)
        return window

    def save(self, window: Window) -> None:
        """
        Write a window again, with the outcomes and times that are known by now.

        :raises LedgerError: when the store does not take it; the chunks without a written outcome stay open, and
            the next try looks for evidence of them.
        """
        self._set(self._window_key(window.number), window.to_json())

    def confirm(self) -> None:
        """
        Check that this process still owns the campaign, after a long time without a write.

        :raises LedgerError: another try has taken the campaign over, or the store cannot be reached.
        """
        if self._fence is None:
            # Airflow's store refuses the write of a try that was given up, so any write is a check.
            self._set(_HEAD, self._head)
        else:
            self._guarded(self._fence.check, "read")
            # Only after the check has passed: worker threads begin calls on the strength of this time.
            self.written_at = self._now()

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the result; a cleared task that has nothing left to send returns it again."""
        self._set(self._summary_key(), dict(summary))

    def close(self) -> None:
        """
        Record a clean shutdown, so that the next try need not wait for this process to end.

        Call it only when no call is in flight: the next try begins to send without waiting for one.
        """
        if self._fence is not None:
            self._guarded(self._fence.record_shutdown, "written")

    def show_progress(self, counts: Mapping[str, Any]) -> None:
        """Write small counts to a key that Airflow's UI and REST API show."""
        self._set(_PROGRESS, dict(counts))

    def _summary_key(self) -> str:
        return f"aliyun_sms.g{self._head['generation']}.summary"

    def _window_key(self, number: int) -> str:
        return f"aliyun_sms.g{self._head['generation']}.w{number:06d}"

    def _get(self, key: str) -> Any:
        return self._guarded(partial(self._store.get, key), "read")

    def _set(self, key: str, value: Any) -> None:
        self._guarded(partial(self._store.set, key, value), "written")
        # Only the main thread writes this field; worker threads read it, see permits.py. It must be set after the
        # write: a process that was replaced, and whose write is refused, would otherwise make calls for the length
        # of another lease, to recipients whom the new try sends to as well.
        self.written_at = self._now()

    def _guarded(self, access: Callable[[], T], done: str) -> T:
        try:
            return access()
        except LedgerError:
            raise
        except (
            Exception
        ) as error:  # a store may raise anything; after any error nothing is certain, so nothing may be sent
            raise LedgerError(
                f"the ledger could not be {done} ({type(error).__name__})",
                advice="Sending stopped before the next call. Check Airflow's API server, then let the task retry.",
            ) from error


def _never_made(entry: Entry) -> bool:
    return entry.outcome is not None and entry.outcome.code == LocalCode.NOT_STARTED
