# SPDX-License-Identifier: Apache-2.0
"""No number gets more messages than a cap allows, from all campaigns together, on a folder and on SQLite."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest
from guarded_campaigns import NOW, Deployment, campaign
from world import World

from airflow_provider_aliyunsms.audience.rules import GlobeRules
from airflow_provider_aliyunsms.audience.split import Split
from airflow_provider_aliyunsms.campaign.groups import Groups
from airflow_provider_aliyunsms.campaign.guards import Decision, FrequencyCap, MaxMessages, OutcomeGuard
from airflow_provider_aliyunsms.campaign.guards.daily import DailyTotal
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError, SendInterruptedError
from airflow_provider_aliyunsms.products import CHINA, GLOBE

ONE, TWO, THREE = (f"1380000000{digit}" for digit in "123")
WEEK = timedelta(days=7)


@pytest.fixture(params=["folder", "sql"])
def place(request, tmp_path):
    """Give a store and the deployment in which it is."""
    if request.param == "folder":
        folder = tmp_path / "sms"
        folder.mkdir()
        return str(folder), Deployment()
    return "sql:counts", Deployment({"counts": {"kind": "sqlite", "path": str(tmp_path / "counts.db")}})


@pytest.fixture
def send(place):
    """Run one try of a campaign; returns the numbers it sent to."""
    store, deployment = place

    def run(people, *, name, most=1, at=NOW, outcome="accepted", guard=None, lasts=60, settles=True, **facts):
        cap = guard or FrequencyCap(most, per=WEEK, store=store)
        with campaign(people, campaign_id=name, deployment=deployment, now=at, **facts) as one:
            verdict = cap.before_sending(one.facts)
            assert verdict.decision is Decision.GO, verdict.reason
            passed = one.numbers("pending")
            assert verdict.figures == {
                "claimed": len(passed),
                "over_the_cap": one.errors.get("local.FREQUENCY_CAP", 0),
            }
            one.end(outcome)
            one.wait(lasts)
            if settles:
                cap.after_sending(one.facts)
            return passed

    return run


def rows(*numbers):
    """Give rows that differ in a variable, so that a number can have several."""
    return [
        {"phone_number": number, "template_param": {"name": str(place)}}
        for place, number in enumerate(numbers)
    ]


def test_who_has_had_enough_is_left_out_with_a_code_of_its_own(send):
    assert send([ONE, TWO], name="a") == [ONE, TWO]
    assert send([ONE, THREE], name="b") == [THREE]
    assert send([ONE, TWO, THREE], name="c", most=2) == [ONE, TWO, THREE]
    assert send([ONE, TWO, THREE], name="d", most=2) == []


def test_it_counts_until_a_period_after_the_end_of_the_sending(send):
    assert send([ONE], name="a", lasts=3600) == [ONE]
    week = WEEK.total_seconds()
    assert send([ONE], name="b", at=NOW + 3600 + week - 1) == []
    assert send([ONE], name="c", at=NOW + 3600 + week + 1) == [ONE]


def test_a_retry_replaces_its_own_claim_and_is_counted_once(send):
    for _ in range(3):
        assert send([ONE], name="a", outcome="rejected") == [ONE]
    assert send([ONE], name="a") == [ONE]
    assert send([ONE], name="b", most=2) == [ONE]
    assert send([ONE], name="c", most=2) == []


def test_who_was_refused_is_not_counted_and_who_may_have_got_it_is(send):
    assert send([ONE], name="a", outcome="rejected") == [ONE]
    assert send([ONE], name="b", outcome="unknown") == [ONE]
    assert send([ONE], name="c") == []


def test_a_message_that_was_not_sent_in_the_end_is_not_counted(send):
    assert send([ONE], name="a", outcome="skipped") == [ONE]
    assert send([ONE], name="b") == [ONE]


def test_what_a_dead_try_claimed_counts_until_its_campaign_is_tried_again(send):
    assert send([ONE], name="a", settles=False) == [ONE]
    assert send([ONE], name="b") == []
    assert send([ONE], name="a", outcome="rejected") == [ONE]
    assert send([ONE], name="b") == [ONE]


def test_what_a_dead_try_claimed_counts_a_day_longer_than_the_period(send):
    """It may have sent until then: nobody knows when it died."""
    assert send([ONE], name="a", settles=False) == [ONE]
    week, day = WEEK.total_seconds(), 86400
    assert send([ONE], name="b", at=NOW + week + day - 1) == []
    assert send([ONE], name="c", at=NOW + week + day + 1) == [ONE]


def test_a_campaign_that_is_still_sending_counts_in_a_window_of_a_minute(send, place):
    otp = FrequencyCap.platform("otp", store=place[0])
    assert send([ONE], name="a", guard=otp, settles=False) == [ONE]
    assert send([ONE], name="b", guard=otp, at=NOW + 1800) == []


def test_of_several_messages_to_a_number_the_first_rows_go(send):
    assert send(rows(ONE, TWO, ONE, ONE, TWO), name="a", most=2) == [ONE, TWO, ONE, TWO]
    assert send(rows(ONE, TWO), name="b", most=3) == [ONE, TWO]
    assert send(rows(ONE, TWO), name="c", most=3) == []


def test_the_rows_of_a_number_may_stand_anywhere_in_the_audience(send, monkeypatch):
    from airflow_provider_aliyunsms.campaign.guards import claims

    monkeypatch.setattr(claims, "BATCH", 700)
    crowd = [f"1380001{number:04d}" for number in range(2500)]
    people = rows(ONE, *crowd, ONE, ONE, TWO, *(f"1380002{number:04d}" for number in range(2500)), ONE)
    passed = send(people, name="a", most=2)
    assert passed.count(ONE) == 2
    assert passed.index(ONE) == 0
    assert len(passed) == len(people) - 2
    assert send([ONE, TWO], name="b", most=3) == [ONE, TWO]
    assert send([ONE, TWO], name="c", most=3) == [TWO]


def test_what_the_campaign_has_sent_already_is_part_of_its_claim(place):
    store, deployment = place
    cap = FrequencyCap(2, per=WEEK, store=store)
    people = rows(ONE, ONE, ONE)
    with campaign(people, campaign_id="a", deployment=deployment) as one:
        one.end("unknown", most=1)
        assert cap.before_sending(one.facts).figures == {"claimed": 1, "over_the_cap": 1}
        one.end("accepted")
        cap.after_sending(one.facts)
    assert _left(place) == 0


def test_what_a_campaign_had_sent_before_it_had_a_cap_counts_from_its_next_try_on(place):
    store, deployment = place
    cap = FrequencyCap(2, per=WEEK, store=store)
    with campaign(rows(ONE, TWO, ONE), campaign_id="a", deployment=deployment) as one:
        one.end("accepted", most=1)
        assert cap.before_sending(one.facts).figures == {"claimed": 2, "over_the_cap": 0}
    assert _left(place) == 0


def test_what_was_sent_stays_counted_when_it_is_over_the_cap_already(place):
    store, deployment = place
    cap = FrequencyCap(1, per=WEEK, store=store)
    with campaign(rows(ONE, ONE, TWO, ONE), campaign_id="a", deployment=deployment) as one:
        one.end("accepted", numbers=[ONE], most=2)
        assert cap.before_sending(one.facts).figures == {"claimed": 1, "over_the_cap": 1}
        one.end("accepted")
        cap.after_sending(one.facts)
    assert _left(place, most=3) == 1


def _left(place, *, most=2):
    """Return how many messages another campaign could send to the first number."""
    store, deployment = place
    with campaign(
        rows(*[ONE] * 5), campaign_id="look", deployment=deployment, now=NOW + 120, dry_run=True
    ) as one:
        FrequencyCap(most, per=WEEK, store=store).before_sending(one.facts)
        return len(one.numbers("pending"))


def test_several_windows_hold_at_the_same_time(send, place):
    otp = FrequencyCap.platform("otp", store=place[0])
    moment = NOW
    sent = []
    for number in range(60):
        moment += 61
        sent += [moment] if send([ONE], name=f"c{number}", guard=otp, at=moment, lasts=0) else []
    assert len(sent) == 5, "five an hour"
    for number in range(60):
        moment += 3601
        sent += [moment] if send([ONE], name=f"d{number}", guard=otp, at=moment, lasts=0) else []
    for moment in sent:
        assert len([other for other in sent if moment <= other < moment + 86400]) <= 10
    assert len(sent) > 20, "ten a day, for more than two days"


@pytest.mark.parametrize("kind", ["notification", "promotion"])
def test_the_platform_counts_notifications_by_template(send, place, kind):
    limit = FrequencyCap.platform(kind, store=place[0])
    people = rows(*[ONE] * 60)
    assert len(send(people, name="a", guard=limit, template_code="SMS_1")) == 50
    assert len(send(people, name="b", guard=limit, template_code="SMS_2")) == 50
    assert len(send(people, name="c", guard=limit, template_code="SMS_2")) == 0


def test_the_platform_counts_codes_by_signature(send, place):
    limit = FrequencyCap.platform("otp", store=place[0])
    people = [{"phone_number": ONE, "sign_name": name} for name in ("一", "二", "一")]
    people[2]["sms_up_extend_code"] = "1"
    assert len(send(people, name="a", guard=limit)) == 2
    assert send([{"phone_number": ONE, "sign_name": "三"}], name="b", guard=limit) == [ONE]


def test_the_limits_of_the_platform_are_those_of_the_china_api(place):
    store, deployment = place
    with campaign([ONE], deployment=deployment) as one:
        one.facts.product = GLOBE
        verdict = FrequencyCap.platform("otp", store=store).before_sending(one.facts)
    assert verdict.decision is Decision.FAIL
    assert not verdict.may_change


def test_a_shorter_period_does_not_delete_what_a_longer_one_needs(send, place):
    long, short = (FrequencyCap(1, per=timedelta(days=days), store=place[0]) for days in (30, 1))
    day = 86400
    assert send([TWO], name="z", guard=long) == [TWO]
    assert send([ONE], name="a", guard=short) == [ONE]
    for number in range(1, 14):
        assert send([THREE], name=f"x{number}", guard=short, at=NOW + number * 2 * day) == [THREE]
    assert send([ONE], name="b", guard=long, at=NOW + 29 * day) == []
    assert send([ONE], name="c", guard=long, at=NOW + 31 * day) == [ONE]


def test_a_dry_run_looks_and_changes_nothing(send, place, tmp_path):
    store, deployment = place
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".db")
    assert send([ONE], name="a", dry_run=True, settles=False) == [ONE]
    assert before == sorted(path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".db")
    if store.startswith("sql:"):
        with sqlite3.connect(deployment.connections["counts"]["path"]) as db:
            assert db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() == (0,)
    assert send([ONE], name="b") == [ONE]
    assert send([ONE, TWO], name="c", dry_run=True, settles=False) == [TWO]
    assert send([TWO], name="d") == [TWO]


@pytest.mark.parametrize("settled", [False, True])
def test_a_try_that_was_replaced_does_not_lower_the_claim_of_the_one_that_replaced_it(place, settled):
    store, deployment = place
    cap = FrequencyCap(1, per=WEEK, store=store)
    with campaign([ONE], campaign_id="a", deployment=deployment) as old:
        cap.before_sending(old.facts)
        with campaign([ONE], campaign_id="a", deployment=deployment, now=NOW + 600) as new:
            cap.before_sending(new.facts)
            new.end("accepted")
            if settled:
                cap.after_sending(new.facts)
            old.end("rejected")
            old.wait(700)
            cap.after_sending(old.facts)
    with campaign([ONE], campaign_id="b", deployment=deployment, now=NOW + 700) as other:
        cap.before_sending(other.facts)
        assert other.numbers("pending") == []


def test_a_retry_on_a_machine_whose_clock_is_behind_settles_its_claim_all_the_same(send):
    assert send([ONE], name="a", outcome="rejected", lasts=60) == [ONE]
    assert send([ONE], name="a", outcome="rejected", at=NOW + 30) == [ONE]
    assert send([ONE], name="b", at=NOW + 120) == [ONE]
    assert send([TWO], name="c", outcome="unknown") == [TWO]
    assert send([TWO], name="d", at=NOW + 120) == []


def test_another_secret_is_an_error_and_no_empty_store(place):
    store, deployment = place
    cap = FrequencyCap(1, per=WEEK, store=store)
    with campaign([ONE], deployment=deployment) as one:
        cap.before_sending(one.facts)
    with campaign([ONE], campaign_id="b", deployment=deployment, secret=b"other") as two:
        verdict = cap.before_sending(two.facts)
    assert verdict.decision is Decision.FAIL
    assert "another secret" in verdict.reason


def test_no_number_is_in_the_store(send, place, tmp_path):
    assert send([ONE], name="a") == [ONE]
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or ONE.encode() not in path.read_bytes()
    assert ONE not in repr(FrequencyCap(1, per=WEEK, store=place[0]))


@pytest.mark.parametrize("store", ["/nowhere/at/all", "sql:nowhere", "sql:down"])
def test_a_store_that_cannot_be_used_stops_the_campaign_and_a_retry_may_be_judged_otherwise(store):
    down = {"conn_type": "postgres", "host": "127.0.0.1", "port": 9, "login": "x", "schema": "x"}
    with campaign([ONE], deployment=Deployment({"down": down})) as one:
        verdict = FrequencyCap(1, per=WEEK, store=store).before_sending(one.facts)
        assert one.numbers("pending") == [ONE]
    assert verdict.decision is Decision.FAIL
    assert verdict.may_change
    assert verdict.advice


@pytest.mark.parametrize(
    "wrong",
    [
        {"most": 0},
        {"most": True},
        {"per": timedelta()},
        {"store": ""},
        {"store": "sql:"},
        {"store": "sql:conn/with space"},
        {"store": "sql:conn/"},
        {"also": ((0, WEEK),)},
        {"scope": "weather"},
    ],
)
def test_a_cap_that_makes_no_sense_is_refused_when_it_is_made(wrong):
    given = {"most": 1, "per": WEEK, "store": "/tmp/sms", **wrong}
    with pytest.raises(ConfigurationError):
        FrequencyCap(given.pop("most"), **given)


def test_there_are_three_kinds_of_templates():
    with pytest.raises(ConfigurationError):
        FrequencyCap.platform("spam", store="/tmp/sms")
    assert isinstance(FrequencyCap.platform("otp", store="/tmp/sms"), OutcomeGuard)


def test_a_resend_counts_beside_what_was_sent_before(place):
    """It is one campaign, and whoever gets it again gets two messages."""
    store, deployment = place
    cap = FrequencyCap(1, per=WEEK, store=store)
    world = World()
    assert world.run([ONE, TWO], guards=(cap,), surroundings=deployment).summary["accepted"] == 2
    world.clears += 1
    with pytest.raises(AudienceError, match="left nobody"):
        world.retry([ONE, TWO], guards=(cap,), surroundings=deployment, resend=True)
    assert world.gateway.accepted == {ONE: 1, TWO: 1}


def test_runs_that_do_not_know_each_other_count_together_though_they_name_one_campaign(place):
    """Without a ledger_path each run has a ledger of its own, and none knows whom the others have sent to."""
    store, deployment = place
    cap = FrequencyCap(1, per=WEEK, store=store)
    assert World().run([ONE], guards=(cap,), surroundings=deployment).summary["accepted"] == 1
    world = World()
    with pytest.raises(AudienceError, match="left nobody"):
        world.run([ONE], guards=(cap,), surroundings=deployment)
    assert not world.gateway.accepted


def test_a_retry_with_the_same_ledger_keeps_its_own_claims(place):
    store, deployment = place
    cap = FrequencyCap(1, per=WEEK, store=store)
    world = World()
    with pytest.raises(SendInterruptedError):
        world.run([ONE, TWO], guards=(cap,), surroundings=deployment, stop_after=0)
    assert world.retry([ONE, TWO], guards=(cap,), surroundings=deployment).summary["accepted"] == 2


def test_a_rehearsal_of_a_campaign_that_was_sent_shows_it_as_it_was(place):
    """It has no ledger that could tell who was sent to, and a campaign is no limit to itself."""
    store, deployment = place
    guards = (FrequencyCap(1, per=WEEK, store=store), MaxMessages(3, daily=DailyTotal(store)))
    world = World()
    world.run([ONE, TWO], guards=guards, surroundings=deployment)
    summary = world.retry([ONE, TWO], guards=guards, surroundings=deployment, dry_run=True).summary
    assert [each["decision"] for each in summary["guards"]] == ["go", "go"]
    assert summary["rehearsal"]["recipients"] == 2


def test_the_two_apis_know_one_number_by_its_country_code(place):
    """The digits of a mainland mobile are those of a stranger in North America, and 86 in front changes nobody."""
    store, deployment = place
    cap = FrequencyCap(1, per=WEEK, store=store)

    def passes(people, name, **more):
        with campaign(people, campaign_id=name, deployment=deployment, **more) as one:
            cap.before_sending(one.facts)
            left = one.numbers("pending")
            one.end()
            cap.after_sending(one.facts)
            return left

    globe = {"product": GLOBE, "rules": GlobeRules(message="Hi", template_param=None, refused_regions=())}
    mobile = "13430000001"
    assert passes([mobile], "a") == [mobile]
    assert passes([{"to": f"+{mobile}"}], "b", **globe) == [mobile], "a number in Canada"
    assert passes([{"to": f"+86{mobile}"}], "c", **globe) == [], "the mobile of the first campaign"


def test_the_one_template_of_a_split_counts_with_the_campaigns_without_one(send, place):
    cap = FrequencyCap(1, per=WEEK, store=place[0], scope="template")
    groups = Groups(
        split=Split({"a": 0.5, "b": 0.5}, salt="x"), product=CHINA, texts={"a": "SMS_1", "b": "SMS_1"}
    )
    assert send([ONE, TWO], name="a", guard=cap, template_code=None, groups=groups) == [ONE, TWO]
    assert send([ONE, THREE], name="b", guard=cap, template_code="SMS_1") == [THREE]
