# SPDX-License-Identifier: Apache-2.0
"""
The engine against a model: any interleaving of crashes, faults and changes around it.

What changes from try to try: audience, contents, spelling of numbers, ``dedupe``, clocks of workers, AccessKey,
account, endpoint, what the gateway shows, and what the store has lost. The gateway of the model is
the judge. After every try: nobody got more messages than there are rows for the number, the four outcomes add up, and
nothing the gateway accepted is reported as rejected.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from world import POISON, SETTLE_TIME, Crash, Gateway, World

from airflow_provider_aliyunsms.campaign.guards import go, wait_until
from airflow_provider_aliyunsms.campaign.sending import sender
from airflow_provider_aliyunsms.exceptions import AliyunSmsError, LedgerError, OutcomeUnknownError

FAULTS = st.sampled_from(
    [
        "ok",
        "ok",
        "refused_connection",
        "drop_before",
        "drop_after",
        "error_500",
        "system_error",
        "throttle",
        "throttle_unseen",
    ]
)
QUERY_FAULTS = st.sampled_from(["ok", "unreachable", "hidden"])
PEOPLE = st.integers(min_value=0, max_value=60)
SPELLINGS = ("{}", "+86 {}", "0086{}", " {} ")


def number_of(person: int) -> str:
    return f"138000000{POISON}" if person == 7 else f"1380000{person:02d}{person:02d}"


@dataclass
class Interrupts:
    """
    A guard that holds every so-many-th recipient back, and lets the others wait after it was asked some times.

    :ivar times: how often it says go; None for always.
    :ivar holds: one in so many is held back; 0 for nobody.
    """

    times: int | None
    holds: int
    sees_sent: int = 0
    gateway: Gateway | None = None
    made: int | None = None
    under_way: int = 0

    def before_sending(self, facts):
        for rows in facts.pending():
            assert {*rows.outcomes} == {"pending"}
            if self.holds:
                held = [place for place in rows.places if place % self.holds == 0]
                facts.hold(held, until=facts.now + timedelta(hours=1), code="local.QUIET_HOURS")
        return self.decide(facts, under_way=0)

    def before_window(self, facts):
        return self.decide(facts, under_way=self.under_way)

    def decide(self, facts, *, under_way):
        assert self.made is None, "asked again after it decided against sending"
        if self.times is not None:
            self.times -= 1
            if self.times < 0:
                self.made = self.gateway.submissions + under_way
                return wait_until(facts.now + timedelta(hours=1), "later")
        return go("now")

    def after_sending(self, facts):
        self.sees_sent = facts.counts.accepted


@pytest.fixture(autouse=True, scope="module")
def guards_are_always_asked():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sender, "JUDGED_EVERY", 0.0)
        yield


class CampaignMachine(RuleBasedStateMachine):
    """One campaign over many tries; the rules are what may happen to it."""

    can_look_up = True

    def __init__(self) -> None:
        super().__init__()
        self.world = World(can_look_up=self.can_look_up)
        self.people = set(range(48))
        self.content = 0
        self.spelling = SPELLINGS[0]
        self.dedupe = "content"
        self.resends = 0
        self.lost = False

    @property
    def audience(self) -> list[dict]:
        """Everybody once; with every content, person 3 stands there twice, with a message of another kind."""
        rows = [
            {
                "phone_number": self.spelling.format(number_of(person)),
                "template_param": {"code": str(self.content)},
            }
            for person in sorted(self.people)
        ]
        if 3 in self.people:
            rows.append({"phone_number": number_of(3), "template_param": {"code": f"{self.content} again"}})
        return rows

    def most(self, number: str) -> int:
        """Say how many messages may reach a number."""
        several = 2 if number == number_of(3) else 1
        return several * (1 + self.resends)

    @rule(joined=st.sets(PEOPLE, max_size=16), left=st.sets(PEOPLE, max_size=4))
    def change_audience(self, joined, left):
        self.people = (self.people | joined) - left or {1}

    @rule()
    def change_every_content(self):
        self.content += 1

    @rule(spelling=st.sampled_from(SPELLINGS))
    def spell_numbers_differently(self, spelling):
        self.spelling = spelling

    @rule(dedupe=st.sampled_from(["content", "phone"]))
    def change_dedupe(self, dedupe):
        self.dedupe = dedupe

    @rule(seconds=st.sampled_from([1.0, 60.0, SETTLE_TIME / 2, SETTLE_TIME, 900.0, 3600.0, 40 * 86_400.0]))
    def let_time_pass(self, seconds):
        self.world.clock.sleep(seconds)

    @rule(lag=st.sampled_from([0.0, 30.0, 300.0]))
    def records_appear_late(self, lag):
        self.world.gateway.record_lag = lag

    @rule(partial=st.booleans())
    def refused_batches_are_accepted_in_part(self, partial):
        self.world.gateway.partial = partial

    @rule(without=st.booleans())
    def records_carry_no_out_id(self, without):
        self.world.gateway.without_out_id = without

    @rule(name=st.sampled_from(["first", "second", "first@elsewhere", "other"]))
    def renew_the_access_key(self, name):
        self.world.gateway.signer = name

    @rule(skew=st.sampled_from([0.0, 11.0, -11.0, 660.0, -660.0, 890.0, -890.0]))
    def another_machine_has_another_clock(self, skew):
        self.world.skew = skew

    @rule(tells=st.booleans())
    def responses_have_a_date(self, tells):
        self.world.gateway.tells_time = tells

    @property
    def counted_windows(self) -> list[str]:
        """Name the windows that are counted somewhere: a call may have been made for each of them."""
        values = self.world.store.values
        head = json.loads(values.get("aliyun_sms.head", "{}"))
        generation = f"aliyun_sms.g{head.get('generation', 0)}."
        windows = [json.loads(text) for key, text in values.items() if key.startswith(f"{generation}w")]
        last = max([head.get("windows", 0), *(window.get("w", 0) for window in windows)])
        return [f"{generation}w{number:06d}" for number in range(1, last + 1)]

    @precondition(lambda self: self.counted_windows)
    @rule(data=st.data(), first_try=st.booleans())
    def lose_a_part_of_the_ledger(self, data, first_try):
        """Take a window or the head away, see that nothing is sent, and bring it back."""
        kept = dict(self.world.store.values)
        lost = data.draw(st.sampled_from([*self.counted_windows, "aliyun_sms.head"]))
        del self.world.store.values[lost]
        before = self.world.gateway.submissions
        self.fresh_process()
        with pytest.raises(LedgerError):
            # Airflow's own store goes with its run, and there a resend is never the first try.
            self.run(first_try=first_try and self.resends == 0)
        assert self.world.gateway.submissions == before
        self.world.store.values = kept

    @precondition(lambda self: self.world.store.values)
    @rule(which=st.integers(0, 6))
    def a_read_lies_once(self, which):
        self.world.store.lies_in = which

    @rule(
        well_before=st.sampled_from([0, 0, 8, 12, 16, 20, 24, 32]),
        faults=st.lists(FAULTS, max_size=12),
        query_faults=st.lists(QUERY_FAULTS, max_size=4),
        chunk_size=st.sampled_from([1, 1, 1, 2, 5, 40]),
        max_concurrency=st.sampled_from([1, 2, 2, 2, 3, 4]),
        crash=st.sampled_from(
            ["none", "before write", "after write", "between calls", "stop", "store fails"]
        ),
        moment=st.integers(0, 12),
        seconds_of_a_write=st.sampled_from([0.0, 0.0, 20.0]),
        calls_during_a_write=st.sampled_from([0, 0, 1, 2, 3, 8]),
        step_of_the_clock=st.sampled_from([0.0, 0.0, 720.0, -720.0]),
        error_threshold=st.sampled_from([None, 0.0, 0.5]),
        resend_rejected=st.booleans(),
        refuses_all=st.sampled_from([False, False, False, True]),
        guard=st.builds(
            Interrupts, st.sampled_from([None, None, None, 0, 1, 2, 3, 5, 9]), st.sampled_from([0, 0, 2, 3])
        ),
    )
    def run_once(
        self,
        well_before,
        faults,
        query_faults,
        chunk_size,
        max_concurrency,
        crash,
        moment,
        seconds_of_a_write,
        calls_during_a_write,
        step_of_the_clock,
        error_threshold,
        resend_rejected,
        refuses_all,
        guard,
    ):
        world = self.world
        world.slow_store(seconds=seconds_of_a_write, calls=calls_during_a_write)
        world.gateway.faults.extend(["ok"] * well_before + faults)
        world.gateway.query_faults.extend(query_faults)
        world.store.new_process(
            crash_in=moment if crash in ("before write", "after write") else None,
            crash_after_write=crash == "after write",
            broken_in=moment if crash == "store fails" else None,
        )
        world.step = step_of_the_clock
        told = world.gateway.refusal
        guard.gateway, guard.under_way = world.gateway, max_concurrency
        if refuses_all:
            world.gateway.poison, world.gateway.refusal = "", "isv.TEMPLATE_MISSING_PARAMETERS"
        try:
            result = self.run(
                chunk_size=chunk_size,
                max_concurrency=max_concurrency,
                stop_after=moment * 3 if crash in ("between calls", "stop") else None,
                crash_on_stop=crash == "between calls",
                error_threshold=error_threshold,
                resend_rejected=resend_rejected,
                guards=(guard,),
            )
        except Crash:
            # The refusal may be forgotten. What a few look-ups show then is an accepted chunk.
            world.gateway.unheard |= world.gateway.partly
        except AliyunSmsError:
            if crash == "store fails":
                # The same: the ledger did not take it.
                world.gateway.unheard |= world.gateway.partly
        else:
            self.check_result(result.summary)
        # Calls that were under way, and no replay.
        assert guard.made is None or world.gateway.submissions <= guard.made
        world.gateway.faults.clear()
        world.gateway.query_faults.clear()
        world.gateway.poison, world.gateway.refusal = POISON, told
        world.step = 0.0

    def run(self, **changes):
        """Run one try; without a store that holds anything it is the first one."""
        first_try = changes.pop("first_try", not self.world.store.values)
        changes.setdefault("error_threshold", None)
        return self.world.run(self.audience, dedupe=self.dedupe, first_try=first_try, **changes)

    def fresh_process(self):
        self.world.slow_store(seconds=0.0, calls=2)
        self.world.store.new_process()

    @rule(code=st.sampled_from(["isv.MOBILE_NUMBER_ILLEGAL", "isv.TEMPLATE_MISSING_PARAMETERS"]))
    def refusals_have_another_code(self, code):
        self.world.gateway.refusal = code

    @precondition(lambda self: self.world.store.values)
    @rule()
    def clear_and_ask_for_the_refused(self):
        self.world.clears += 1
        self.fresh_process()
        with contextlib.suppress(AliyunSmsError):
            self.check_result(self.run(resend_rejected=True).summary)

    @precondition(lambda self: self.world.store.values)
    @rule()
    def clear_and_run_well(self):
        self.world.clears += 1
        # A window left open by a crash and a new AccessKey: too many calls that only time can settle. And a ledger
        # that was begun with another dedupe.
        with contextlib.suppress(OutcomeUnknownError, LedgerError):
            self.run_well()

    @precondition(lambda self: self.world.store.values and self.resends < 2)
    @rule(retries=st.integers(0, 2))
    def resend(self, retries):
        """A person asks for a resend; its automatic retries must not make another one."""
        self.world.clears += 1
        self.resends += 1
        for _ in range(1 + retries):
            self.fresh_process()
            with contextlib.suppress(AliyunSmsError):
                self.check_result(self.run(resend=True).summary)

    def run_well(self, **changes):
        self.fresh_process()
        first = self.run(**changes)
        self.check_result(first.summary)
        if first.summary["unknown"] == 0:
            again = self.run(first_try=False, **changes)
            assert again.summary == first.summary, "a cleared task must return the same to the letter"

    def check_result(self, summary):
        names = ("accepted", "rejected", "skipped", "unknown")
        assert sum(summary[name] for name in names) == summary["total"]
        assert summary["total"] >= len(self.audience)
        outcomes = Counter(receipt["outcome"] for receipt in self.world.receipts)
        assert outcomes == Counter({name: summary[name] for name in names if summary[name]})
        told = Counter()
        for receipt in self.world.receipts:
            number = receipt["phone_number"].replace(" ", "").removeprefix("+86").removeprefix("0086")
            taken = self.world.gateway.accepted[number]
            if receipt["outcome"] == "accepted" and number and number not in self.world.gateway.unheard:
                told[number] += 1
                assert taken >= told[number], "reported as accepted, but the gateway never took it"
            elif receipt["outcome"] == "rejected" and number and not self.resends:
                assert taken < self.most(number), "reported as rejected, but the gateway took it"

    @invariant()
    def nobody_gets_more_than_is_meant(self):
        surplus = [
            number for number, count in self.world.gateway.accepted.items() if count > self.most(number)
        ]
        assert not surplus, f"too many messages: {len(surplus)}"

    @invariant()
    def values_stay_small_and_hold_no_numbers(self):
        assert self.world.store.largest < 65_535
        kept = "".join(self.world.store.values.values())
        assert not any(number_of(person) in kept for person in self.people)

    def teardown(self):
        """In the end, with a gateway that is well and enough time, everybody gets an answer."""
        world = self.world
        if not world.store.values:
            return
        world.gateway.record_lag = 0.0
        world.gateway.tells_time = True
        world.store.lies_in = None
        world.clock.sleep(SETTLE_TIME + 901)
        world.clears += 1
        for self.dedupe in ("content", "phone"):
            # One of the two is the one that the campaign was begun with.
            with contextlib.suppress(LedgerError):
                # Also for those who were refused while all were.
                self.run_well(resend_rejected=True)
                break
        else:
            raise AssertionError("neither dedupe is the one of the ledger")
        self.nobody_gets_more_than_is_meant()
        self.check_end()

    def check_end(self):
        for receipt in self.world.receipts:
            if receipt["outcome"] == "unknown":
                # What another account, another endpoint or a nameless record hides is never sent again.
                continue
            number = receipt["phone_number"].strip()
            if number.endswith(POISON) and number[-11:] not in self.world.gateway.unheard:
                assert receipt["outcome"] in ("rejected", "skipped")
            elif number and not number.endswith(POISON):
                assert receipt["outcome"] in ("accepted", "skipped")


class GlobeMachine(CampaignMachine):
    """The same without look-ups: what cannot be settled stays unknown, and is never sent again."""

    can_look_up = False

    def refused_batches_are_accepted_in_part(self):
        """Not here: the API names the numbers that failed in an accepted call."""


QUICK = settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "100")),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

CampaignMachine.TestCase.settings = QUICK
GlobeMachine.TestCase.settings = QUICK

TestChina = CampaignMachine.TestCase
TestGlobe = GlobeMachine.TestCase
