# SPDX-License-Identifier: Apache-2.0
"""How a campaign is judged at its end, what a Clear does after that, and what every ending says."""

from __future__ import annotations

import pytest
from world import World

from airflow_provider_aliyunsms.campaign.endings import explain_ending, refusals_error
from airflow_provider_aliyunsms.exceptions import (
    CampaignDoomedError,
    LedgerError,
    NotSentError,
    OutcomeUnknownError,
    ReceiptsError,
    SendInterruptedError,
    TooManyRefusedError,
)

PEOPLE = [f"138000000{i:02d}" for i in range(20)]
TEMPLATE = "isv.TEMPLATE_MISSING_PARAMETERS"


@pytest.fixture
def world():
    return World()


def again(world, people=PEOPLE, **changes):
    """Run an automatic retry."""
    return world.retry(people, **changes).summary


def cleared(world, people=PEOPLE, **changes):
    """Clear the task after somebody has looked at it for a while."""
    world.clears += 1
    # As long as look-ups after a refusal must have stayed empty.
    world.clock.sleep(120.0)
    return again(world, people, **changes)


def refuse_all(world, code=TEMPLATE):
    world.gateway.poison, world.gateway.refusal = "", code


def mend(world):
    world.gateway.poison = None


def failing(world, *, code=TEMPLATE, people=PEOPLE, **changes):
    """Run a campaign of which the gateway refuses everybody, and return the error."""
    refuse_all(world, code)
    with pytest.raises(TooManyRefusedError) as caught:
        world.run(people, **changes)
    return caught.value


@pytest.mark.parametrize("can_look_up", [True, False], ids=["China", "Globe"])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_small_campaign_of_which_everybody_is_refused_fails_and_names_the_code(can_look_up, size):
    world = World(can_look_up=can_look_up)
    error = failing(world, people=PEOPLE[:size])
    assert error.code == TEMPLATE
    assert f"refused {size} of {size}" in str(error)
    assert f"{size} x {TEMPLATE}" in str(error)
    assert "clear the task" in error.advice
    assert world.failures[-1]["rejected"] == size
    assert [one["code"] for one in world.receipts] == [TEMPLATE] * size


@pytest.mark.parametrize("can_look_up", [True, False], ids=["China", "Globe"])
def test_a_refusal_common_to_all_stops_a_larger_one_and_says_the_same(can_look_up):
    world = World(can_look_up=can_look_up)
    error = failing(world)
    assert error.code == TEMPLATE
    assert "tried alone" in str(error)
    assert "clear the task" in error.advice
    assert world.failures[-1]["accepted"] == 0
    assert len(world.receipts) == 20


@pytest.mark.parametrize("can_look_up", [True, False], ids=["China", "Globe"])
def test_a_clear_after_mending_serves_everybody_once(can_look_up):
    world = World(can_look_up=can_look_up)
    failing(world)
    mend(world)
    assert cleared(world)["accepted"] == 20
    assert world.gateway.accepted == dict.fromkeys(PEOPLE, 1)
    sent = world.gateway.submissions
    assert cleared(world)["accepted"] == 20
    assert world.gateway.submissions == sent


@pytest.mark.parametrize("can_look_up", [True, False], ids=["China", "Globe"])
def test_a_cause_for_all_is_told_before_everybody_was_tried(can_look_up):
    world = World(can_look_up=can_look_up)
    error = failing(world)
    assert error.code == TEMPLATE
    assert "clear the task" in error.advice
    counts = world.failures[-1]
    assert 5 <= counts["rejected"] <= 10
    assert counts["rejected"] + counts["skipped"] + counts["unknown"] == 20
    assert len(world.receipts) == 20


def test_an_automatic_retry_sends_to_nobody_who_was_refused(world):
    failing(world, people=PEOPLE[:4])
    mend(world)
    sent = world.gateway.submissions
    with pytest.raises(TooManyRefusedError):
        again(world, PEOPLE[:4])
    assert world.gateway.submissions == sent
    assert cleared(world, PEOPLE[:4])["accepted"] == 4


def test_a_retry_of_the_clear_goes_on_with_those_who_are_left(world):
    failing(world)
    mend(world)
    with pytest.raises(SendInterruptedError):
        cleared(world, stop_after=4)
    assert 0 < len(world.gateway.accepted) < 20
    assert again(world)["accepted"] == 20
    assert world.gateway.accepted == dict.fromkeys(PEOPLE, 1)


def test_a_clear_without_mending_fails_again_and_may_be_cleared_again(world):
    failing(world)
    with pytest.raises(TooManyRefusedError):
        cleared(world)
    mend(world)
    assert cleared(world)["accepted"] == 20


def test_who_was_refused_for_a_cause_of_their_own_needs_to_be_asked_for(world):
    failing(world, code="isv.MOBILE_NUMBER_ILLEGAL")
    mend(world)
    sent = world.gateway.submissions
    with pytest.raises(TooManyRefusedError, match="resend_rejected"):
        cleared(world)
    assert world.gateway.submissions == sent
    assert cleared(world, resend_rejected=True)["accepted"] == 20
    assert world.gateway.accepted == dict.fromkeys(PEOPLE, 1)


def test_a_clear_of_a_green_campaign_sends_nothing_unless_asked_to(world):
    world.gateway.poison, world.gateway.refusal = "03", TEMPLATE
    assert world.run(PEOPLE).summary["rejected"] == 1
    mend(world)
    sent = world.gateway.submissions
    assert cleared(world)["rejected"] == 1
    assert world.gateway.submissions == sent
    assert cleared(world, resend_rejected=True)["accepted"] == 20
    assert world.gateway.accepted == dict.fromkeys(PEOPLE, 1)


def test_resend_rejected_reaches_nobody_who_was_accepted_or_may_have_been(world):
    world.gateway.poison, world.gateway.refusal = "1", TEMPLATE
    world.gateway.faults.extend(["error_500"])
    world.gateway.query_faults.extend(["unreachable"] * 500)
    assert world.run(PEOPLE, error_threshold=0.01).summary["unknown"] > 0
    mend(world)
    world.gateway.query_faults.clear()
    summary = {"unknown": 1}
    while summary["unknown"]:
        world.clock.sleep(120.0)
        summary = cleared(world, resend_rejected=True)
    assert summary["unknown"] == 0
    assert max(world.gateway.accepted.values()) == 1


@pytest.mark.parametrize(
    ("accepted", "rejected", "local", "threshold", "fails"),
    [
        (0, 0, 0, 0.5, False),
        (0, 3, 3, 0.5, False),
        (0, 1, 0, 1.0, True),
        (0, 1, 0, None, False),
        (1, 1, 0, 0.5, False),
        (1, 2, 0, 0.5, True),
        (9, 1, 0, 0.0, True),
        (95, 5, 0, 0.05, False),
        (94, 6, 0, 0.05, True),
    ],
)
def test_the_judgement_at_the_end(accepted, rejected, local, threshold, fails):
    summary = {"accepted": accepted, "rejected": rejected}
    assert (refusals_error(summary, local=local, threshold=threshold) is not None) is fails


def test_an_error_does_not_name_a_threshold_that_was_kept():
    error = refusals_error({"accepted": 0, "rejected": 3}, local=0, threshold=1.0)
    assert error.message == "the gateway refused all 3 recipients, and nobody was reached"


def test_a_doomed_try_leaves_receipts_and_a_summary(world):
    world.gateway.faults.extend(["ok", "doomed"])
    with pytest.raises(CampaignDoomedError, match="5 accepted, 0 rejected, 15 skipped") as caught:
        world.run(PEOPLE, max_concurrency=1)
    assert caught.value.code == "isv.AMOUNT_NOT_ENOUGH"
    assert world.failures[-1]["accepted"] == 5
    assert world.failures[-1]["errors"] == {"local.NOT_STARTED": 15}
    assert [one["outcome"] for one in world.receipts] == ["accepted"] * 5 + ["skipped"] * 15
    assert cleared(world)["accepted"] == 20


def test_an_interrupted_try_leaves_receipts_and_a_summary(world):
    with pytest.raises(SendInterruptedError, match="Of 20: "):
        world.run(PEOPLE, stop_after=4)
    assert world.failures[-1]["accepted"] + world.failures[-1]["skipped"] == 20
    assert len(world.receipts) == 20
    assert again(world)["accepted"] == 20


@pytest.mark.parametrize("can_look_up", [True, False], ids=["China", "Globe"])
def test_calls_in_flight_are_unknown_in_the_receipts_and_not_skipped(can_look_up):
    world = World(can_look_up=can_look_up)
    make = world.make_workers

    def hanging(**parameters):
        pool = make(**parameters)
        pool.hangs = True
        return pool

    world.make_workers = hanging
    with pytest.raises(SendInterruptedError):
        world.run(PEOPLE, stop_after=4, max_concurrency=1)
    assert [one["outcome"] for one in world.receipts] == ["unknown"] * 5 + ["skipped"] * 15
    assert world.failures[-1]["errors"] == {"local.NO_ANSWER": 5, "local.NOT_STARTED": 15}


class TimeIsUpError(BaseException):
    """What the surroundings raise into the middle of a try."""


def test_a_timeout_leaves_receipts_and_a_summary(world):
    world.interruptions = (TimeIsUpError,)

    def meanwhile(key):
        if world.gateway.submissions == 2:
            world.store.meanwhile = lambda key: None
            raise TimeIsUpError

    world.store.meanwhile = meanwhile
    with pytest.raises(TimeIsUpError):
        world.run(PEOPLE, max_concurrency=1)
    assert world.failures[-1]["accepted"] >= 5
    assert len(world.receipts) == 20
    assert again(world)["accepted"] == 20
    assert world.gateway.accepted == dict.fromkeys(PEOPLE, 1)


def test_calls_without_an_answer_are_named_by_their_code(world):
    world.gateway.faults.extend(["error_500"] * 60)
    world.gateway.query_faults.extend(["unreachable"] * 500)
    with pytest.raises(OutcomeUnknownError, match=r"(?s)without a clear answer.* x ConnectTimeout") as caught:
        world.run(PEOPLE, chunk_size=1)
    assert caught.value.code == "ConnectTimeout"
    assert world.failures[-1]["unknown"] > 0


def test_a_try_that_never_got_through_keeps_the_advice_of_the_code(world):
    world.gateway.tells_time = False
    world.skew = 3600.0
    with pytest.raises(NotSentError, match=r"InvalidTimeStamp\.Expired") as caught:
        world.run(PEOPLE)
    assert "clock" in caught.value.advice.lower()
    assert "endpoint" not in caught.value.advice


def test_a_process_that_was_replaced_writes_no_receipts(world):
    world.store.new_process(crash_in=None, crash_after_write=False, broken_in=4)
    with pytest.raises(LedgerError, match="could not be written"):
        world.run(PEOPLE)
    assert world.receipts == []
    assert world.failures == []


def test_receipts_that_cannot_be_written_are_said_and_written_by_the_retry(world):
    world.receipts_fail = ReceiptsError("the receipts cannot be written", advice="Everybody was served.")
    with pytest.raises(ReceiptsError, match="20 accepted"):
        world.run(PEOPLE)
    assert world.failures[-1]["accepted"] == 20
    sent = world.gateway.submissions
    world.receipts_fail = None
    assert again(world)["accepted"] == 20
    assert len(world.receipts) == 20
    assert world.gateway.submissions == sent


def test_look_ups_that_are_refused_are_said_at_once_and_at_the_end(world, caplog):
    world.gateway.faults.extend(["error_500"] * 60)
    world.gateway.query_faults.extend(["forbidden"] * 500)
    with pytest.raises(OutcomeUnknownError) as caught:
        world.run(PEOPLE, chunk_size=1)
    told = [line for line in caplog.messages if "QuerySendDetails is refused" in line]
    assert len(told) == 1
    assert "Next step: Grant the RAM user or role the action dysms:QuerySendDetails." in caplog.messages
    assert caught.value.code == "Forbidden.RAM"
    assert "dysms:QuerySendDetails" in caught.value.advice


def test_look_ups_that_are_refused_say_which_permission_is_missing():
    error = OutcomeUnknownError("some are unknown")
    summary = {
        "api": "SendBatchSms",
        "total": 2,
        "accepted": 0,
        "rejected": 0,
        "skipped": 0,
        "unknown": 2,
        "errors": {"Forbidden.RAM": 2},
    }
    explain_ending(error, summary)
    assert "dysms:QuerySendDetails" in error.advice
