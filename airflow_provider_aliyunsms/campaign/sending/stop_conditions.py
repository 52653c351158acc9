# SPDX-License-Identifier: Apache-2.0
"""
Decide from the outcomes so far whether a try must stop before its next call.

Only the main thread uses this module. Jobs that wait for a thread are held back by ``permits.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.policy import SendPolicy, pause_after
from airflow_provider_aliyunsms.codes import explain
from airflow_provider_aliyunsms.exceptions import (
    NotSentError,
    OutcomeUnknownError,
    SendInterruptedError,
    ThrottledError,
    TooManyRefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_aliyunsms.campaign.clock import Clock

THRESHOLD_SAMPLE = 100
"""Recipients that must be accepted or refused before the share of refused ones is compared with the threshold."""


class StopConditions:
    """
    Watch the outcomes of one try and raise the error that ends it; every field belongs to the main thread.

    :param policy: gives the threshold, and how long to wait for a gateway that is not well.
    :param clock: the time.
    :param stop_reason: returns a text when sending must stop; any thread may call it.
    :ivar fault: an unforeseen error of a worker thread, raised by the next :meth:`check`.
    """

    def __init__(self, *, policy: SendPolicy, clock: Clock, stop_reason: Callable[[], str | None]) -> None:
        self._policy = policy
        self._clock = clock
        self._stop_reason = stop_reason
        # Recipients that were refused, among those that were accepted or refused.
        self._refused = 0
        self._judged = 0
        # Calls in a row that did not get through.
        self._failures = 0
        self._last_failure: Outcome | None = None
        self._last_response_at = 0.0
        # The first error that rules out every further call of this campaign.
        self._doom: Exception | None = None
        self.fault: BaseException | None = None

    def begin(self) -> None:
        """Start to measure for how long no clear response has come."""
        self._last_response_at = self._clock.monotonic()

    def count(self, outcome: Outcome, *, recipients: int, settling: bool, refused: bool = False) -> None:
        """
        Update the counts of failures and refusals with one outcome.

        :param outcome: the outcome of one job.
        :param recipients: the size of its chunk.
        :param settling: whether the job looked for evidence. Every outcome of such a job, except an ambiguous one,
            is progress: a release found by evidence is no failed call.
        """
        if outcome.error is not None:
            self._doom = self._doom or outcome.error
        if outcome.kind is OutcomeKind.RELEASED and not settling:
            self._failures += 1
            self._last_failure = outcome
        elif outcome.kind is not OutcomeKind.AMBIGUOUS or (refused and not settling):
            self._last_response_at = self._clock.monotonic()
            self._failures = 0
        if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.REFUSED):
            self._judged += recipients
            self._refused += recipients if outcome.kind is OutcomeKind.REFUSED else len(outcome.failed)

    def doom(self, error: Exception | None) -> None:
        """End the try with this error, if there is one, before the next step."""
        self._doom = self._doom or error

    def leave_out(self, seconds: float) -> None:
        """Do not count so many seconds that have just passed as time without a clear response."""
        self._last_response_at = min(self._clock.monotonic(), self._last_response_at + seconds)

    def pause_until(self, outcome: Outcome) -> float:
        """
        Return the monotonic time before which no call may be made, after a call that did not get through.

        Call it after :meth:`count` for the same outcome: the pause grows with the failures in a row.
        """
        return self._clock.monotonic() + pause_after(self._failures, asked=outcome.retry_after)

    @property
    def calm(self) -> bool:
        """
        Whether further acceptances alone cannot end this try.

        They cannot bring the share of refused recipients to the threshold, unless they complete the first sample.
        Jobs may be handed out ahead only while this is true, because no acceptance holds such a job back
        (``permits.py``).
        """
        sampled = not self._refused or self._judged >= THRESHOLD_SAMPLE
        return not self._failures and (sampled or self._policy.error_threshold is None)

    def check(self, *, open_chunks: int, held_back: bool) -> None:
        """
        Raise the error that ends this try, if there is one; called before every step of the sender.

        :param open_chunks: chunks whose outcome is unknown.
        :param held_back: no new call is made before some of them are settled.
        :raises SendInterruptedError: told to stop.
        :raises CampaignDoomedError: no further call would be accepted.
        :raises TooManyRefusedError: the error threshold was reached.
        :raises NotSentError: the gateway could not be reached for too long.
        :raises OutcomeUnknownError: too many chunks are open, for too long.
        :raises BaseException: the unforeseen error of a worker thread.
        """
        # A doomed campaign first: its error names the cause, and a stop at the same time must not hide it.
        if self._doom is not None:
            raise self._doom
        if self.fault is not None:
            raise self.fault
        reason = self._stop_reason()
        if reason:
            raise SendInterruptedError(
                f"sending stopped before its next call: {reason}",
                advice="Nothing is lost: a retry or a Clear of the task goes on where it stopped.",
            )
        self._check_threshold()
        self._check_patience(open_chunks=open_chunks, held_back=held_back)

    def patience_is_over(self, *, waiting_alone: bool) -> bool:
        """
        Return whether the wait for evidence has been long enough.

        :param waiting_alone: True when nothing but open chunks is left to be done.
        """
        return waiting_alone and self._silence() > self._policy.evidence_wait

    def _check_threshold(self) -> None:
        threshold = self._policy.error_threshold
        if threshold is None or self._judged < THRESHOLD_SAMPLE:
            return
        if self._refused and self._refused / self._judged >= threshold:
            raise TooManyRefusedError(
                f"{self._refused} of the {self._judged} recipients served so far were refused, so sending stopped "
                f"(error_threshold={threshold:g})"
            )

    def _check_patience(self, *, open_chunks: int, held_back: bool) -> None:
        if self._failures and self._silence() > self._policy.network_patience:
            raise _given_up(self._last_failure, patience=self._policy.network_patience)
        if held_back and self._silence() > self._policy.evidence_wait:
            raise OutcomeUnknownError(
                f"{open_chunks} calls ended without a clear answer, so no new ones were made",
                advice="A retry of the task settles the open calls first and goes on.",
            )

    def _silence(self) -> float:
        return self._clock.monotonic() - self._last_response_at


def _given_up(failure: Outcome | None, *, patience: float) -> NotSentError:
    code = None if failure is None else failure.code
    cause = None if failure is None else failure.cause
    rest = "The next try sends what was not sent."
    if failure is not None and failure.throttled:
        return ThrottledError(
            "the gateway refused every call for its rate, for too long",
            code=code,
            request_id=cause.request_id if cause else None,
            advice=f"Lower max_qps, or have the account's limit raised. {rest}",
        )
    if cause is None:
        advice = explain(code).advice if code else "Check network and endpoint."
        return NotSentError(
            f"no call has got through for {patience:.0f} s", code=code, advice=f"{advice} {rest}"
        )
    # The advice of the code, whatever it is: a clock that is wrong is not found by checking the network.
    return NotSentError(
        f"no call has got through for {patience:.0f} s. {cause.message.rstrip('.')}",
        code=code,
        request_id=cause.request_id,
        advice=f"{cause.advice or 'Check network and endpoint.'} {rest}",
        http_status=cause.http_status,
    )
