# SPDX-License-Identifier: Apache-2.0
"""
The durable record of what was about to be sent and what became of it.

Keys of the store, all below one campaign::

    aliyun_sms.head             who owns the campaign now, and which generation it is in
    aliyun_sms.g<G>.w<NNNNNN>   one window of intents and outcomes, numbered without holes
    aliyun_sms.g<G>.summary     the result, written when everybody has been served
    aliyun_sms.progress         small counts for the person who watches

On a store that takes writes from anybody these stand below the try's epoch, see ``fence.py``.

A resend starts the next generation, once for each occasion on which a person asked for it; the automatic retries
of that occasion resume it like any other.
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
    What was found when the ledger was opened.

    :param resumed: an earlier try left a record.
    :param contested: that try did not say good-bye: its process may still be alive.
    :param summary: the result of a finished campaign, None while it is unfinished.
    :param started_at: when the campaign was first begun, ``2026-01-02T03:04:05Z``.
    """

    resumed: bool
    contested: bool
    summary: Mapping[str, Any] | None
    started_at: str


class Ledger:
    """
    Write-ahead record of one campaign over a two-method store.

    Only one thread may use it: Airflow's connection to its supervisor is not made for more.

    :param store: where it lives.
    :param campaign_id: checked against the record, because a wrong ledger is worse than none.
    :param fenced: True when an orphan of an earlier try could still write to the store; every try then has a part of
        the store to itself, see :class:`Fence`. Airflow's own store refuses orphans by itself.
    :param now: wall clock, in seconds since the epoch.
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
        """The campaign id, told apart by generation after a ``resend``."""
        generation = self._head["generation"]
        return self._campaign_id if generation == 1 else f"{self._campaign_id}#{generation}"

    def open(self, *, first_try: bool, resend: bool = False, occasion: str = "") -> Opening:
        """
        Take the campaign over and say what an earlier try left.

        :param first_try: False when Airflow says that the task ran before.
        :param resend: send to everybody again: start a new generation, once for each occasion.
        :param occasion: the same for a try and its automatic retries, another one after a Clear.
        :raises LedgerMissingError: on a second try without a record of the first: nothing is sent.
        :raises LedgerError: when the record belongs to another campaign or cannot be read.
        """
        # A try that claimed the campaign and left no head never came to send.
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
        contested = self._fence is not None and self._guarded(self._fence.claim, "written")
        resumed = head["generation"] > 0 and not (resend and head["occasion"] != occasion)
        if not resumed:
            head |= {
                "generation": head["generation"] + 1,
                "occasion": occasion,
                "started_at": utc_stamp(self._now()),
            }
        self._head = {**head, "owner": self._owner}
        summary = self._get(self._summary_key()) if resumed else None
        self._set(_HEAD, self._head)
        return Opening(
            resumed=resumed, contested=contested, summary=summary, started_at=self._head["started_at"]
        )

    def windows(self) -> Iterator[Window]:
        """Yield the windows of this generation in the order in which they were written."""
        while (value := self._get(self._window_key(self._windows + 1))) is not None:
            self._windows += 1
            window = Window.from_json(number=self._windows, value=value)
            self.calls += sum(not _never_made(entry) for entry in window.entries)
            yield window
        if self._fence is not None:
            self._guarded(self._fence.seal, "written")

    def write_intents(self, chunks: Sequence[Chunk], *, signer: str = "") -> Window:
        """
        Make the intent to send these chunks durable; only then may they be sent.

        :param signer: stands for the AccessKey that will sign them.
        :raises LedgerError: when the store does not take it; then nothing of it may be sent.
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
        self.save(window)
        self._windows += 1
        self.calls += len(chunks)
        return window

    def save(self, window: Window) -> None:
        """Write a window with what has become known of it."""
        self._set(self._window_key(window.number), window.to_json())

    def confirm(self) -> None:
        """Make sure that this process still owns the campaign, after a long wait between two writes."""
        if self._fence is None:
            self._set(_HEAD, self._head)
        else:
            self._guarded(self._fence.check, "read")
            self.written_at = self._now()

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the result, which a cleared task returns again."""
        self._set(self._summary_key(), dict(summary))

    def close(self) -> None:
        """Say good-bye, so that the next try need not wait for a process that may still be alive."""
        if self._fence is not None:
            self._guarded(self._fence.record_shutdown, "written")

    def show_progress(self, counts: Mapping[str, Any]) -> None:
        """Leave small counts where Airflow's UI and REST API show them."""
        self._set(_PROGRESS, dict(counts))

    def _summary_key(self) -> str:
        return f"aliyun_sms.g{self._head['generation']}.summary"

    def _window_key(self, number: int) -> str:
        return f"aliyun_sms.g{self._head['generation']}.w{number:06d}"

    def _get(self, key: str) -> Any:
        return self._guarded(partial(self._store.get, key), "read")

    def _set(self, key: str, value: Any) -> None:
        self._guarded(partial(self._store.set, key, value), "written")
        self.written_at = self._now()

    def _guarded(self, access: Callable[[], T], done: str) -> T:
        try:
            return access()
        except LedgerError:
            raise
        except (
            Exception
        ) as error:  # a store may raise anything; whatever it is, nothing is known and nothing sent
            raise LedgerError(
                f"the ledger could not be {done} ({type(error).__name__})",
                advice="Sending stopped before the next call. Check Airflow's API server, then let the task retry.",
            ) from error


def _never_made(entry: Entry) -> bool:
    return entry.outcome is not None and entry.outcome.code == LocalCode.NOT_STARTED
