# SPDX-License-Identifier: Apache-2.0
"""The facts that ``verify`` reports, each with the simulator's switch for it one way and the other."""

from __future__ import annotations

import json

import pytest

from airflow_provider_aliyunsms.api.credentials import Credentials
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.hooks.clients import client_for
from airflow_provider_aliyunsms.hooks.settings import ConnectionSettings
from airflow_provider_aliyunsms.simulator.options import AccessKey
from airflow_provider_aliyunsms.simulator.server import running
from airflow_provider_aliyunsms.verify.experiment import Experiment, Waits
from airflow_provider_aliyunsms.verify.facts import Assumed, Result, exit_code, judge
from airflow_provider_aliyunsms.verify.probes import ChinaProbe, GlobeProbe
from airflow_provider_aliyunsms.verify.report import as_json, closing, table

OWN = "13800001234"
ABROAD = "6591234567"
SIGN, PARAM, TEXT = "阿里云", "张三丰", "Hello there"
AS_ASSUMED, DIFFERS, UNKNOWN = Result.AS_ASSUMED, Result.DIFFERS, Result.UNKNOWN
CHINA_FACTS = ["used_nonce", "late_records", "labels", "record_time", "refused_batch", "clock"]
GLOBE_FACTS = ["form_body", "used_nonce", "late_records", "refused_batch", "clock"]


class SkippingClock(Clock):
    """The machine's clock, which a wait of the experiment moves instead of passing."""

    def __init__(self, simulator, *, offset=0.0):
        self._simulator = simulator
        self._offset = offset
        self._skipped = 0.0

    def now(self):
        return super().now() + self._skipped

    def monotonic(self):
        return super().monotonic() + self._skipped

    def sleep(self, seconds):
        self._skipped += seconds
        self._simulator.options(clock_offset=self._offset + self._skipped)


class Verified:
    """One experiment against the simulator with its facts by name."""

    def __init__(self, simulator, *, api="china", offset=0.0, assumed=None, waits=None):
        clock = SkippingClock(simulator, offset=offset)
        simulator.options(clock_offset=offset)
        credentials = Credentials(access_key_id="testid", access_key_secret="testsecret")
        client = client_for(ConnectionSettings(credentials=credentials, endpoint=simulator.url))
        client._clock = clock.monotonic
        if api == "china":
            probe = ChinaProbe(
                client=client,
                number=OWN,
                sign_name=SIGN,
                template_code="SMS_152550005",
                template_param={"name": PARAM},
            )
        else:
            probe = GlobeProbe(client=client, number=ABROAD, text=TEXT)
        self.told = []
        experiment = Experiment(probe=probe, waits=waits or Waits(), clock=clock, tell=self.told.append)
        self.seen = experiment.run()
        self.facts = judge(self.seen, assumed=assumed or Assumed(settle_time=600.0, refusal_wait=60.0))
        self.by_name = {fact.name: fact for fact in self.facts}
        self.report = as_json(self.facts, self.seen)
        self.lines = [*table(self.facts), *closing(self.facts, self.seen)]
        client.close()

    @property
    def results(self):
        return {fact.name: fact.result for fact in self.facts}

    @property
    def exit_code(self):
        return exit_code(self.facts)


@pytest.fixture
def verified(simulator):
    """Run an experiment with these options of the simulator, and check what holds for every one."""

    def run(*, api="china", options=None, **settings):
        simulator.options(globe_qps=0, **(options or {}))
        found = Verified(simulator, api=api, **settings)
        assert list(found.by_name) == (CHINA_FACTS if api == "china" else GLOBE_FACTS)
        assert sum(simulator.counts().values()) <= 3
        assert simulator.counts().keys() <= {OWN, ABROAD}
        written = json.dumps(found.report, ensure_ascii=False) + "\n".join([*found.lines, *found.told])
        for private in (OWN, ABROAD, SIGN, PARAM, TEXT, "testid", "testsecret", "10000000501"):
            assert private not in written
        assert found.report["exit_code"] == found.exit_code
        return found

    return run


def only(found, **results):
    """Return whether these facts have these results and all others are as assumed."""
    return found.results == dict.fromkeys(found.by_name, AS_ASSUMED) | results


def test_an_account_as_assumed_costs_one_message(verified, simulator):
    found = verified()
    assert only(found)
    assert found.exit_code == 0
    assert simulator.counts() == {OWN: 1}
    assert found.report["messages"] == {"accepted": 1, "perhaps": 0, "at_most": 3}
    assert found.report["settings"] == {}
    assert simulator.stats()["requests"]["SendBatchSms"] == 3


def test_a_nonce_that_is_not_refused(verified, simulator):
    found = verified(options={"refuses_nonces": False})
    assert only(found, used_nonce=DIFFERS)
    assert found.exit_code == 1
    assert simulator.counts() == {OWN: 2}
    assert found.seen.accepted == 2
    assert "report" in found.by_name["used_nonce"].advice


@pytest.mark.parametrize(
    ("late", "needed"),
    [
        (10, {}),
        (45, {"refusal_wait": 150}),
        (205, {"settle_time": 620, "refusal_wait": 620}),
    ],
)
def test_records_that_come_late_name_the_parameters_to_set(verified, late, needed):
    found = verified(options={"record_lag": late})
    assert only(found, **({"late_records": DIFFERS} if needed else {}))
    assert late <= found.seen.record.after <= late + 6
    assert found.report["settings"].keys() == needed.keys()
    for name, value in needed.items():
        # A look comes up to five seconds late, so that three times that is added at most.
        assert 3 * late <= found.report["settings"][name] <= value + 20
        assert f"    {name}={found.report['settings'][name]:.0f}," in found.lines


def test_records_as_late_as_the_user_allows_are_as_assumed(verified):
    found = verified(options={"record_lag": 205}, assumed=Assumed(settle_time=1200.0, refusal_wait=1200.0))
    assert only(found)


def test_records_that_do_not_come(verified, simulator):
    found = verified(options={"record_lag": 3600})
    assert only(found, late_records=DIFFERS, labels=UNKNOWN, record_time=UNKNOWN, refused_batch=UNKNOWN)
    assert found.by_name["late_records"].seen.startswith("none after 60")
    # Without records a refused batch would show nothing, so it is not paid for.
    assert simulator.stats()["requests"]["SendBatchSms"] == 2
    assert found.seen.replayed_after <= 610


def test_records_that_do_not_come_within_a_short_wait_prove_nothing(verified):
    found = verified(options={"record_lag": 3600}, waits=Waits(record=120.0))
    assert found.results["late_records"] is UNKNOWN
    assert found.exit_code == 2
    assert "--wait" in found.by_name["late_records"].advice


def test_records_without_their_label(verified, simulator):
    found = verified(options={"shows_out_id": False})
    assert only(found, labels=DIFFERS)
    assert found.exit_code == 1
    assert simulator.counts() == {OWN: 1}


def test_a_refused_batch_that_reaches_the_others(verified, simulator):
    found = verified(options={"accepts_in_part": True, "record_lag": 15})
    assert only(found, refused_batch=DIFFERS)
    assert simulator.counts() == {OWN: 2}
    assert found.report["messages"]["accepted"] == 2
    assert found.report["settings"]["refusal_wait"] == 60


def test_a_refused_batch_that_reaches_the_others_without_a_label(verified, simulator):
    found = verified(options={"accepts_in_part": True, "shows_out_id": False})
    assert only(found, refused_batch=DIFFERS, labels=DIFFERS)
    assert simulator.counts() == {OWN: 2}


def test_everything_otherwise_costs_three_messages(verified, simulator):
    found = verified(options={"accepts_in_part": True, "refuses_nonces": False, "record_lag": 45})
    assert only(found, refused_batch=DIFFERS, used_nonce=DIFFERS, late_records=DIFFERS)
    assert simulator.counts() == {OWN: 3}
    assert found.seen.accepted == 3
    assert found.report["settings"]["refusal_wait"] >= 135


def test_messages_that_cannot_be_told_apart_stop_it(verified, simulator):
    found = verified(options={"refuses_nonces": False, "shows_out_id": False})
    assert only(found, used_nonce=DIFFERS, labels=DIFFERS, refused_batch=UNKNOWN)
    assert simulator.stats()["requests"]["SendBatchSms"] == 2


def test_records_of_before_are_not_taken_for_the_first_message(verified, simulator, raw):
    simulator.options(shows_out_id=False, record_lag=0)
    raw.call("SendBatchSms", raw.batch(OWN))
    simulator.options(record_lag=10)
    found = verified(options={"shows_out_id": False}, waits=Waits(record=30.0))
    assert found.seen.record.after >= 10


@pytest.mark.parametrize(("offset", "result"), [(-240.0, DIFFERS), (0.0, AS_ASSUMED), (240.0, DIFFERS)])
@pytest.mark.parametrize("api", ["china", "globe"])
def test_a_clock_that_differs(verified, api, offset, result):
    found = verified(api=api, offset=offset)
    assert only(found, clock=result)
    assert found.seen.skew == pytest.approx(-offset, abs=5)
    if offset:
        assert f"240 s {'behind' if offset > 0 else 'ahead of'} the gateway" in found.by_name["clock"].seen


def test_a_clock_so_wrong_that_requests_are_refused(verified, simulator):
    found = verified(offset=1000.0)
    assert found.results == dict.fromkeys(CHINA_FACTS, UNKNOWN) | {"clock": DIFFERS}
    assert simulator.counts() == {}


@pytest.mark.parametrize("api", ["china", "globe"])
def test_a_gateway_that_does_not_tell_its_time(verified, api):
    found = verified(api=api, options={"tells_time": False})
    expected = {"clock": DIFFERS} | ({"record_time": UNKNOWN} if api == "china" else {})
    assert only(found, **expected)


def test_globe_as_assumed_costs_two_messages(verified, simulator):
    found = verified(api="globe")
    assert only(found)
    assert found.exit_code == 0
    assert simulator.counts() == {ABROAD: 2}
    assert found.seen.accepted == 2


def test_a_globe_nonce_that_is_not_refused(verified, simulator):
    found = verified(api="globe", options={"refuses_nonces": False})
    assert only(found, used_nonce=DIFFERS)
    assert simulator.counts() == {ABROAD: 3}
    assert found.seen.accepted == 3


def test_globe_that_does_not_read_the_body(verified, simulator):
    found = verified(api="globe", options={"globe_reads_form": False})
    assert found.results == dict.fromkeys(GLOBE_FACTS, UNKNOWN) | {"form_body": DIFFERS, "clock": AS_ASSUMED}
    assert found.exit_code == 1
    assert simulator.counts() == {}
    assert simulator.stats()["requests"]["BatchSendMessageToGlobe"] == 1


def test_globe_messages_that_can_be_asked_for_late(verified):
    found = verified(api="globe", options={"record_lag": 90})
    assert only(found)
    assert 90 <= found.seen.record.after <= 96


def test_globe_messages_that_cannot_be_asked_for(verified):
    found = verified(api="globe", options={"record_lag": 3600})
    assert only(found, late_records=UNKNOWN)
    assert found.exit_code == 2


UNCLEAR = ["drop_after", "truncate_after", "garbage_after", "error_500_after", "empty_after"]


@pytest.mark.parametrize("fault", UNCLEAR)
@pytest.mark.parametrize(("skip", "messages"), [(0, 1), (1, 1), (2, 1)])
def test_an_unclear_answer_ends_it(verified, simulator, fault, skip, messages):
    simulator.misbehave(fault, action="SendBatchSms", skip=skip)
    found = verified()
    # The replay and the batch are refused before the fault spoils the answer.
    assert simulator.counts() == {OWN: messages}
    assert simulator.stats()["requests"]["SendBatchSms"] == skip + 1
    assert found.seen.perhaps == 1
    assert found.exit_code == 2
    assert any("Perhaps accepted besides: 1" in line for line in found.lines)


@pytest.mark.parametrize("fault", ["throttle", "doomed", "error_503", "system_error"])
def test_a_refused_first_message_ends_it_for_free(verified, simulator, fault):
    simulator.misbehave(fault, action="SendBatchSms", times=None)
    found = verified()
    assert simulator.counts() == {}
    assert simulator.stats()["requests"]["SendBatchSms"] == 1
    assert found.results == dict.fromkeys(CHINA_FACTS, UNKNOWN) | {"clock": AS_ASSUMED}
    assert found.seen.accepted == 0


def test_a_throttled_replay_says_nothing_about_nonces(verified, simulator):
    simulator.misbehave("throttle", action="SendBatchSms", skip=1)
    found = verified(options={"refuses_nonces": False})
    assert only(found, used_nonce=UNKNOWN)
    assert "Throttling" in found.by_name["used_nonce"].seen
    assert simulator.counts() == {OWN: 1}


def test_a_batch_refused_for_another_reason_says_nothing(verified, simulator):
    simulator.misbehave("throttle", action="SendBatchSms", skip=2)
    found = verified()
    assert only(found, refused_batch=UNKNOWN)
    assert "another reason" in found.by_name["refused_batch"].seen


def test_look_ups_that_contradict_themselves_prove_nothing(verified, simulator):
    # The free call, the look before, and the one that finds the first message, and the look before the batch.
    simulator.misbehave("hide_records", action="QuerySendDetails", skip=4, times=None)
    found = verified()
    assert only(found, refused_batch=UNKNOWN)
    assert found.seen.reached.doubtful


def test_records_that_are_hidden_prove_nothing(verified, simulator):
    simulator.misbehave("hide_records", action="QuerySendDetails", times=None)
    found = verified()
    assert found.results["late_records"] is UNKNOWN
    assert found.seen.record.doubtful
    assert simulator.counts() == {OWN: 1}


def test_a_wrong_key_costs_nothing(simulator):
    simulator.options(globe_qps=0)
    for api in ("china", "globe"):
        credentials = Credentials(access_key_id="nobody", access_key_secret="testsecret")
        client = client_for(ConnectionSettings(credentials=credentials, endpoint=simulator.url))
        probe = (
            ChinaProbe(client=client, number=OWN, sign_name=SIGN, template_code="SMS_1", template_param={})
            if api == "china"
            else GlobeProbe(client=client, number=ABROAD, text=TEXT)
        )
        experiment = Experiment(probe=probe, waits=Waits(), clock=Clock(), tell=lambda text: None)
        seen = experiment.run()
        assert seen.access.code == "InvalidAccessKeyId.NotFound"
        assert seen.first is None
        facts = judge(seen, assumed=Assumed(settle_time=600.0, refusal_wait=60.0))
        assert exit_code(facts) == 2
        assert "InvalidAccessKeyId.NotFound" in facts[0].seen
    assert not {"SendBatchSms", "BatchSendMessageToGlobe"} & simulator.stats()["requests"].keys()


def test_a_nonce_is_remembered_for_as_long_as_the_provider_replays(verified, simulator):
    found = verified(waits=Waits(spacing=400.0))
    assert only(found)
    assert found.seen.replayed_after == pytest.approx(400, abs=5)
    assert simulator.counts() == {OWN: 1}


def test_an_access_key_that_was_renewed_replays_nothing():
    keys = {"second": AccessKey(secret="second-secret")}
    with running(delivery_delay=0, more_access_keys=keys) as simulator:
        first = Credentials(access_key_id="testid", access_key_secret="testsecret")
        renewed = Credentials(access_key_id="second", access_key_secret="second-secret")

        def provider():
            return renewed if simulator.counts() else first

        client = client_for(
            ConnectionSettings(credentials=first, endpoint=simulator.url), credentials=provider
        )
        probe = ChinaProbe(
            client=client, number=OWN, sign_name=SIGN, template_code="SMS_1", template_param={}
        )
        clock = SkippingClock(simulator)
        client._clock = clock.monotonic
        seen = Experiment(probe=probe, waits=Waits(), clock=clock, tell=lambda text: None).run()
        assert seen.key_changed
        facts = {
            fact.name: fact for fact in judge(seen, assumed=Assumed(settle_time=600.0, refusal_wait=60.0))
        }
        assert facts["used_nonce"].result is UNKNOWN
        assert "renewed" in facts["used_nonce"].seen
        assert facts["refused_batch"].result is AS_ASSUMED
        assert simulator.counts() == {OWN: 1}
        assert simulator.stats()["requests"]["SendBatchSms"] == 2


@pytest.mark.parametrize("skip", [0, 2])
def test_globe_ids_that_do_not_fit_are_not_asked_for(verified, simulator, skip):
    simulator.misbehave("lengths", action="BatchSendMessageToGlobe", skip=skip)
    found = verified(api="globe")
    # Who was served is in FailedList; without its id a message cannot be asked for.
    assert only(found, **({"late_records": UNKNOWN} if skip == 0 else {}))
    assert found.seen.accepted + found.seen.perhaps == simulator.counts()[ABROAD]


@pytest.mark.parametrize("hidden", [1, 2])
def test_records_that_were_hidden_before_are_not_taken_for_new_ones(verified, simulator, raw, hidden):
    raw.call("SendBatchSms", raw.batch(OWN))
    simulator.options(record_lag=10)
    raw.call("SendBatchSms", raw.batch(OWN))
    simulator.misbehave("hide_records", action="QuerySendDetails", times=hidden)
    found = verified(options={"shows_out_id": False, "record_lag": 10})
    assert found.seen.record.after is None or found.seen.record.after >= 10
