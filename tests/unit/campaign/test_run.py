# SPDX-License-Identifier: Apache-2.0
"""Whole tries of a campaign against a gateway in memory: what each situation ends in."""

from __future__ import annotations

import pytest
from world import POISON, SETTLE_TIME, CrashingStore, World

from airflow_provider_aliyunsms.campaign.admission import AudienceLimits
from airflow_provider_aliyunsms.campaign.figures import PROGRESS_KEY
from airflow_provider_aliyunsms.exceptions import (
    AudienceError,
    CampaignDoomedError,
    LedgerError,
    LedgerMissingError,
    NotSentError,
    OutcomeUnknownError,
    SendInterruptedError,
    TooManyRefusedError,
)

PEOPLE = [f"138000000{i:02d}" for i in range(40)]


@pytest.fixture
def world():
    return World()


def retry(world, people=PEOPLE, **changes):
    return world.retry(people, **changes).summary


def test_everybody_is_served_once(world):
    summary = world.run(PEOPLE).summary
    assert summary["accepted"] == summary["total"] == 40
    assert summary["requests"] == world.gateway.submissions == 8
    assert set(world.gateway.accepted.values()) == {1}


def test_a_cleared_campaign_returns_the_same_and_sends_nothing(world):
    first = world.run(PEOPLE).summary
    sent = world.gateway.submissions
    world.clears += 1
    world.clock.sleep(86_400)
    assert retry(world) == first
    assert world.gateway.submissions == sent


def test_who_is_new_is_sent_to_and_who_was_settled_is_not(world):
    world.run(PEOPLE[:20])
    summary = retry(world, PEOPLE[10:30])
    # Those who left the audience keep their outcome.
    assert summary["accepted"] == summary["total"] == 30
    assert world.gateway.accepted == dict.fromkeys(PEOPLE[:30], 1)


def test_another_chunk_size_after_a_stop(world):
    with pytest.raises(SendInterruptedError):
        world.run(PEOPLE, chunk_size=7, stop_after=3)
    assert 0 < sum(world.gateway.accepted.values()) < 40
    summary = retry(world, chunk_size=3)
    assert summary["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {1}


def test_resend_sends_again_once_per_occasion(world):
    world.run(PEOPLE)
    world.clears += 1
    assert retry(world, resend=True)["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {2}
    # The automatic retry of the same occasion must not send a third time.
    assert retry(world, resend=True)["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {2}
    world.clears += 1
    retry(world, resend=True)
    assert set(world.gateway.accepted.values()) == {3}


def test_a_resend_that_was_interrupted_is_resumed_by_its_retry(world):
    world.run(PEOPLE)
    world.clears += 1
    with pytest.raises(SendInterruptedError):
        retry(world, resend=True, stop_after=4)
    assert retry(world, resend=True)["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {2}


def test_mapped_inputs_that_changed_places_are_not_sent_to(world):
    world.run(PEOPLE[:20], positional=True)
    with pytest.raises(LedgerError, match="mapped"):
        retry(world, PEOPLE[20:], positional=True)
    with pytest.raises(LedgerError, match="mapped"):
        retry(world, PEOPLE[10:30], positional=True)
    assert sum(world.gateway.accepted.values()) == 20
    assert retry(world, PEOPLE[:30], positional=True)["accepted"] == 30


def test_a_second_try_without_a_ledger_sends_nothing(world):
    with pytest.raises(LedgerMissingError, match="Next step"):
        world.run(PEOPLE, first_try=False)
    assert world.gateway.submissions == 0


def test_a_ledger_of_another_campaign_is_refused(world):
    world.run(PEOPLE)
    world.store.values["aliyun_sms.head"] = world.store.values["aliyun_sms.head"].replace(
        "campaign", "other", 1
    )
    world.store.values["aliyun_sms.head"] = '{"campaign_id": "another", "generation": 1, "started_at": ""}'
    with pytest.raises(LedgerError, match="another campaign"):
        retry(world)


@pytest.mark.parametrize("writes", range(1, 17))
def test_a_store_that_fails_stops_the_sending_and_the_retry_completes_it(world, writes):
    world.store.new_process(crash_in=None, crash_after_write=False, broken_in=writes)
    with pytest.raises(LedgerError, match="ConnectionError"):
        world.run(PEOPLE, max_concurrency=1)
    sent = sum(world.gateway.accepted.values())
    assert sent <= 5 * (writes - 1), "more was sent than intents were written"
    summary = retry(world)
    assert summary["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {1}


def test_one_bad_number_stands_alone_in_the_end(world):
    people = [*PEOPLE[:12], f"138000001{POISON}", *PEOPLE[12:]]
    summary = world.run(people, chunk_size=13).summary
    assert (summary["accepted"], summary["rejected"]) == (40, 1)
    assert summary["errors"] == {"isv.MOBILE_NUMBER_ILLEGAL": 1}
    assert set(world.gateway.accepted.values()) == {1}


def test_a_doomed_campaign_stops_and_goes_on_after_the_cause_is_mended(world):
    world.gateway.faults.extend(["ok", "ok", "doomed"])
    with pytest.raises(CampaignDoomedError):
        world.run(PEOPLE, max_concurrency=1)
    assert world.gateway.submissions == 3
    assert retry(world)["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {1}


def test_too_many_refusals_stop_the_sending_and_the_rest_can_be_resumed(world):
    people = [f"13800{i:04d}{POISON}" for i in range(150)] + PEOPLE
    with pytest.raises(TooManyRefusedError, match="error_threshold"):
        world.run(people, chunk_size=10)
    before = world.gateway.submissions
    summary = retry(world, people, error_threshold=None)
    assert (summary["accepted"], summary["rejected"]) == (40, 150)
    assert world.gateway.submissions > before


def test_a_gateway_that_cannot_be_reached_ends_the_try_and_loses_nobody(world):
    world.gateway.faults.extend(["refused_connection"] * 10_000)
    with pytest.raises(NotSentError):
        world.run(PEOPLE)
    assert not world.gateway.accepted
    world.gateway.faults.clear()
    assert retry(world)["accepted"] == 40


def test_a_gateway_that_is_not_well_gets_no_new_calls(world):
    world.gateway.faults.extend(["error_500"] * 10_000)
    people = [f"1380001{i:03d}0" for i in range(400)]
    with pytest.raises(OutcomeUnknownError, match="no new ones"):
        world.run(people)
    assert world.gateway.submissions < 40
    world.gateway.faults.clear()
    world.clock.sleep(SETTLE_TIME)
    assert retry(world, people)["accepted"] == 400
    assert set(world.gateway.accepted.values()) == {1}


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "error_500", "system_error"])
def test_an_ambiguous_call_is_settled_by_evidence(world, fault):
    world.gateway.faults.extend(["ok", fault])
    summary = world.run(PEOPLE).summary
    if fault in ("drop_before", "drop_after"):
        assert summary["accepted"] == 40
    else:
        # The nonce is used up and there is no record: only time tells.
        assert (summary["accepted"], summary["unknown"]) == (35, 5)
        world.clock.sleep(SETTLE_TIME)
        assert retry(world)["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {1}


def test_a_record_that_appears_late_is_waited_for(world):
    world.gateway.record_lag = 45.0
    world.gateway.faults.extend(["drop_after"])
    assert world.run(PEOPLE).summary["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {1}


def test_hidden_records_prove_nothing(world):
    world.gateway.faults.extend(["error_500"])
    world.gateway.query_faults.extend(["hidden"] * 10_000)
    assert world.run(PEOPLE).summary["unknown"] == 5
    world.clock.sleep(10 * SETTLE_TIME)
    assert retry(world)["unknown"] == 5


def test_without_look_up_the_unknown_stays_unknown_until_somebody_asks():
    world = World(can_look_up=False)
    world.gateway.faults.extend(["drop_after"])
    result = world.run(PEOPLE, max_concurrency=1)
    assert result.summary["unknown"] == 5
    assert result.still_open == 0
    world.clock.sleep(SETTLE_TIME)
    assert retry(world)["unknown"] == 5
    assert retry(world, resend_unknown=True)["unknown"] == 5
    assert set(world.gateway.accepted.values()) == {1}
    world.clears += 1
    assert retry(world, resend_unknown=True)["unknown"] == 0
    assert sorted(world.gateway.accepted.values())[-6:] == [1, 2, 2, 2, 2, 2]


def test_throttled_calls_are_made_again_later(world):
    world.gateway.faults.extend(["throttle", "throttle_unseen", "ok", "throttle"])
    summary = world.run(PEOPLE).summary
    assert summary["accepted"] == 40
    assert set(world.gateway.accepted.values()) == {1}


@pytest.mark.parametrize("asked", [7.0, 40.0])
def test_no_call_is_made_before_the_time_that_the_gateway_asks_for(world, asked):
    world.gateway.faults.extend(["ok", "throttle"])
    world.gateway.retry_after = asked
    assert world.run(PEOPLE, max_concurrency=1).summary["accepted"] == 40
    refused, next_one = world.gateway.submitted_at[1:3]
    assert next_one - refused >= asked


def test_a_dry_run_writes_and_sends_nothing(world):
    summary = world.run([*PEOPLE, "12"], dry_run=True).summary
    assert world.gateway.submissions == 0
    assert world.store.values == {}
    assert (summary["skipped"], summary["rejected"], summary["planned_requests"]) == (40, 1, 8)


@pytest.mark.parametrize(
    ("limit", "passes"), [(0, False), (1, False), (2, True), (0.04, False), (0.05, True)]
)
def test_too_many_rejected_rows_stop_everything_before_the_first_send(world, limit, passes):
    people = [*PEOPLE, "12", "abc"]
    if passes:
        assert world.run(people, limits=AudienceLimits(max_rejected=limit)).summary["rejected"] == 2
        return
    with pytest.raises(AudienceError, match="row 41"):
        world.run(people, limits=AudienceLimits(max_rejected=limit))
    assert world.gateway.submissions == 0


def test_a_failed_first_try_that_sent_nothing_can_be_retried(world):
    with pytest.raises(AudienceError):
        world.run([*PEOPLE, {"phone_number": "13800000001", "no_such_key": 1}])
    assert retry(world)["accepted"] == 40


class Choosy(CrashingStore):
    """A store that takes everything but the figures."""

    def set(self, key, value):
        if key == PROGRESS_KEY:
            raise ValueError("too large")
        super().set(key, value)


def test_a_store_that_refuses_the_figures_alone_stops_no_campaign(caplog):
    world = World(store=Choosy())
    world.slow_store(seconds=4, calls=1)
    summary = world.run(PEOPLE, chunk_size=1).summary
    assert summary["accepted"] == 40
    assert world.gateway.accepted == dict.fromkeys(PEOPLE, 1)
    told = [one for one in caplog.messages if "figures of the progress could not be kept" in one]
    assert len(told) == 1


def test_a_store_that_is_gone_stops_the_campaign_at_its_figures():
    class Gone(Choosy):
        is_gone = False

        def set(self, key, value):
            self.is_gone = self.is_gone or key == PROGRESS_KEY
            if self.is_gone:
                raise ConnectionError
            super().set(key, value)

    world = World(store=Gone())
    with pytest.raises(LedgerError):
        world.run(PEOPLE)
    assert max(world.gateway.accepted.values(), default=0) <= 1
