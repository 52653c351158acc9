# SPDX-License-Identifier: Apache-2.0
"""Run one try of a campaign, from the rows of its audience to its result."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.fields import TO
from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.report import TO_LOOK_AT, AudienceReport, PartsCount
from airflow_provider_aliyunsms.audience.shards import ShardCut
from airflow_provider_aliyunsms.audience.spool import Settlement, Spool
from airflow_provider_aliyunsms.campaign.admission import admit
from airflow_provider_aliyunsms.campaign.chunks import cut
from airflow_provider_aliyunsms.campaign.clock import CampaignClock, Clock, utc_stamp
from airflow_provider_aliyunsms.campaign.endings import explain_ending, is_own_cause, refusals_error
from airflow_provider_aliyunsms.campaign.ledger import Ledger, MemoryStore, Opening
from airflow_provider_aliyunsms.campaign.outcomes import OUTCOMES
from airflow_provider_aliyunsms.campaign.plan import Plan, Result
from airflow_provider_aliyunsms.campaign.ports import VendorFacts
from airflow_provider_aliyunsms.campaign.receipts import Receipts
from airflow_provider_aliyunsms.campaign.sending import MakeWorkers, ProgressReporter, Sender, Workers
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import (
    AliyunSmsError,
    AudienceError,
    GuardError,
    GuardWaitError,
    LedgerError,
    ReceiptsError,
    SendInterruptedError,
    TooManyRefusedError,
)
from airflow_provider_aliyunsms.log_lines import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_aliyunsms.campaign.guards import Facts, GuardJudge
    from airflow_provider_aliyunsms.campaign.ledger import Entry, Window


log = logging.getLogger(__name__)

AT_ONCE = 2000
"""Recipients whose outcomes are changed together, where no call is made for them."""

SKEW_TO_TELL = 5.0
"""Seconds by which a machine's clock may be off before the log says so."""


class Campaign:
    """
    One try of a campaign, which is one run of its Airflow task.

    :param plan: the audience, the channel, the store and the settings.
    :param clock: the source of time; the machine's clock by default.
    :param make_workers: makes the pool of threads that make the calls.
    """

    def __init__(
        self, *, plan: Plan, clock: Clock | None = None, make_workers: MakeWorkers = Workers
    ) -> None:
        self._plan = plan
        self._clock = CampaignClock(clock=clock or Clock(), gateway_time=plan.channel.gateway_time)
        self._make_workers = make_workers
        self._report: AudienceReport | None = None
        self._cut = None if plan.shard is None else ShardCut(plan.shard)
        self._judge: GuardJudge | None = None
        self._progress: ProgressReporter | None = None

    def run(self) -> Result:
        """
        Send to every recipient that has no outcome yet, and return the summary of the campaign.

        Costs one API call for each chunk, and money for each message. A retry reads the ledger, sends only what is
        left and settles what was unknown. The caller decides what a number of ``unknown`` recipients means. A dry
        run makes no call and writes no ledger, but writes receipts.

        :returns: the summary, and how many chunks a later try may still settle.
        :raises AudienceError: the audience cannot be read or must not be sent to; nothing was sent by this try.
        :raises ConfigurationError: there is no signature; nothing was sent by this try.
        :raises LedgerError: the ledger cannot be read or written, or belongs to another process or campaign.
        :raises AliyunSmsError: another error that ends the sending, see
            :meth:`~airflow_provider_aliyunsms.campaign.sending.sender.Sender.run`.
        """
        plan = self._plan
        # A dry run must leave no ledger: the next try would take it for an earlier one that may have sent.
        store = MemoryStore() if plan.dry_run else plan.store
        ledger = Ledger(
            store=store,
            campaign_id=plan.campaign_id,
            fenced=plan.fenced and not plan.dry_run,
            clock=self._clock,
            dedupe=plan.dedupe,
            secrets_known=plan.secrets_known,
        )
        # Before the audience is loaded, so that a later try finds a ledger whatever happens to this one.
        occasion = replace(plan.occasion, first_try=True) if plan.dry_run else plan.occasion
        opening = ledger.open(occasion=occasion, resend=plan.resend)
        self._announce(opening)
        with Spool() as spool:
            try:
                self._load(spool, ledger)
                # Before the first call: after it, an error about the audience would come too late.
                has_sent = ledger.has_windows
                admit(spool=spool, limits=plan.limits, has_sent=has_sent, cut=self._cut)
                self._leave_out_groups(spool)
            except AliyunSmsError:
                self._close_ledger(ledger)
                raise
            if plan.guards or plan.dry_run:
                facts = self._guard_facts(spool, resumed=has_sent, ledger_name=ledger.name)
                self._judge = self._guard_judge(facts, finished=opening.summary is not None)
                if plan.dry_run:
                    return Result(summary=self._rehearse(spool, opening, facts), still_open=0)
            still_open = self._send(spool=spool, ledger=ledger, opening=opening)
            summary, error = self._finish(spool=spool, ledger=ledger, opening=opening, still_open=still_open)
            self._tell_guards()
            if error is not None:
                self._plan.keep_failure(summary)
                explain_ending(error, summary)
                raise error
            return Result(summary=summary, still_open=still_open)

    def _load(self, spool: Spool, ledger: Ledger) -> None:
        campaign, dedupe = ledger.campaign, self._plan.dedupe
        spool.load(
            self._plan.blocks,
            rules=self._plan.rules,
            keys_of=lambda numbers, contents: recipient_keys(
                campaign_id=campaign, numbers=numbers, contents=contents, dedupe=dedupe
            ),
            by_content=dedupe == "content",
            shard=self._cut,
        )
        if self._cut is not None:
            say(
                log,
                logging.INFO,
                "Shard %d of %d: %d of the %d rows of the audience are its own.",
                self._cut.shard.index,
                self._cut.shard.of,
                spool.total,
                self._cut.rows,
            )
        # The texts of the China API are those of the template, which is not known here.
        parts = PartsCount() if self._plan.channel.product.number_field == TO else None
        report = self._report = AudienceReport.of(
            spool, facts=self._plan.facts, several=spool.repeated_numbers, parts=parts
        )
        say(log, logging.INFO, "Campaign %s", ledger.campaign)
        for line in report.lines():
            level = logging.WARNING if line.startswith(TO_LOOK_AT) else logging.INFO
            say(log, level, "Audience: %s", line)
        if spool.repeated_numbers:
            say(
                log,
                logging.WARNING,
                "%d numbers stand in several rows with different contents, and get %d messages more.",
                spool.repeated_numbers,
                spool.repeated_rows,
                next_step="If a column that the template does not use makes the difference, leave it out "
                '(column_mapping), or set dedupe="phone".',
            )

    def _guard_judge(self, facts: Facts, *, finished: bool) -> GuardJudge | None:
        # Only here: most campaigns have no guards, and loading their package would show in small ones.
        from airflow_provider_aliyunsms.campaign.guards import GuardJudge

        guards = self._plan.guards
        return GuardJudge(guards=guards, facts=facts, finished=finished) if guards else None

    def _guard_facts(self, spool: Spool, *, resumed: bool, ledger_name: str) -> Facts:
        from airflow_provider_aliyunsms.campaign.guards import Facts

        plan = self._plan
        channel = plan.channel
        return Facts(
            campaign_id=plan.campaign_id,
            product=channel.product,
            spool=spool,
            now=self._clock.now,
            planned_at=plan.planned_at,
            template_code=plan.texts.template_code,
            message=plan.texts.message,
            groups=plan.groups,
            vendor=channel if isinstance(channel, VendorFacts) else None,
            surroundings=plan.surroundings,
            dry_run=plan.dry_run,
            resumed=resumed,
            calls_per_second=plan.policy.max_qps,
            chunk_size=plan.policy.chunk_size,
            secret=plan.secrets_known[0] if plan.secrets_known else b"",
            status=channel,
            ledger_name=ledger_name,
            can_wait=plan.durable,
        )

    def _leave_out_groups(self, spool: Spool) -> None:
        """Skip those whose group gets nothing, before anybody is counted as one who will be sent to."""
        if self._plan.groups is not None:
            skipped = self._plan.groups.leave_out(spool)
            say(
                log,
                logging.INFO,
                "Split: %d of %d recipients are in a group that gets nothing.",
                skipped,
                spool.ready,
            )

    def _announce(self, opening: Opening) -> None:
        if self._plan.resend and not opening.resumed:
            say(
                log,
                logging.WARNING,
                "resend=True: every recipient of this audience is sent to AGAIN, also those sent to before.",
            )
        elif opening.resumed:
            say(log, logging.INFO, "Resuming: no number in the ledger of earlier tries is sent to again.")

    def _send(self, *, spool: Spool, ledger: Ledger, opening: Opening) -> int:
        if opening.contested and self._plan.fenced:
            # Before the sender reads the ledger: until its lease ends, the old process may still make calls whose
            # intents are written. Evidence about a call that is still to be made would prove nothing.
            self._wait_for_orphan()
        # Before the first intent: it says when its call leaves, by the gateway's clock where that is known.
        self._plan.channel.sync_clock()
        self._warn_of_skew()
        product = self._plan.channel.product
        progress = self._progress = ProgressReporter(
            ledger=ledger,
            spool=spool,
            clock=self._clock,
            judge=self._judge,
            facts={"campaign_id": self._plan.campaign_id, "api": product.action},
            try_number=self._plan.try_number,
            onlookers=self._plan.onlookers,
            open_chunks=lambda: sender.still_open,
        )

        def again(window: Window, entry: Entry, code: str | None) -> bool:
            if not ledger.was_settled_earlier(window, entry):
                return False
            return self._plan.resend_rejected or (
                opening.ended_refused and not is_own_cause(code, product=product)
            )

        counts = self._plan.counts
        sender = Sender(
            plan=self._plan,
            ledger=ledger,
            spool=spool,
            clock=self._clock,
            on_progress=self._reporter(progress, spool, resumed=opening.resumed),
            make_workers=self._make_workers,
            resumed=opening.resumed,
            again=again,
            judge=self._judge,
        )
        ends: tuple[type[BaseException], ...] = (AliyunSmsError, *self._plan.interruptions)
        try:
            with self._plan.account_pace or contextlib.nullcontext():
                sender.run()
            counts.end = _by_outcome(spool)
        except ends as error:
            # Before those for whom no call was made are counted as skipped: a later try sends to them.
            counts.end = _by_outcome(spool)
            if isinstance(error, GuardWaitError) and error.until is not None:
                # The guards go by the gateway's clock, and what waits by this machine's. Too early, the whole
                # audience would be read again and again until the gateway's time has come.
                error.until += timedelta(seconds=self._clock.skew)
            owns = self._still_owns(ledger, error)
            if owns:
                # Before the ledger is closed, and before those who wait are counted as skipped.
                progress.show_end(error)
            # Never while a call is in flight: after a clean shutdown the next try does not wait for this process.
            if sender.idle:
                self._close_ledger(ledger)
            if not owns:
                progress.log_now()
            else:
                self._tell(error, spool=spool, ledger=ledger, opening=opening)
                # After the receipts, which matter more when the process is about to be killed. Not where another
                # process has the campaign: it tells its own guards.
                self._tell_guards()
            raise
        progress.show()
        return sender.still_open

    def _reporter(self, progress: ProgressReporter, spool: Spool, *, resumed: bool) -> Callable[[], None]:
        counts = self._plan.counts
        if not resumed:
            counts.begin = dict.fromkeys(OUTCOMES, 0)

        def report() -> None:
            # The first call comes after the outcomes of earlier tries are read, and before one of this try.
            if counts.begin is None:
                counts.begin = _by_outcome(spool)
            progress.show_if_due()

        return report

    def _tell_guards(self) -> None:
        if self._judge is not None:
            self._judge.after_sending()

    def _still_owns(self, ledger: Ledger, error: BaseException) -> bool:
        """Return whether this process may still write: another one writes receipts of its own."""
        if isinstance(error, LedgerError):
            return False
        try:
            # A guard may have decided so for its refusals, as a canary does.
            if isinstance(error, TooManyRefusedError) or type(error) is GuardError:
                ledger.note_refusals()
            ledger.confirm()
        except LedgerError as lost:
            say(
                log,
                logging.WARNING,
                "The receipts of this try are left to the next one: %s",
                lost.message,
                next_step=lost.advice,
            )
            return False
        return True

    def _tell(self, error: BaseException, *, spool: Spool, ledger: Ledger, opening: Opening) -> None:
        """Write the receipts of a try that an error ends, keep its summary, and put the reasons into the error."""
        # The error that ended the try is the one to report, whatever happens here.
        try:
            # Those for whom no call was made are skipped, not unknown.
            for members in spool.unsettled(batch=AT_ONCE):
                spool.settle(
                    out_id="",
                    biz_id=None,
                    time=opening.started_at,
                    settlements=[Settlement(members.keys, "skipped", LocalCode.NOT_STARTED.value)],
                )
            summary = self._summary(spool=spool, started_at=opening.started_at, requests=ledger.calls)
            if isinstance(error, AliyunSmsError):
                explain_ending(error, summary)
            summary |= self._keep_receipts(spool, opening)
        except AliyunSmsError as failed:
            say(
                log,
                logging.WARNING,
                "There are no receipts of this try: %s",
                failed.message,
                next_step=failed.advice,
            )
            return
        self._plan.keep_failure(summary)

    def _warn_of_skew(self) -> None:
        skew = self._clock.skew
        if abs(skew) > SKEW_TO_TELL:
            say(
                log,
                logging.WARNING,
                "This machine's clock is %.0f s %s the gateway's. The campaign goes by the gateway's.",
                abs(skew),
                "ahead of" if skew > 0 else "behind",
                next_step="Have the clock set by NTP (chrony, systemd-timesyncd): what is dated more than 15 minutes "
                "off is refused.",
            )

    def _wait_for_orphan(self) -> None:
        say(
            log,
            logging.WARNING,
            "The last try did not end cleanly: waiting %.0f s until its process must have stopped.",
            self._plan.policy.takeover_wait,
            next_step="None needed. Then this try goes on.",
        )
        until = self._clock.monotonic() + self._plan.policy.takeover_wait
        while (left := until - self._clock.monotonic()) > 0:
            reason = self._plan.stop_reason()
            if reason:
                raise SendInterruptedError(f"stopped before the first call: {reason}")
            self._clock.sleep(min(left, 0.2))

    def _finish(
        self, *, spool: Spool, ledger: Ledger, opening: Opening, still_open: int
    ) -> tuple[dict[str, Any], AliyunSmsError | None]:
        """Write result and receipts; return the summary, and the error in which the campaign ends all the same."""
        summary = self._summary(spool=spool, started_at=opening.started_at, requests=ledger.calls)
        if opening.summary is not None and _same(opening.summary, summary):
            # A cleared task that had finished: nothing was sent, and it must return the same summary, character for
            # character, with the old finished_at.
            summary = dict(opening.summary)
        else:
            # Before the receipts: if they cannot be written, the next try finds this result and returns the same.
            ledger.finish(summary)
        local = sum(n for code, n in spool.local_errors().items() if code != LocalCode.DUPLICATE)
        error: AliyunSmsError | None = None
        # Not while some outcomes may still become known: that error is retried, and the judgement waits.
        if not still_open:
            error = refusals_error(summary, local=local, threshold=self._plan.policy.error_threshold)
            error = error or self._nobody_left(summary, local=local)
        if isinstance(error, TooManyRefusedError):
            ledger.note_refusals()
        try:
            summary |= self._keep_receipts(spool, opening)
        except ReceiptsError as failed:
            # A try that is to be repeated for another reason writes them then.
            error = error or failed
            if error is not failed:
                say(log, logging.ERROR, "%s", failed.message, next_step=failed.advice)
        if error is not None and self._progress is not None:
            self._progress.show_end(error)
        ledger.close()
        return summary, error

    def _nobody_left(self, summary: Mapping[str, Any], *, local: int) -> AudienceError | None:
        """Return the error of a campaign whose guards left everybody out: a green task tells of some reached."""
        reached = summary["accepted"] + summary["unknown"] + summary["rejected"] - local
        if reached or self._judge is None or not self._judge.records:
            return None
        return AudienceError(
            "the guards left nobody to send to",
            code=LocalCode.EMPTY_AUDIENCE.value,
            advice="Look at the guards and at the codes, if that is a surprise.",
        )

    def _rehearse(self, spool: Spool, opening: Opening, facts: Facts) -> dict[str, Any]:
        # Only here: a campaign that sends does not load it.
        from airflow_provider_aliyunsms.campaign.rehearsal import rehearse, summary_lines

        if self._judge is not None:
            self._judge.before_sending()
        # Before anybody is settled: it looks at those who would be sent to.
        found = rehearse(facts, guards=[] if self._judge is None else self._judge.records)
        for line in summary_lines(found):
            say(log, logging.INFO, "Rehearsal: %s", line)
        calls = 0
        size = self._plan.policy.chunk_size
        groups, batches = self._plan.groups, spool.unsettled(batch=size * 8)
        by_group = [batches] if groups is None else ([each] for _, each in groups.batches(batches, size=size))
        chunks = (chunk for each in by_group for chunk in cut(campaign="", batches=each, size=size))
        for chunk in chunks:
            calls += 1
            spool.settle(
                out_id="",
                biz_id=None,
                time=opening.started_at,
                settlements=[Settlement(chunk.keys, "skipped", LocalCode.DRY_RUN.value)],
            )
        summary = self._summary(spool=spool, started_at=opening.started_at, requests=0)
        return {
            **summary,
            "dry_run": True,
            "planned_requests": calls,
            "rehearsal": found,
            **self._keep_receipts(spool, opening),
        }

    def _keep_receipts(self, spool: Spool, opening: Opening) -> dict[str, Any]:
        receipts = Receipts(runs=spool.receipts(), product=self._plan.channel.product, at=opening.started_at)
        return self._plan.keep_receipts(receipts, spool.total)

    def _summary(self, *, spool: Spool, started_at: str, requests: int) -> dict[str, Any]:
        counts = spool.counts()
        return {
            "campaign_id": self._plan.campaign_id,
            "api": self._plan.channel.product.action,
            "total": counts.total,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "skipped": counts.skipped,
            "unknown": counts.unknown + counts.pending,
            "requests": requests,
            "errors": spool.errors(),
            **({"repeated_numbers": spool.repeated_numbers} if spool.repeated_numbers else {}),
            # A shard may have so few people that a plain hash of them would tell who they are.
            "digest": spool.digest if self._cut is None else self._cut.salted(spool.digest),
            "audience": self._report.figures() if self._report else {},
            **({"shard": self._cut.figures()} if self._cut is not None else {}),
            **({"guards": self._judge.records} if self._judge is not None and self._judge.records else {}),
            **self._groups_found(spool),
            "started_at": started_at,
            "finished_at": utc_stamp(self._clock.now()),
        }

    def _groups_found(self, spool: Spool) -> dict[str, Any]:
        groups = self._plan.groups
        if groups is None:
            return {}
        # By it a sensor tells whether its own split puts people into these groups.
        return {"groups": groups.results(spool), "split": groups.split.fingerprint()}

    def _close_ledger(self, ledger: Ledger) -> None:
        # The error that ended the try is the one to report. If the shutdown is not recorded, the next try only
        # waits a little longer.
        with contextlib.suppress(AliyunSmsError):
            ledger.close()


def _by_outcome(spool: Spool) -> dict[str, int]:
    counts = spool.counts()
    return {outcome: getattr(counts, outcome) for outcome in OUTCOMES}


def _same(stored: Mapping[str, Any], fresh: Mapping[str, Any]) -> bool:
    # Guards whom nobody concerned were not asked, and the reasons of others may tell the time.
    told = ("finished_at", "guards")
    return all(stored.get(name) == value for name, value in fresh.items() if name not in told)
