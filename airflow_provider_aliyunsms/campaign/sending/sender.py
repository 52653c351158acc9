# SPDX-License-Identifier: Apache-2.0
"""
Drive one try of a campaign: write intents, hand out calls, write outcomes, settle unknown ones.

All code here runs in the main thread, which alone uses the ledger and the spool. Before each step it checks whether
the try must end: told to stop, ledger out of reach, campaign doomed, too many refused, gateway not well. While
nothing is wrong it hands jobs out before a thread is free for them, so that calls go on while it waits for the
ledger; ``permits.py`` checks these jobs again, in the worker thread, right before their calls.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.chunks import make_chunk, parts, probes
from airflow_provider_aliyunsms.campaign.clock import utc_stamp
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.pacing import AdaptivePace
from airflow_provider_aliyunsms.campaign.policy import look_again_after
from airflow_provider_aliyunsms.campaign.sending.bookkeeping import Bookkeeper
from airflow_provider_aliyunsms.campaign.sending.common_refusal import CommonRefusal
from airflow_provider_aliyunsms.campaign.sending.jobs import Attempts, Job
from airflow_provider_aliyunsms.campaign.sending.open_jobs import OpenJobs
from airflow_provider_aliyunsms.campaign.sending.permits import StartPermits, is_clear
from airflow_provider_aliyunsms.campaign.sending.restoring import Restoration
from airflow_provider_aliyunsms.campaign.sending.stop_conditions import StopConditions
from airflow_provider_aliyunsms.campaign.sending.supply import Supply
from airflow_provider_aliyunsms.codes import CodeClass, explain
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, GuardWaitError, LedgerConflictError
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_aliyunsms.audience.spool import Spool
    from airflow_provider_aliyunsms.campaign.chunks import Chunk
    from airflow_provider_aliyunsms.campaign.clock import Clock
    from airflow_provider_aliyunsms.campaign.guards import GuardJudge
    from airflow_provider_aliyunsms.campaign.ledger import Entry, Ledger, Window
    from airflow_provider_aliyunsms.campaign.pacing import AccountPace
    from airflow_provider_aliyunsms.campaign.plan import Plan
    from airflow_provider_aliyunsms.campaign.sending.workers import MakeWorkers

log = logging.getLogger(__name__)

NAP = 0.2
"""Seconds after which the stop flag is checked again while nothing happens."""

SOON = 1.0
"""Seconds for which an intent may wait for the account's pace; for longer none is written."""

JUDGED_EVERY = 1.0
"""Seconds after which the guards are asked again while calls are made."""

WIND_DOWN = 3.0
"""Seconds to wait for the calls in flight when sending stops early."""


class Sender:
    """
    Send to every recipient that is still pending, once.

    Every field and method belongs to the main thread. Of the objects made here, worker threads use two: the
    attempts (:class:`.Attempts`), which have no state, and the permits (:class:`.StartPermits`).

    A chunk is in exactly one place at a time: ``_supply``, with the workers, ``_open``, or done. A chunk in two
    places would be sent twice; one in none would be left with an open intent.

    :param plan: gives channel, policy and the reason to stop.
    :param ledger: the durable record, already opened.
    :param spool: the audience, already loaded.
    :param clock: the time.
    :param on_progress: called after each step, by the main thread.
    :param make_workers: makes the pool of threads that make the calls.
    :param resumed: whether an earlier try may have made calls within the last second.
    :param judge: asks the guards; None for none.
    :param again: returns whether recipients whom this entry of an earlier try says were refused, with this code, are
        sent to again; None for nobody.
    :ivar changed: recipients who get nothing because they were sent to, or may have been, under another content.
    :ivar absent: recipients of the ledger who are not in the audience any more.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        ledger: Ledger,
        spool: Spool,
        clock: Clock,
        on_progress: Callable[[], None],
        make_workers: MakeWorkers,
        resumed: bool,
        again: Callable[[Window, Entry, str | None], bool] | None = None,
        judge: GuardJudge | None = None,
    ) -> None:
        policy = plan.policy
        self._judge = judge
        # When the guards were asked last, in monotonic seconds.
        self._judged_at = clock.monotonic()
        # Recipients of an earlier try who were not sent to, and whom the guards have not seen.
        self._unjudged = 0
        # Whether they decided against sending before the first call, with somebody to send to.
        self._stopped_first = False
        self._may_go_again = again
        self._plan = plan
        self._policy = policy
        self._ledger = ledger
        self._spool = spool
        self._clock = clock
        self._on_progress = on_progress
        self._pace = AdaptivePace(
            max_qps=policy.max_qps,
            connections=policy.max_concurrency,
            starts_full=resumed,
            now=clock.monotonic(),
            shared=plan.account_pace,
        )
        self._attempts = Attempts(channel=plan.channel, policy=policy, clock=clock)
        self._permits = StartPermits(
            work=self._attempts.run,
            ledger=ledger,
            lease=policy.lease,
            oldest_intent=policy.intent_lasts + policy.lease,
            clock=clock,
            stop_reason=plan.stop_reason,
            account_pace=plan.account_pace,
        )
        self._workers = make_workers(
            work=self._permits.work,
            may_begin=self._permits.may_begin,
            count=policy.max_concurrency,
            look_ups=policy.most_look_ups,
        )
        self._books = Bookkeeper(
            ledger=ledger, spool=spool, clock=clock, policy=policy, signer=plan.channel.signer
        )
        self._stops = StopConditions(policy=policy, clock=clock, stop_reason=plan.stop_reason)
        self._common = CommonRefusal(enabled=policy.error_threshold is not None, product=plan.channel.product)
        self._supply = Supply(
            campaign=ledger.campaign,
            spool=spool,
            books=self._books,
            policy=policy,
            common=self._common,
            with_message_ids=plan.channel.product.has_message_ids,
            groups=plan.groups,
        )
        # Jobs whose outcome is unknown, and that no worker thread has.
        self._open = OpenJobs(policy=policy, clock=clock)
        # Jobs that the workers have, by their labels, whose calls may have been begun.
        self._given: dict[str, Job] = {}
        # Whether a look-up was made after the last call of a new chunk.
        self._looked_last = False
        # Whether a look-up was made beside the calls after the last call of a new chunk.
        self._looked_beside = False
        # Whether the log says already that look-ups are refused.
        self._look_ups_refused = False
        self.changed = 0
        self.absent = 0

    @property
    def idle(self) -> bool:
        """Whether no call is in flight any more."""
        return not self._workers.busy

    @property
    def still_open(self) -> int:
        """Return the number of chunks with an unknown outcome that a later try may still settle."""
        return len(self._open)

    def run(self) -> None:
        """
        Send to every pending recipient, and settle every unknown outcome for which there is evidence.

        Recipients whose outcome is still unknown afterwards are ``unknown`` in the spool. Their intents stay open
        in the ledger, so that the next try goes on looking for evidence. An error ends the sending in the same way:
        what is known is written, as far as the ledger takes it, and a retry resumes.

        :raises SendInterruptedError: told to stop.
        :raises LedgerError: the ledger does not take a write any more, or belongs to other recipients.
        :raises CampaignDoomedError: no further call would be accepted.
        :raises TooManyRefusedError: the error threshold was reached.
        :raises NotSentError: the gateway could not be reached for too long.
        :raises OutcomeUnknownError: too many calls without a clear response; the rest was not begun.
        :raises GuardError: a guard decided against sending, or against sending more now. What was open is settled
            first, as far as evidence can be had without a call that sends.
        """
        # Before the first chunk is cut, see Supply.
        self._restore()
        self._ask_guards()
        self._stops.begin()
        try:
            while self._step():
                self._on_progress()
        finally:
            self._wind_down()
        self._raise_decision()

    def _raise_decision(self) -> None:
        """Raise the decision of the guards, if there is still anybody whom it concerns."""
        if self._judge is None:
            return
        pause, error = self._judge.pause(unjudged=self._unjudged), self._judge.error
        concerned = self._stopped_first or pause is not None or self._spool.counts().pending > 0
        # What is open may have to be sent again, and only a later try may do that.
        if not concerned and not (isinstance(error, GuardWaitError) and self._open):
            error = None
        if decision := error or pause:
            raise decision

    def _ask_guards(self) -> None:
        """Ask the guards before the first call; after a decision against sending, only open chunks are settled."""
        # After the ledger was applied: who was sent to by an earlier try is no matter of the guards any more. Where
        # nobody is left, nothing is to be decided; an open chunk may have to be replayed, or sent again.
        pending = self._spool.counts().pending
        if self._judge is None or not (pending or self._open):
            return
        may_send = self._judge.before_sending()
        # The guards may have left everybody out.
        self._supply.begin()
        self._judged_at = self._clock.monotonic()
        if not may_send:
            # Whoever was pending stays so, unless a guard left them out.
            self._stopped_first = pending > 0
            self._hold()

    def _ask_guards_again(self) -> None:
        """Ask the guards at most once a second, and let nothing new start after a decision against sending."""
        now = self._clock.monotonic()
        if self._judge is None or self._judge.error is not None or now - self._judged_at < JUDGED_EVERY:
            return
        self._judged_at = now
        if not self._judge.before_window():
            self._hold()

    def _hold(self) -> None:
        """Let no call that sends be made any more in this try."""
        # A replay may be the message itself.
        self._attempts.may_replay = False
        # First those that wait for a thread. Their permits stay valid otherwise, and their calls would be made.
        self._recall()
        self._supply.hold()

    def _restore(self) -> None:
        restored = Restoration(
            ledger=self._ledger,
            spool=self._spool,
            signer=self._plan.channel.signer,
            resend_unknown=self._policy.resend_unknown,
            again=self._may_go_again,
        ).run()
        self._open.extend(restored.jobs)
        self._supply.begin()
        self.changed, self.absent = restored.changed, restored.absent
        if restored.absent and self._plan.positional:
            raise LedgerConflictError(
                f"the ledger of this mapped task holds {restored.absent} recipients who are not in its "
                "input now",
                advice="The order of the mapped inputs has changed, so these recipients may stand in the "
                "input of another task, which does not know that they were sent to. Nothing was sent now. Give "
                "the mapped tasks a campaign_id that follows the input instead of its place, and a "
                "ledger_path.",
            )
        if restored.changed:
            say(
                log,
                logging.WARNING,
                "%d recipients were sent to, or may have been, with another content: they get nothing more "
                "(local.CONTENT_CHANGED).",
                restored.changed,
            )
        if restored.absent:
            say(
                log,
                logging.WARNING,
                "%d recipients of earlier tries are not in the audience any more; the result counts them.",
                restored.absent,
            )

    def _step(self) -> bool:
        """Do one thing; return False when no recipient is pending and every open chunk is settled or given up."""
        # Before a window may be opened or a job handed out in this step.
        self._ask_guards_again()
        # Also those that a thread asked for before the decision, or gave back after it.
        self._open.drop_old_replays(every=not self._attempts.may_replay)
        # Before anything is handed out in this step: a doomed campaign, or a stop, must not cost another message.
        self._stops.check(
            open_chunks=self._open.doubtful,
            held_back=self._open.hold_back and not self._open.looks_are_due,
        )
        account = self._plan.account_pace
        if account is not None:
            account.check(patience=self._policy.network_patience)
        if self._books.is_due:
            # Before the write, which may take long: the threads go on with these jobs meanwhile.
            self._hand_out_ahead()
            if not self._opens_window_at_once():
                self._books.write_due()
        self._look_up_beside()
        if account is not None and self._waits_for(account):
            return True
        if not self._workers.free or not self._prepare_work():
            return self._works_ahead() or self._wait_for_result()
        if self._permits.in_doubt:
            # A result is on its way, and until it is dealt with, no new call can start. Where every write is slow, a
            # job that is handed out all the same could come back undone each time.
            self._collect(timeout=NAP)
            return True
        # Chosen once, before the place is taken: a look-up takes none of the account's, and whatever is chosen after
        # it must not be made without.
        chosen = None if self._supply.may_start and self._is_turn_of_new_chunk() else self._due_job()
        alone = chosen is not None and not chosen.wants_replay
        # Before the writes that follow, which may take long: a place that no call is counted for may be given to
        # another process meanwhile.
        wait = self._pace.take(now=self._clock.monotonic(), alone=alone)
        if wait > 0:
            return self._wait_for_place(wait, replays=chosen is not None and not alone)
        job = None
        try:
            # After the wait for the pace and before the hand-out. A process that was replaced finds it out here;
            # later, the call would be made while the new try sends to the same recipients.
            self._books.confirm_if_due()
            job = self._next_job(chosen)
        finally:
            if job is None:
                self._pace.cancel(alone=alone)
        if job is None:
            return self._wait_for_result()
        self._hand_out(job)
        self._collect(timeout=0)
        return True

    def _works_ahead(self) -> bool:
        """
        Hand out jobs before a thread is free, and return whether a new window was written as well.

        So a thread goes on at once, and this one need not wake for each result.
        """
        # Not while evidence is sought: a look-up goes to an idle thread only, and would wait for all these calls.
        if self._open:
            return False
        self._hand_out_ahead()
        wanted = self._supply.wants_window(in_reserve=self._reserve) and self._supply.may_cut
        return self._supply.has_measured and wanted and self._all_is_well() and self._open_window()

    @property
    def _reserve(self) -> int:
        """How many ready jobs there are at least before the next window is written, so that threads have work."""
        # The first response comes before the second window: only then is known how large it may be.
        return 2 * self._policy.most_waiting if self._supply.has_measured else 0

    def _wait_for_place(self, wait: float, *, replays: bool) -> bool:
        if replays:
            # Others are settled without a place, and would wait for as long as this one has none.
            self._look_up_meanwhile()
        self._collect(timeout=min(wait, NAP))
        return True

    def _waits_for(self, account: AccountPace) -> bool:
        """
        Wait a moment for others with the same account, where a new window would have to wait for them.

        Its intents would be open meanwhile, for calls that nobody made.
        """
        began, is_idle = self._clock.monotonic(), not self._workers.busy
        if self._supply.ready or not self._supply.may_cut or self._open.hold_back:
            return False
        # Places are asked for only where a call could follow: those that wait here would be missing elsewhere.
        may_call = self._pace.own_wait_time(now=began) <= 0
        if account.wait_time(now=began, wants=may_call) <= SOON or not self._supply.look_ahead():
            return False
        self._look_up_meanwhile()
        self._collect(timeout=NAP)
        if is_idle and may_call:
            # To wait for one's turn is no trouble of the gateway.
            self._stops.leave_out(self._clock.monotonic() - began)
        return True

    def _look_up_beside(self) -> None:
        """Hand out the look-ups that are due to the threads that do nothing else."""
        # A look-up may be due at every moment, where each step takes long; the wait must end all the same.
        while self._workers.free_to_look and (job := self._open.look_up_due()) is not None:
            # Where this campaign has a pace of its own to keep, a look-up has a place in it. Without turns, look-ups
            # of chunks that nothing settles would take every place, and nobody else would be sent to, for ever. Of
            # the account's places it takes none, and need not wait for the turn of a chunk that does.
            if self._looked_beside and self._may_send_now() and self._pace.pace is not None:
                return
            if self._is_over() or not self._look_up(job):
                return
            self._looked_beside = True

    def _may_send_now(self) -> bool:
        """Return whether a new chunk could be sent, if the pace had a place for it."""
        return (
            self._workers.free
            and (self._supply.may_start or self._supply.may_cut)
            and not self._open.hold_back
            and not self._permits.in_doubt
        )

    def _look_up_meanwhile(self) -> None:
        """Hand out a look-up that is due: it goes to another API, and need not wait for the others."""
        job = self._due_job(replays=False)
        if job is not None and self._workers.free:
            self._look_up(job)

    def _look_up(self, job: Job) -> bool:
        """Hand out a look-up, and return whether the pace and the outcomes so far allow it."""
        if self._permits.in_doubt or self._pace.take(now=self._clock.monotonic(), alone=True) > 0:
            return False
        self._open.remove(job)
        self._hand_out(job)
        return True

    def _hand_out(self, job: Job) -> None:
        """Give a job to the workers; its call is counted by the pace already."""
        # Before give(): from then on the worker thread owns the job. With an old ticket it would give the job back
        # undone.
        self._permits.issue(job)
        self._open.handed_out(job)
        # One that is looked up beside the calls takes no turn from a new chunk.
        self._looked_last = job.settling and not (job.is_look_up and self._policy.most_look_ups)
        if not job.settling:
            self._looked_beside = False
        self._given[job.entry.out_id] = job
        self._workers.give(job)

    def _hand_out_ahead(self) -> None:
        """Hand out jobs with which the threads can go on while the ledger is written."""
        # All conditions anew for each job: the threads work on, and may have raised a doubt since the last one.
        most = self._policy.most_waiting
        while self._supply.ready and self._workers.waiting < most and self._all_is_well():
            self._books.confirm_if_due()
            job = self._supply.next_ready()
            self._pace.take(now=self._clock.monotonic())
            self._hand_out(job)

    def _all_is_well(self) -> bool:
        """
        Return whether jobs may wait for a thread.

        Not while a pace has to be kept, and not when an outcome or evidence has to be dealt with first.
        """
        return (
            # A call counts for the pace when it is handed out; one that waits would leave at a later, unknown time.
            self._pace.is_free
            and self._pace.wait_time(now=self._clock.monotonic()) <= 0
            and self._stops.calm
            and not self._common.is_probing
            and not self._permits.in_doubt
            and not self._open.hold_back
            # A job that seeks evidence may only be given to an idle thread, see StartPermits; so it goes first.
            and self._due_job() is None
        )

    def _wait_for_result(self) -> bool:
        if self._workers.busy:
            self._collect(timeout=NAP)
            return True
        if not self._open or self._is_over():
            return False
        wait = self._open.next_due - self._clock.monotonic()
        # Never no time at all: if for whatever reason nothing that is due may start, this must not turn in a circle.
        self._clock.sleep(min(NAP, wait) if wait > 0 else NAP)
        return True

    def _is_over(self) -> bool:
        """Return whether nothing but open chunks is left, and none of them was settled for long enough."""
        return not self._open.looks_are_due and self._stops.patience_is_over(
            waiting_alone=self._supply.is_used_up
        )

    def _prepare_work(self) -> bool:
        """Return whether a job may start now; write a new window of intents if more ready jobs are needed."""
        if not self._is_turn_of_new_chunk() and self._due_job() is not None:
            # A look-up may be due at every moment, where each step takes long; the wait must end all the same.
            return not self._is_over()
        if self._open.hold_back:
            return False
        if self._common.is_probing:
            self._supply.open_probes()
            return self._supply.may_start and self._workers.free
        # The next window is written before the last one is used up, so that the threads have work meanwhile.
        if self._supply.wants_window(in_reserve=self._reserve if self._all_is_well() else 0):
            self._open_window()
        # Asked again: the jobs handed out ahead of the write may have taken the last idle thread.
        return bool(self._supply.ready) and self._workers.free

    def _next_job(self, job: Job | None) -> Job | None:
        """Return the open job that was chosen, or the next new one where none was."""
        if job is not None:
            if job.wants_replay:
                # Before the job is handed out, and right before it: the ledger must hold the time of a replay
                # before it leaves. Otherwise, after a crash, the next try could release the chunk too soon and send
                # again to recipients whose replay was accepted.
                self._books.journal_replay(job)
            self._open.remove(job)
            return job
        return self._supply.next_ready() if self._supply.may_start else None

    def _due_job(self, *, replays: bool = True) -> Job | None:
        return self._open.due(replays=replays, all_begun=self._supply.is_used_up)

    def _is_turn_of_new_chunk(self) -> bool:
        """Return whether a new chunk goes before a look-up: they take turns, so that neither waits for ever."""
        return (
            self._looked_last
            and (self._supply.may_start or self._supply.may_cut)
            and not self._open.hold_back
            # Its time in the ledger must not become too old.
            and not self._open.want_replay
        )

    def _opens_window_at_once(self) -> bool:
        """Open a window where one may be: the outcomes of an ended one are then written together with its count."""
        # With one call at a time a crash must leave one chunk open, and the outcome goes first.
        at_once = self._policy.open_windows > 1 and self._books.can_wait
        return at_once and self._all_is_well() and self._supply.may_open_window and self._open_window()

    def _open_window(self) -> bool:
        self._hand_out_ahead()
        chunks = self._supply.next_chunks()
        if chunks:
            # Once more before the write: cutting took time, and the threads may have finished what they had.
            self._hand_out_ahead()
            self._supply.open_window(chunks)
        return bool(chunks)

    def _collect(self, *, timeout: float) -> None:
        result = self._workers.take(timeout=timeout)
        while result is not None:
            job, outcome = result
            self._open.came_back(job)
            self._given.pop(job.entry.out_id, None)
            if isinstance(outcome, BaseException):
                # The call may have been made before the error. Its chunk stays open for evidence; taken for "not
                # begun", it would be sent again, and its recipients could get two messages.
                self._stops.fault = outcome
                outcome = Outcome(kind=OutcomeKind.AMBIGUOUS, time="", code=type(outcome).__name__)
            if outcome is None:
                self._not_begun([job])
            elif is_clear(outcome):
                self._apply(job, outcome)
            else:
                # Jobs that wait for a thread are taken back first: their permits are void, and a pace that is
                # lowered now must be computed without them.
                self._recall()
                self._apply(job, outcome)
                # After _apply(), when pauses and reasons to stop are in effect: jobs get a valid ticket from here
                # on. If _apply() raises, the doubt stays, and nothing more can start.
                self._permits.settled()
            result = self._workers.take(timeout=0)

    def _recall(self) -> None:
        """Take back the jobs that wait for a thread."""
        jobs = self._workers.recall()
        # Those that seek evidence are counted again when they are given back. Counted twice, each would use up one
        # of the places for good, until nothing could be looked up any more and the try went on for ever.
        for job in jobs:
            self._open.came_back(job)
        self._not_begun(jobs)

    def _not_begun(self, jobs: list[Job]) -> None:
        """Put jobs that were handed out and not begun back to the front, in their order."""
        for job in reversed(jobs):
            if job.replaying:
                # Open, as it was before. It goes into the ledger again before it is handed out again, because what
                # it waits for may take longer than the ledger says.
                self._given.pop(job.entry.out_id, None)
                self._pace.cancel()
                self._books.withdraw_replay(job)
                job.due = self._clock.monotonic()
                self._open.add(job)
            elif job.settling:
                # Back to the idle thread that was about to take it. It does not belong into the supply: its first
                # call was made, and _wind_down() would record it as not made, so that the next try would send a
                # second message.
                self._open.handed_out(job)
                self._given[job.entry.out_id] = job
                self._workers.give(job)
            else:
                self._given.pop(job.entry.out_id, None)
                self._pace.cancel()
                self._supply.put_back(job)
                self._looked_last = True

    def _apply(self, job: Job, outcome: Outcome) -> None:
        # Before _slow_down(), which takes the length of a pause from the failures counted here.
        self._stops.count(outcome, recipients=len(job.chunk), settling=job.settling, refused=job.is_refused)
        self._stops.doom(self._common.count(job, outcome))
        if job.made:
            self._pace.end(started=job.made_at, now=job.ended_at, alone=job.is_look_up, opened=job.opened)
            # A refused connection tells nothing of how long the gateway takes.
            if not job.settling and outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.REFUSED):
                self._supply.call_took(job.ended_at - job.made_at)
        else:
            # Counted as a call it would hold its place for a second, and as the quickest one there ever was.
            self._pace.cancel()
        self._slow_down(job, outcome)
        if outcome.kind is OutcomeKind.AMBIGUOUS:
            self._keep_open(job, outcome)
            return
        job.replaying = False
        # Before the recipients go back into the supply. It notes the release, and the next window is written only
        # after that note is in the ledger. With the new intent first, a crash would leave two open intents for these
        # recipients, and both could end in a message.
        again = self._books.settle(job, outcome)
        campaign, members = self._ledger.campaign, job.chunk.members
        if outcome.kind is OutcomeKind.SPLIT:
            whole = replace(make_chunk(campaign=campaign, members=members), mixed=_is_mixed(job))
            singles, rest = probes(campaign=campaign, chunk=whole, count=self._common.wanted)
            self._send_anew(job, [*singles, *rest])
        elif outcome.kind is OutcomeKind.RELEASED:
            self._send_anew(job, [make_chunk(campaign=campaign, members=members)])
        elif again:
            some = members.at([index for index, place in enumerate(job.places) if place in {*again}])
            self._send_anew(job, parts(campaign=campaign, members=some, mixed=_is_mixed(job)))
        elif outcome.kind is OutcomeKind.ACCEPTED:
            self._attempts.accepted = True

    def _send_anew(self, job: Job, chunks: Sequence[Chunk]) -> None:
        """Send to recipients who were certainly not sent to; those of an earlier try only once they were judged."""
        if self._judge is None or not job.resumed:
            self._supply.put_first(chunks)
            return
        # The guards were asked when these were unknown, and have not seen them: somebody may have opted out since.
        for chunk in chunks:
            self._books.set_aside(chunk, time=utc_stamp(self._clock.now()))
            self._unjudged += len(chunk)

    def _slow_down(self, job: Job, outcome: Outcome) -> None:
        if outcome.throttled:
            self._pace.throttled(now=self._clock.monotonic())
        if outcome.throttled or (
            outcome.kind is OutcomeKind.RELEASED and outcome.error is None and not job.settling
        ):
            self._pace.pause(until=self._stops.pause_until(outcome))

    def _keep_open(self, job: Job, outcome: Outcome) -> None:
        if not job.settling:
            job.reason = outcome.code
        if job.looked == 0 and not job.settling:
            say(
                log,
                logging.WARNING,
                "Chunk %s %s (%s): evidence is sought.",
                job.entry.out_id,
                "refused" if job.is_refused else "unclear",
                outcome.code,
            )
        self._tell_refused_look_ups(job, outcome)
        # Before "settling" is set: a settling job is not counted as ended in its window. Set first, the window
        # would count as under way for good; after a few of these no new window would be opened, and the try would
        # end with recipients still pending.
        self._books.keep_open(job, code=outcome.code)
        job.settling = True
        job.replaying = False
        if job.wants_replay:
            # At once: whatever the look-up took, the replay waits for nothing but its own entry in the ledger.
            job.due = self._clock.monotonic()
        else:
            wait = look_again_after(job.looked)
            if job.is_refused and job.looked == 0:
                # Sooner, a look-up could not end anything.
                wait = min(self._policy.refusal_wait, self._policy.settle_time) + 1.0
            job.due = self._clock.monotonic() + wait
            job.looked += 1
        self._open.add(job)

    def _tell_refused_look_ups(self, job: Job, outcome: Outcome) -> None:
        """Log at once, and once, that the AccessKey may not look up what was sent."""
        if not job.settling or self._look_ups_refused or not outcome.code:
            return
        product = self._plan.channel.product
        found = explain(outcome.code, api=product.action, action=product.query_action)
        if found.code_class is CodeClass.DOOMED:
            self._look_ups_refused = True
            say(
                log,
                logging.ERROR,
                "%s is refused (%s): %s No call without a clear answer can be settled.",
                product.query_action,
                outcome.code,
                found.meaning,
                next_step=found.advice,
            )

    def _wind_down(self) -> None:
        """
        End the sending: let nothing start, wait shortly for calls in flight, and write what is known.

        A call that does not end within :data:`WIND_DOWN` seconds stays an open intent, which the next try settles.
        """
        # First of all. A thread that has just taken a job, so that recall() cannot have it, must find the permits
        # closed; otherwise its call would be made after the reason to stop.
        self._permits.close()
        # Before the wait for calls in flight, because these may hang: waiting jobs are in the supply in any case.
        self._recall()
        deadline = self._clock.monotonic() + WIND_DOWN
        try:
            while self._workers.busy and (left := deadline - self._clock.monotonic()) > 0:
                self._collect(timeout=min(left, NAP))
        finally:
            # After the last give() and recall(): _collect() may call both, see Workers.stop().
            self._workers.stop()
            self._end_books()

    def _end_books(self) -> None:
        try:
            self._supply.give_back()
        finally:
            # Whatever happened before, such as a full disk: outcomes that are known must reach the ledger.
            self._write_last_outcomes()
        self._mark_calls_in_flight()

    def _mark_calls_in_flight(self) -> None:
        """Mark the recipients of calls that have not ended as unknown, for the receipts; the ledger has them open."""
        for job in self._given.values():
            try:
                self._books.leave_open(job)
            except AliyunSmsError as error:
                say(
                    log,
                    logging.WARNING,
                    "The receipts of this try will not be complete: %s",
                    error.message,
                    next_step=error.advice,
                )

    def _write_last_outcomes(self) -> None:
        try:
            # After take_back(), which changes windows. Written before, their intents would stay open, and the next
            # try would look for evidence of calls that were never made; on Globe it could find none.
            self._books.write_all()
        except AliyunSmsError as error:
            # The error that ended the sending is the one to report; the open intents are settled by the next try.
            say(
                log,
                logging.WARNING,
                "The last outcomes could not be written to the ledger: %s",
                error.message,
                next_step="None needed. The next try settles them.",
            )


def _is_mixed(job: Job) -> bool:
    return job.chunk.mixed or job.chunk.has_several_origins
