# SPDX-License-Identifier: Apache-2.0
"""When a try must end before its next call, outcome by outcome."""

from __future__ import annotations

import pytest

from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.campaign.policy import SendPolicy
from airflow_provider_aliyunsms.campaign.sending.stop_conditions import THRESHOLD_SAMPLE, StopConditions
from airflow_provider_aliyunsms.exceptions import (
    CampaignDoomedError,
    NotSentError,
    OutcomeUnknownError,
    SendInterruptedError,
    ThrottledError,
    TooManyRefusedError,
)

NETWORK_PATIENCE = 300.0
EVIDENCE_WAIT = 90.0


class Stopwatch(Clock):
    """Monotonic seconds that a test sets."""

    seconds = 0.0

    def monotonic(self):
        return self.seconds


class Case:
    """Stop conditions with the clock and the reason that they look at."""

    def __init__(self, **changes):
        self.clock = Stopwatch()
        self.reason = None
        self.stops = StopConditions(
            policy=SendPolicy(
                chunk_size=100,
                max_concurrency=4,
                network_patience=NETWORK_PATIENCE,
                evidence_wait=EVIDENCE_WAIT,
                **changes,
            ),
            clock=self.clock,
            stop_reason=lambda: self.reason,
        )
        self.stops.begin()

    def count(self, kind, *, recipients=1, settling=False, refused=False, **facts):
        outcome = Outcome(kind=kind, time="2026-01-02T03:04:05Z", **facts)
        self.stops.count(outcome, recipients=recipients, settling=settling, refused=refused)
        return outcome

    def check(self, *, open_chunks=0, held_back=False):
        self.stops.check(open_chunks=open_chunks, held_back=held_back)


def test_nothing_speaks_against_the_first_call():
    case = Case()
    case.check()
    assert case.stops.calm


def test_a_reason_to_stop_ends_the_try_and_is_named():
    case = Case()
    case.reason = "the task was killed"
    with pytest.raises(SendInterruptedError, match="the task was killed"):
        case.check()


def test_the_first_doom_is_told_and_a_stop_at_the_same_time_does_not_hide_it():
    case = Case()
    first, second = CampaignDoomedError("no balance"), CampaignDoomedError("no permission")
    case.count(OutcomeKind.RELEASED, error=first)
    case.count(OutcomeKind.RELEASED, error=second)
    case.reason = "the task was killed"
    with pytest.raises(CampaignDoomedError) as caught:
        case.check()
    assert caught.value is first


def test_an_unforeseen_error_of_a_thread_is_raised_in_the_main_thread():
    case = Case()
    case.stops.fault = KeyError("surprise")
    with pytest.raises(KeyError, match="surprise"):
        case.check()


@pytest.mark.parametrize(
    ("accepted", "refused", "ends"),
    [
        (THRESHOLD_SAMPLE - 1, 0, False),
        (0, THRESHOLD_SAMPLE - 1, False),
        (0, THRESHOLD_SAMPLE, True),
        (50, 50, True),
        (51, 50, False),
    ],
)
def test_the_share_of_refused_is_judged_once_there_is_a_sample(accepted, refused, ends):
    case = Case(error_threshold=0.5)
    case.count(OutcomeKind.ACCEPTED, recipients=accepted)
    for _ in range(refused):
        case.count(OutcomeKind.REFUSED)
    if ends:
        with pytest.raises(TooManyRefusedError, match=f"{refused} of the {accepted + refused}"):
            case.check()
    else:
        case.check()


def test_failed_recipients_of_an_accepted_chunk_are_refused_ones():
    case = Case(error_threshold=0.5)
    case.count(OutcomeKind.ACCEPTED, recipients=100, failed=frozenset(range(50)))
    with pytest.raises(TooManyRefusedError, match="50 of the 100"):
        case.check()


def test_without_a_threshold_everybody_may_be_refused():
    case = Case(error_threshold=None)
    for _ in range(2 * THRESHOLD_SAMPLE):
        case.count(OutcomeKind.REFUSED)
    case.check()
    assert case.stops.calm


def test_jobs_wait_ahead_only_while_acceptances_cannot_end_the_try():
    case = Case(error_threshold=0.5)
    case.count(OutcomeKind.REFUSED)
    assert not case.stops.calm, "an acceptance may complete the sample with too many refused"
    case.count(OutcomeKind.ACCEPTED, recipients=THRESHOLD_SAMPLE)
    assert case.stops.calm
    case.count(OutcomeKind.RELEASED)
    assert not case.stops.calm


@pytest.mark.parametrize(("throttled", "error"), [(False, NotSentError), (True, ThrottledError)])
def test_a_gateway_that_does_not_take_calls_is_given_up_after_a_while(throttled, error):
    case = Case()
    case.clock.seconds = 10.0
    case.count(OutcomeKind.RELEASED, throttled=throttled, code="why")
    case.clock.seconds = NETWORK_PATIENCE
    case.check()
    case.clock.seconds += 0.1
    with pytest.raises(NotSentError) as caught:
        case.check()
    assert type(caught.value) is error
    assert caught.value.code == "why"


def test_one_clear_response_renews_the_patience():
    case = Case()
    case.count(OutcomeKind.RELEASED)
    case.clock.seconds = NETWORK_PATIENCE
    case.count(OutcomeKind.ACCEPTED)
    case.clock.seconds = 10 * NETWORK_PATIENCE
    case.check()


@pytest.mark.parametrize(
    ("facts", "is_progress"),
    [
        ({"kind": OutcomeKind.AMBIGUOUS}, False),
        ({"kind": OutcomeKind.AMBIGUOUS, "settling": True}, False),
        ({"kind": OutcomeKind.AMBIGUOUS, "refused": True}, True),
        ({"kind": OutcomeKind.AMBIGUOUS, "refused": True, "settling": True}, False),
        ({"kind": OutcomeKind.RELEASED}, False),
        ({"kind": OutcomeKind.RELEASED, "settling": True}, True),
        ({"kind": OutcomeKind.UNKNOWN}, True),
        ({"kind": OutcomeKind.SPLIT}, True),
    ],
)
def test_which_outcomes_show_that_the_gateway_is_well(facts, is_progress):
    case = Case()
    case.clock.seconds = EVIDENCE_WAIT + 1
    assert case.stops.patience_is_over(waiting_alone=True)
    assert not case.stops.patience_is_over(waiting_alone=False)
    case.count(**facts)
    assert case.stops.patience_is_over(waiting_alone=True) is not is_progress


def test_too_many_open_chunks_end_the_try_only_after_a_wait():
    case = Case()
    case.clock.seconds = EVIDENCE_WAIT
    case.check(open_chunks=8, held_back=True)
    case.clock.seconds += 0.1
    case.check(open_chunks=8, held_back=False)
    with pytest.raises(OutcomeUnknownError, match="8 calls"):
        case.check(open_chunks=8, held_back=True)


def test_pauses_grow_with_failures_in_a_row_and_begin_anew_after_a_response():
    case = Case()
    case.clock.seconds = 100.0
    pauses = []
    for kind in [OutcomeKind.RELEASED] * 3 + [OutcomeKind.ACCEPTED, OutcomeKind.RELEASED]:
        outcome = case.count(kind)
        if kind is OutcomeKind.RELEASED:
            pauses.append(case.stops.pause_until(outcome) - 100.0)
    assert pauses == [0.5, 1.0, 2.0, 0.5]
    assert case.stops.pause_until(case.count(OutcomeKind.RELEASED, retry_after=20.0)) == 120.0
