# SPDX-License-Identifier: Apache-2.0
"""
The engine against a model: any interleaving of crashes, faults, audience changes and resumes.

The gateway of the model is the judge. After every try: nobody was accepted twice, the four outcomes add up, and
nothing the gateway accepted is reported as anything but accepted or unknown.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from world import POISON, SETTLE_TIME, Crash, World

from airflow_provider_aliyunsms.exceptions import AliyunSmsError, OutcomeUnknownError

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


def number_of(person: int) -> str:
    return f"138000000{POISON}" if person == 7 else f"1380000{person:02d}{person:02d}"


class CampaignMachine(RuleBasedStateMachine):
    """One campaign over many tries; the rules are what may happen to it."""

    can_look_up = True

    def __init__(self) -> None:
        super().__init__()
        self.world = World(can_look_up=self.can_look_up)
        self.people = set(range(48))
        self.reported: dict[str, str] = {}
        self.finished = False

    @property
    def audience(self) -> list[str]:
        return [number_of(person) for person in sorted(self.people)]

    @rule(joined=st.sets(PEOPLE, max_size=16), left=st.sets(PEOPLE, max_size=4))
    def change_audience(self, joined, left):
        self.people = (self.people | joined) - left or {1}

    @rule(seconds=st.sampled_from([1.0, 60.0, SETTLE_TIME / 2, SETTLE_TIME, 900.0, 3600.0]))
    def let_time_pass(self, seconds):
        self.world.clock.sleep(seconds)

    @rule(lag=st.sampled_from([0.0, 30.0, 300.0]))
    def records_appear_late(self, lag):
        self.world.gateway.record_lag = lag

    @rule(name=st.sampled_from(["first", "second"]))
    def renew_the_access_key(self, name):
        self.world.gateway.signer = name

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
        try:
            result = world.run(
                self.audience,
                chunk_size=chunk_size,
                max_concurrency=max_concurrency,
                stop_after=moment * 3 if crash in ("between calls", "stop") else None,
                crash_on_stop=crash == "between calls",
                first_try=not world.store.values,
            )
        except (Crash, AliyunSmsError):
            pass
        else:
            self.check_result(result.summary)
        world.gateway.faults.clear()
        world.gateway.query_faults.clear()

    @precondition(lambda self: self.world.store.values)
    @rule()
    def clear_and_run_well(self):
        self.world.clears += 1
        # A window left open by a crash and a new AccessKey: too many calls that only time can settle.
        with contextlib.suppress(OutcomeUnknownError):
            self.run_well()

    def run_well(self):
        world = self.world
        world.slow_store(seconds=0.0, calls=2)
        world.store.new_process(crash_in=None, crash_after_write=False, broken_in=None)
        before = world.gateway.submissions
        first = world.run(self.audience, first_try=not world.store.values)
        self.check_result(first.summary)
        if first.summary["unknown"] == 0:
            again = world.run(self.audience, first_try=False)
            assert again.summary == first.summary, "a cleared task must return the same to the letter"
        return before

    def check_result(self, summary):
        total = summary["accepted"] + summary["rejected"] + summary["skipped"] + summary["unknown"]
        assert total == summary["total"] == len(self.audience)
        outcomes = Counter(receipt["outcome"] for receipt in self.world.receipts)
        assert outcomes == Counter(
            {name: summary[name] for name in ("accepted", "rejected", "skipped", "unknown") if summary[name]}
        )
        for receipt in self.world.receipts:
            taken = self.world.gateway.accepted[receipt["phone_number"]]
            if receipt["outcome"] == "accepted":
                assert taken == 1, "reported as accepted, but the gateway never took it"
            elif receipt["outcome"] == "rejected":
                assert taken == 0, "reported as rejected, but the gateway took it"

    @invariant()
    def nobody_is_accepted_twice(self):
        twice = [number for number, count in self.world.gateway.accepted.items() if count > 1]
        assert not twice, f"accepted twice: {len(twice)}"

    @invariant()
    def values_stay_small_and_hold_no_numbers(self):
        assert self.world.store.largest < 65_535
        kept = "".join(self.world.store.values.values())
        assert not any(number in kept for number in self.audience)

    def teardown(self):
        """In the end, with a gateway that is well and enough time, everybody gets an answer."""
        if not self.world.store.values:
            return
        self.world.gateway.record_lag = 0.0
        self.world.clock.sleep(SETTLE_TIME + 1)
        self.run_well()
        self.nobody_is_accepted_twice()
        self.check_end()

    def check_end(self):
        for receipt in self.world.receipts:
            expected = "rejected" if receipt["phone_number"].endswith(POISON) else "accepted"
            assert receipt["outcome"] == expected


class GlobeMachine(CampaignMachine):
    """The same without look-ups: what cannot be settled stays unknown, and is never sent again."""

    can_look_up = False

    def check_end(self):
        for receipt in self.world.receipts:
            if receipt["outcome"] != "unknown":
                expected = "rejected" if receipt["phone_number"].endswith(POISON) else "accepted"
                assert receipt["outcome"] == expected


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
