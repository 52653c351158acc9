# SPDX-License-Identifier: Apache-2.0
"""
Write the intents and outcomes of a campaign to a store, and read those of earlier tries.

Keys of the store, all below one campaign::

    aliyun_sms.head             the campaign, its generation, how many windows that has, and which process owns it
    aliyun_sms.g<G>.w<NNNNNN>   one window of intents and outcomes, numbered without holes
    aliyun_sms.g<G>.summary     the result, written by a try that ran to its end
    aliyun_sms.progress         figures that a user can watch, see ``campaign/figures.py``

On a store that cannot refuse the writes of an older process, these keys stand below the try's epoch, see
``fence.py``.

A resend starts the next generation, once for each occasion on which a user asked for it. The automatic retries of
that occasion resume the new generation, as they would resume any other.

Absence is no proof. Each window is counted by a value that is written after it: by the head, or by an earlier window
whose outcomes are to be written anyway. No call is made before the window of its intent is counted. A window that is
counted and that the store does not have, or a head that is missing while windows are there, ends the try before its
first call.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_aliyunsms.audience.recipients import LedgerKeys
from airflow_provider_aliyunsms.campaign.clock import utc_stamp
from airflow_provider_aliyunsms.campaign.figures import PROGRESS_KEY
from airflow_provider_aliyunsms.campaign.ledger.fence import Claim, Fence
from airflow_provider_aliyunsms.campaign.ledger.windows import Entry, Window, open_window
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import (
    LedgerConflictError,
    LedgerError,
    LedgerMissingError,
    LedgerStorageError,
)
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_aliyunsms.audience.recipients import Dedupe
    from airflow_provider_aliyunsms.campaign.chunks import Chunk
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.ledger.stores import Store
    from airflow_provider_aliyunsms.campaign.outcomes import Outcome

T = TypeVar("T")

log = logging.getLogger(__name__)

_HEAD: Final = "aliyun_sms.head"
_PROBES: Final = 8
"""Numbers after the last window that are looked at for windows behind a hole."""

_ALL: Final = -1
"""Instead of a number of windows: all that exist, because the present occasion has written none."""

_MOST_OCCASIONS: Final = 100
_RESTORE: Final = (
    "Nothing was sent now. Bring the missing part back from a copy of the storage. If there is none, look in the SMS "
    "console for what was sent; resend=True sends to all recipients again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """
    What Airflow says of this try.

    :param name: the same text for a try and its automatic retries, another one after a Clear.
    :param also: further names that earlier versions gave the same occasion.
    :param first_try: the task did not run before.
    :param untouched: only automatic retries came between the first try and this one, and the store can lose nothing
        by itself. Then a missing record proves that nothing was sent.
    :param cleared: the task was cleared since its first try, or its retries were edited. It decides what is said when
        a record is missing, and nothing else.
    """

    name: str = ""
    also: tuple[str, ...] = ()
    first_try: bool = True
    untouched: bool = False
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """
    The state in which a ledger was found when it was opened.

    :param resumed: an earlier try left a record of this generation.
    :param contested: an earlier try recorded no clean shutdown, so its process may still be alive and sending.
        Always False for a ledger that is not fenced.
    :param summary: the result that an earlier try wrote at its end, None when there is none.
    :param started_at: when this generation of the campaign was begun, ``2026-01-02T03:04:05Z``.
    :param ended_refused: the campaign ended on an earlier occasion because the gateway refused too many, see
        :meth:`Ledger.note_refusals`.
    """

    resumed: bool
    contested: bool
    summary: Mapping[str, Any] | None
    started_at: str
    ended_refused: bool = False


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
    :param clock: the time.
    :param dedupe: what makes two rows the same recipient; remembered by the record.
    :param secrets_known: secrets for the hashes of recipients, the one for new records first; empty for none.
    :ivar calls: calls that this generation has intents for, without those that were certainly never made. Main
        thread only.
    :ivar written_at: when the store last took a write or passed a check of the ownership, in monotonic seconds. The
        main thread writes it; worker threads read it before they begin a call.
    """

    def __init__(
        self,
        *,
        store: Store,
        campaign_id: str,
        fenced: bool,
        clock: Clock,
        dedupe: Dedupe = "content",
        secrets_known: Sequence[bytes] = (),
    ) -> None:
        self._owner = secrets.token_hex(8)
        self._fence = Fence(store=store, owner=self._owner) if fenced else None
        self._store: Store = self._fence or store
        self._campaign_id = campaign_id
        self._clock = clock
        self._dedupe = dedupe
        self._secrets = [*secrets_known, b""]
        self._head: dict[str, Any] = {}
        self._windows = 0
        self._has_counted = False
        self.keys = LedgerKeys(campaign_id=campaign_id, dedupe=dedupe)
        self.calls = 0
        self.written_at = clock.monotonic()
        self._misses_progress = False
        # Keys under which there was nothing, asked twice. Nobody but this try writes them now: Airflow's store
        # refuses the writes of another one, and a fenced ledger has a part of the store to itself.
        self._missing: set[str] = set()

    @property
    def campaign(self) -> str:
        """Return the campaign id, followed by ``#`` and the generation after a ``resend``."""
        generation = self._head["generation"]
        return self._campaign_id if generation == 1 else f"{self._campaign_id}#{generation}"

    @property
    def name(self) -> str:
        """
        Return what tells this record from every other one.

        Also from that of an earlier generation, and from another ledger of a campaign with the same id: neither of
        them knows whom the other has sent to.
        """
        # A head that an earlier version began has no token.
        return f"{self.campaign} {self._head.get('token') or self._head['started_at']}"

    @property
    def has_windows(self) -> bool:
        """Whether an earlier try has written intents in this generation; ask after :meth:`open`, before a write."""
        return bool(self._head.get("windows")) or self._sure(self._window_key(1)) is not None

    def open(self, *, occasion: Occasion, resend: bool = False) -> Opening:
        """
        Take ownership of the campaign and return what an earlier try left.

        Read the windows (:meth:`windows`) before the first intent is written.

        :param occasion: what Airflow says of this try.
        :param resend: send to all recipients again: start a new generation, once for each occasion.
        :raises LedgerMissingError: a later try found no record of the first; nothing is sent.
        :raises LedgerConflictError: the record belongs to another campaign or another ``dedupe``; nothing is sent.
        :raises LedgerError: the record is incomplete, cannot be read or written, or another process takes the
            campaign over at the same moment; nothing is sent.
        """
        # Before anything is read. An older process whose intents are written after this claim finds the claim and
        # does not send. What was read before the claim could lack these intents, and this try would send to the
        # same recipients again.
        claim: Claim | None = None
        if self._fence is not None:
            claim = self._guarded(partial(self._fence.claim, first_try=occasion.first_try), "written")
        head = self._read_head()
        if head is None:
            self._check_that_nothing_was_sent(
                occasion, resend=resend, seen_before=claim is not None and claim.first_try_was_here
            )
            head = {"campaign_id": self._campaign_id, "generation": self._last_generation()}
        else:
            self._check_head(head, begins=resend and not _is_known(head, occasion))
        resumed = head["generation"] > 0 and not (resend and not _is_known(head, occasion))
        if not resumed:
            head = self._next_generation(head, occasion)
        elif self._has_no_intent(head):
            head |= {"dedupe": self._dedupe, "secret": _name_of(self._secrets[0])}
        self._head = {**head, "owner": self._owner}
        self._head.pop("sealed", None)
        self._begin_occasion(occasion)
        self.keys = LedgerKeys(
            campaign_id=self.campaign, dedupe=self._dedupe, secret=self._secret(head.get("secret", ""))
        )
        # After the claim, because a fenced store copies into the new epoch what is read from now on.
        summary = self._sure(self._summary_key()) if resumed else None
        # On Airflow's store this write is the proof of ownership: it fails for a try that was given up. It must be
        # done before open() returns, because sending begins with what open() returns.
        self._set(_HEAD, self._head)
        return Opening(
            resumed=resumed,
            contested=claim is not None and claim.contested,
            summary=summary,
            started_at=self._head["started_at"],
            ended_refused=bool(self._head.get("ended_refused")),
        )

    def settle(self, window: Window, entry: Entry, outcome: Outcome) -> None:
        """Give an entry its final outcome; :meth:`save` of the window makes it durable."""
        entry.outcome = outcome
        entry.refused = None
        if self._is_of_earlier_occasion(window):
            entry.settled_on = self._occasion_hash()

    def was_settled_earlier(self, window: Window, entry: Entry) -> bool:
        """Return whether an earlier occasion than the present one settled the entry; for an open ledger."""
        return self._is_of_earlier_occasion(window) and entry.settled_on != self._occasion_hash()

    def _is_of_earlier_occasion(self, window: Window) -> bool:
        before: int = self._head["before"]
        return before == _ALL or window.number <= before

    def _occasion_hash(self) -> str:
        return hashlib.blake2b(str(self._head["on"]).encode(), digest_size=4).hexdigest()

    def _begin_occasion(self, occasion: Occasion) -> None:
        """Note how many windows there were when this occasion began; its automatic retries find the same number."""
        before = self._head.get("before")
        if self._head.get("on") == occasion.name and (before == _ALL or _is_count(before)):
            return
        ended = self._head.pop("refused", None) is not None
        began = "on" in self._head or self._head.get("occasion") != occasion.name
        self._head |= {
            "on": occasion.name,
            # How many that are is known when they are read, and written then.
            "before": _ALL if began else 0,
            "ended_refused": ended,
        }

    def note_refusals(self) -> None:
        """
        Record that this try ended because the gateway refused too many.

        The next occasion may then send again to those who were refused for a cause that is not theirs.
        """
        self._head["refused"] = True
        self._set(_HEAD, self._head)

    def windows(self) -> Iterator[Window]:
        """
        Yield the windows of this generation in the order in which they were written.

        Call it once, after :meth:`open`, and read it to its end before anything is written: the end of it also
        makes this try's epoch complete, and counts the windows. It costs one read of the store for each window and a
        few more, a write when there are any, and a write of each window's copy when the ledger is fenced.

        :raises LedgerError: a window is missing, is damaged, or cannot be read or copied; nothing is sent.
        """
        # A record of version 1 has no count. There the first missing number is the end.
        counted = self._head.get("windows") or 0
        # The order matters: a released recipient stands in a later window again, and that later outcome has to be
        # applied last.
        while (value := self._window_value(self._windows + 1, counted=counted)) is not None:
            self._windows += 1
            window = self._read_window(self._windows, value)
            counted = max(counted, window.counted)
            self.calls += sum(not _never_made(entry) for entry in window.entries)
            yield window
        self._look_behind_the_end()
        if self._fence is not None:
            # Only when every window was read, and with that copied. A try that finds this epoch complete reads no
            # older one, and would send again to the recipients of a window that was not copied.
            self._guarded(self._fence.seal, "written")
        if self._windows:
            # Before a replay, which is a call as well. The last window may not be counted yet, because its process
            # died; and this try may write no window that would be counted. Lost later, it would not be missed, and
            # its recipients would get a second message.
            self._write_count()

    def write_intents(
        self, chunks: Sequence[Chunk], *, signer: str = "", counted_in: Window | None = None
    ) -> Window:
        """
        Write the intent to send these chunks durably, as one new window; they may be sent once this has returned.

        It costs two writes of the store: the window, and a value that counts it.

        :param counted_in: an earlier window that is to be written anyway: it counts the new one. Otherwise, and for
            the first window of a try, the head does.
        :param signer: a hash that stands for the AccessKey that will sign the requests, and for the endpoint.
        :returns: the window, with one entry for each chunk in the same order.
        :raises LedgerError: when the store does not take one of them; then none of the chunks may be sent.
        """
        # Whether it is the gateway's time is asked first: it may become known at any moment.
        by_gateway = self._clock.by_gateway
        at = self._clock.now()
        window = open_window(
            number=self._windows + 1,
            seed=secrets.token_hex(8),
            date=utc_stamp(at),
            at=round(at, 3),
            out_ids=[chunk.out_id for chunk in chunks],
            number_keys=[self.keys.numbers(chunk.members.numbers) for chunk in chunks],
            signer=signer,
            by_gateway=by_gateway,
        )
        for entry, chunk in zip(window.entries, chunks, strict=True):
            entry.tags = self.keys.masked(self.keys.tags(chunk.keys), nonce=entry.nonce)
        # The number is used up only by a write that succeeded. Counted before, a failed write would leave a hole
        # that the head counts, and every later try would refuse to send.
        self.save(window)
        self._windows += 1
        # After the window and before its calls. Counted after them, a window that the store loses would not be
        # missed, and its recipients would get a second message.
        self._count(window, counted_in)
        self.calls += len(chunks)
        return window

    def _count(self, window: Window, counted_in: Window | None) -> None:
        began, self._has_counted = self._has_counted, True
        if began and counted_in is not None and counted_in.number < window.number:
            counted_in.counted = self._windows
            self.save(counted_in)
            return
        self._write_count()

    def _write_count(self) -> None:
        self._head["windows"] = self._windows
        if self._head["before"] == _ALL:
            self._head["before"] = self._windows
        if self._fence is not None:
            self._head["sealed"] = self._fence.epoch
        self._set(_HEAD, self._head)

    def _has_no_intent(self, head: Mapping[str, Any]) -> bool:
        """Return whether a generation has no window: none that the head counts, and none that it does not."""
        first = self._window_key(1, generation=head["generation"]) if head["generation"] else None
        return head.get("windows") == 0 and (first is None or self._sure(first) is None)

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
            self.written_at = self._clock.monotonic()

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
        """
        Write figures to a key that Airflow's UI and REST API show; a store that refuses them alone stops nothing.

        :raises LedgerError: another try has taken the campaign over, or the store takes nothing at all.
        """
        try:
            self._set(PROGRESS_KEY, dict(counts))
        except LedgerError as error:
            # A store may have a limit for one value, or dislike what is in it. Whether this process still owns the
            # campaign is found out by what the ledger itself needs.
            self.confirm()
            if not self._misses_progress:
                self._misses_progress = True
                say(log, logging.WARNING, "The figures of the progress could not be kept: %s.", error.message)

    def last_progress(self) -> Any:
        """
        Return what :meth:`show_progress` of an earlier try wrote; None for none, and for a ledger that is fenced.

        There it stands in the part of the store that belongs to that try.
        """
        return None if self._fence is not None else self._get(PROGRESS_KEY)

    def _read_head(self) -> dict[str, Any] | None:
        head = self._sure(_HEAD)
        if head is None:
            return None
        if not _is_head(head):
            raise LedgerError(f"the ledger's {_HEAD} is damaged", advice=_RESTORE)
        return dict(head)

    def _check_that_nothing_was_sent(self, occasion: Occasion, *, resend: bool, seen_before: bool) -> None:
        """Refuse to begin anew where a record may have been lost."""
        others = (self._window_key(1, generation=1), self._summary_key(generation=1))
        found = next((key for key in others if self._sure(key) is not None), None)
        if not resend and (found or (self._fence is not None and self._fence.has_base)):
            raise LedgerError(
                f"the ledger's {_HEAD} is missing, though other parts of it are there", advice=_RESTORE
            )
        if occasion.first_try or resend:
            return
        if seen_before or occasion.untouched:
            # The head is written before anything can leave, so without one nothing has left.
            say(
                log,
                logging.WARNING,
                "An earlier try ended before its first record, so it sent nothing: this try goes on.",
            )
            return
        raise _missing(occasion)

    def _last_generation(self) -> int:
        """Return the highest generation of which there is anything, 0 for none: its keys are not used again."""
        generation = 0
        while any(
            self._sure(key) is not None
            for key in (self._window_key(1, generation=generation + 1), self._summary_key(generation + 1))
        ):
            generation += 1
        return generation

    def _check_head(self, head: Mapping[str, Any], *, begins: bool) -> None:
        if head["campaign_id"] != self._campaign_id:
            raise LedgerConflictError(
                "the ledger belongs to another campaign",
                advice="Give this campaign its own ledger_path or campaign_id.",
            )
        before = head.get("dedupe", self._dedupe)
        if self._has_no_intent(head):
            # Nothing was sent yet, so nothing depends on it.
            return
        if before != self._dedupe and not begins:
            raise LedgerConflictError(
                f"this campaign was begun with dedupe={before!r}, and now has dedupe={self._dedupe!r}",
                advice=f"Nothing was sent now. Go back to dedupe={before!r}, or give another campaign_id.",
            )

    def _next_generation(self, head: Mapping[str, Any], occasion: Occasion) -> dict[str, Any]:
        # The first one as well: it began a generation, though nobody asked for a resend on it.
        known = [*_occasions(head), occasion.name]
        return {
            "campaign_id": self._campaign_id,
            "generation": head["generation"] + 1,
            "occasion": occasion.name,
            "occasions": known[-_MOST_OCCASIONS:],
            "started_at": utc_stamp(self._clock.now()),
            "token": secrets.token_hex(8),
            "dedupe": self._dedupe,
            "secret": _name_of(self._secrets[0]),
            "windows": 0,
        }

    def _secret(self, name: str) -> bytes:
        found = next((secret for secret in self._secrets if _name_of(secret) == name), None)
        if found is None:
            raise LedgerConflictError(
                "the secret that this ledger's hashes were made with is not known any more",
                advice="Nothing was sent now. Give the connection the ledger_secret that it had. Where it has "
                "none, keep the old Fernet key behind the new one in [core] fernet_key, separated by a comma, "
                "until the campaign is finished.",
            )
        return found

    def _window_value(self, number: int, *, counted: int) -> Any:
        value = self._sure(self._window_key(number))
        if value is None and number <= counted:
            raise LedgerError(
                f"the ledger's {self._window_key(number)} is missing, although it was counted",
                advice=_RESTORE,
            )
        return value

    def _look_behind_the_end(self) -> None:
        for number in range(self._windows + 2, self._windows + 2 + _PROBES):
            if self._get(self._window_key(number)) is not None:
                raise LedgerError(
                    f"the ledger's {self._window_key(self._windows + 1)} is missing, later ones are there",
                    advice=_RESTORE,
                )

    def _read_window(self, number: int, value: Any) -> Window:
        try:
            return Window.from_json(number=number, value=value)
        except ValueError as error:
            raise LedgerError(
                f"the ledger's {self._window_key(number)} is damaged", advice=_RESTORE
            ) from error

    def _summary_key(self, generation: int | None = None) -> str:
        return f"aliyun_sms.g{generation or self._head['generation']}.summary"

    def _window_key(self, number: int, *, generation: int | None = None) -> str:
        return f"aliyun_sms.g{generation or self._head['generation']}.w{number:06d}"

    def _sure(self, key: str) -> Any:
        """Return a value; before it counts as missing, it is asked for a second time, and then not again."""
        if key in self._missing:
            return None
        value = self._get(key)
        if value is None and (value := self._get(key)) is None:
            self._missing.add(key)
        return value

    def _get(self, key: str) -> Any:
        return self._guarded(partial(self._store.get, key), "read")

    def _set(self, key: str, value: Any) -> None:
        self._missing.discard(key)
        self._guarded(partial(self._store.set, key, value), "written")
        # Only the main thread writes this field; worker threads read it, see permits.py. It must be set after the
        # write: a process that was replaced, and whose write is refused, would otherwise make calls for the length
        # of another lease, to recipients whom the new try sends to as well.
        self.written_at = self._clock.monotonic()

    def _guarded(self, access: Callable[[], T], done: str) -> T:
        try:
            return access()
        except (LedgerError, LedgerStorageError):
            raise
        # A store may raise anything; after any error nothing is certain, so nothing may be sent.
        except Exception as error:
            raise LedgerError(
                f"the ledger could not be {done} ({type(error).__name__})",
                advice="Sending stopped before the next call. Check Airflow's API server, then let the task retry.",
            ) from error


def _is_head(head: Any) -> bool:
    """Return whether a value has every field that is relied on, each of its type."""
    if not isinstance(head, dict) or not isinstance(generation := head.get("generation"), int):
        return False
    occasions = head.get("occasions", [])
    return (
        generation >= 1
        and isinstance(occasions, list)
        and all(
            isinstance(each, str) for each in (head.get("campaign_id"), head.get("started_at"), *occasions)
        )
        and all(isinstance(head.get(name, ""), str) for name in ("occasion", "dedupe", "secret", "token"))
        and isinstance(head.get("windows", 0), int)
    )


def _occasions(head: Mapping[str, Any]) -> list[str]:
    """Return the occasions on which a generation was begun; version 1 remembered the last one only."""
    known = head.get("occasions")
    return [*known] if isinstance(known, list) else [head["occasion"]] if "occasion" in head else []


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_known(head: Mapping[str, Any], occasion: Occasion) -> bool:
    return not {occasion.name, *occasion.also}.isdisjoint({*_occasions(head), head.get("occasion")})


def _name_of(secret: bytes) -> str:
    """Return a text that tells one secret from another and nothing else; empty for none."""
    return hashlib.blake2b(b"aliyun_sms.ledger" + secret, digest_size=6).hexdigest() if secret else ""


def _never_made(entry: Entry) -> bool:
    return entry.outcome is not None and entry.outcome.code == LocalCode.NOT_STARTED


def _missing(occasion: Occasion) -> LedgerMissingError:
    cause = (
        "It was cleared since its first try (or its retries were edited), and Airflow may have dropped the ledger "
        "with that; or the ledger's storage has lost it."
        if occasion.cleared
        else "It was not cleared: either its earlier try ended before its first record and sent nothing, or the "
        "ledger was kept in that process alone, or its storage has lost it."
    )
    return LedgerMissingError(
        f"this task has run before, and there is no ledger that says what it sent. {cause}",
        advice="Nothing was sent now. Look in the SMS console for messages of this campaign since its first try. If "
        "there are none, or if all of it shall be sent again, run the task once with resend=True.",
    )
