# SPDX-License-Identifier: Apache-2.0
"""What is concluded from observations, and how it is written; the calls are in tests/simulator/test_facts.py."""

from __future__ import annotations

import json

import pytest

from airflow_provider_aliyunsms.campaign.policy import SendPolicy
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    CampaignDoomedError,
    ConnectionNotMadeError,
    NotSentError,
    RequestRefusedError,
    ThrottledError,
)
from airflow_provider_aliyunsms.verify.facts import Assumed, Result, exit_code, judge, settings_for
from airflow_provider_aliyunsms.verify.observations import Answer, AnswerKind, Observations, Sighting
from airflow_provider_aliyunsms.verify.report import as_json, closing, merged_settings, table, write_report

ACCEPTED = Answer(kind=AnswerKind.ACCEPTED, request_id="R-1")
NONCE_USED = Answer(kind=AnswerKind.NONCE_USED, code="SignatureNonceUsed")
UNCLEAR = Answer(kind=AnswerKind.UNCLEAR, code="ReadTimeout")
REFUSED = Answer(kind=AnswerKind.NOT_ACCEPTED, code="isv.MOBILE_NUMBER_ILLEGAL")
DEFAULTS = SendPolicy(chunk_size=1, max_concurrency=1)
ASSUMED = Assumed(settle_time=DEFAULTS.settle_time, refusal_wait=DEFAULTS.refusal_wait)


def observations(**changes):
    """An account on which everything is as assumed, but for the changes."""
    usual = {
        "product": "china",
        "access": ACCEPTED,
        "tells_time": True,
        "skew": 0.2,
        "first": ACCEPTED,
        "record": Sighting(after=3.0, watched=3.0, labelled=True, apart=1.0),
        "replay": NONCE_USED,
        "replayed_after": 65.0,
        "batch": REFUSED,
        "reached": Sighting(watched=60.0),
        "accepted": 1,
    }
    return Observations(**(usual | changes))


def results(seen, *, assumed=ASSUMED):
    return {fact.name: fact.result for fact in judge(seen, assumed=assumed)}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AmbiguousOutcomeError("x", code="SignatureNonceUsed"), AnswerKind.NONCE_USED),
        (AmbiguousOutcomeError("x", code="ReadTimeout"), AnswerKind.UNCLEAR),
        (AmbiguousOutcomeError("x"), AnswerKind.UNCLEAR),
        (NotSentError("x"), AnswerKind.NOT_ACCEPTED),
        (ThrottledError("x"), AnswerKind.NOT_ACCEPTED),
        (ConnectionNotMadeError("x"), AnswerKind.NOT_ACCEPTED),
        (RequestRefusedError("x"), AnswerKind.NOT_ACCEPTED),
        (CampaignDoomedError("x"), AnswerKind.NOT_ACCEPTED),
    ],
)
def test_an_error_is_an_answer(error, kind):
    answer = Answer.of(error)
    assert answer.kind is kind
    assert answer.code


def test_all_as_assumed():
    assert set(results(observations()).values()) == {Result.AS_ASSUMED}


@pytest.mark.parametrize(
    ("changes", "name", "result"),
    [
        ({"replay": ACCEPTED}, "used_nonce", Result.DIFFERS),
        ({"replay": UNCLEAR}, "used_nonce", Result.UNKNOWN),
        ({"replay": REFUSED}, "used_nonce", Result.UNKNOWN),
        ({"replay": None, "key_changed": True}, "used_nonce", Result.UNKNOWN),
        ({"record": Sighting(after=20.0, labelled=True)}, "late_records", Result.AS_ASSUMED),
        ({"record": Sighting(after=20.1, labelled=True)}, "late_records", Result.DIFFERS),
        ({"record": Sighting(watched=599.0)}, "late_records", Result.UNKNOWN),
        ({"record": Sighting(watched=600.0)}, "late_records", Result.DIFFERS),
        ({"record": Sighting(watched=600.0, doubtful=True)}, "late_records", Result.UNKNOWN),
        ({"record": Sighting(after=3.0, labelled=False)}, "labels", Result.DIFFERS),
        ({"record": Sighting(after=3.0, labelled=True, apart=-91.0)}, "record_time", Result.DIFFERS),
        ({"record": Sighting(after=3.0, labelled=True, apart=-89.0)}, "record_time", Result.AS_ASSUMED),
        ({"record": Sighting(after=3.0, labelled=True)}, "record_time", Result.UNKNOWN),
        ({"reached": Sighting(after=2.0, watched=2.0)}, "refused_batch", Result.DIFFERS),
        ({"reached": Sighting(watched=60.0, doubtful=True)}, "refused_batch", Result.UNKNOWN),
        ({"reached": Sighting(watched=8.9)}, "refused_batch", Result.UNKNOWN),
        ({"reached": Sighting(watched=9.0)}, "refused_batch", Result.AS_ASSUMED),
        ({"batch": ACCEPTED}, "refused_batch", Result.UNKNOWN),
        ({"batch": UNCLEAR}, "refused_batch", Result.UNKNOWN),
        ({"batch": None}, "refused_batch", Result.UNKNOWN),
        (
            {"batch": Answer(kind=AnswerKind.NOT_ACCEPTED, code="Throttling.User")},
            "refused_batch",
            Result.UNKNOWN,
        ),
        ({"skew": -5.1}, "clock", Result.DIFFERS),
        ({"skew": 4.9}, "clock", Result.AS_ASSUMED),
        ({"skew": None, "tells_time": False}, "clock", Result.DIFFERS),
    ],
)
def test_one_observation_changes_one_fact(changes, name, result):
    assert results(observations(**changes))[name] is result


@pytest.mark.parametrize(
    ("changes", "name", "result"),
    [
        ({"first": Answer(kind=AnswerKind.NOT_ACCEPTED, code="MissingTo")}, "form_body", Result.DIFFERS),
        ({"first": Answer(kind=AnswerKind.NOT_ACCEPTED, code="MissingMessage")}, "form_body", Result.DIFFERS),
        (
            {"first": Answer(kind=AnswerKind.NOT_ACCEPTED, code="MissingSecurityToken")},
            "form_body",
            Result.UNKNOWN,
        ),
        ({"first": UNCLEAR}, "form_body", Result.UNKNOWN),
        ({"batch": Answer(kind=AnswerKind.ACCEPTED, names_invalid=True)}, "refused_batch", Result.AS_ASSUMED),
        ({"batch": Answer(kind=AnswerKind.ACCEPTED, names_invalid=False)}, "refused_batch", Result.UNKNOWN),
        # No call can tell whether a refused Globe batch has reached anybody.
        ({"batch": REFUSED}, "refused_batch", Result.UNKNOWN),
        ({"batch": UNCLEAR}, "refused_batch", Result.UNKNOWN),
    ],
)
def test_globe_has_facts_of_its_own(changes, name, result):
    assert results(observations(product="globe", **changes))[name] is result


@pytest.mark.parametrize(
    ("late", "needed"), [(0.0, 0), (0.1, 10), (3.3, 10), (3.4, 20), (45, 140), (200, 600), (201, 610)]
)
def test_three_times_what_one_record_took_in_full_ten_seconds(late, needed):
    assert settings_for(late) == {"settle_time": needed, "refusal_wait": needed}


def test_settings_that_are_long_enough_are_left_alone():
    seen = observations(record=Sighting(after=30.0, labelled=True), reached=Sighting(watched=90.0))
    (late,) = [fact for fact in judge(seen, assumed=ASSUMED) if fact.name == "late_records"]
    assert late.settings == {"refusal_wait": 90}
    assert (
        results(seen, assumed=Assumed(settle_time=600.0, refusal_wait=90.0))["late_records"]
        is Result.AS_ASSUMED
    )


def test_the_larger_of_two_values_is_told():
    seen = observations(
        record=Sighting(after=30.0, labelled=True), reached=Sighting(after=50.0, watched=50.0), accepted=2
    )
    facts = judge(seen, assumed=ASSUMED)
    assert merged_settings(facts) == {"refusal_wait": 150}
    assert "    refusal_wait=150," in closing(facts, seen)


def test_what_differs_goes_before_what_is_unknown():
    assert exit_code(judge(observations(), assumed=ASSUMED)) == 0
    assert exit_code(judge(observations(batch=ACCEPTED), assumed=ASSUMED)) == 2
    assert exit_code(judge(observations(batch=ACCEPTED, replay=ACCEPTED), assumed=ASSUMED)) == 1


def test_nothing_seen_is_nothing_found_out():
    for product in ("china", "globe"):
        facts = judge(Observations(product=product), assumed=ASSUMED)
        assert {fact.result for fact in facts} == {Result.UNKNOWN}
        assert all(fact.seen for fact in facts)


def test_the_reason_for_the_end_is_told_once_with_its_advice():
    access = Answer(
        kind=AnswerKind.NOT_ACCEPTED, code="InvalidAccessKeyId.NotFound", advice="Correct the login."
    )
    facts = judge(Observations(product="china", access=access), assumed=ASSUMED)
    assert all("InvalidAccessKeyId.NotFound" in fact.seen for fact in facts)
    assert sum("Correct the login." in line for line in table(facts)) == 1


def test_a_line_of_the_table_fits_and_loses_no_word():
    facts = judge(observations(replay=ACCEPTED, skew=300.0), assumed=ASSUMED)
    lines = table(facts)
    assert max(map(len, lines)) <= 120
    words = " ".join(lines).split()
    for fact in facts:
        assert [word for word in f"{fact.fact} {fact.seen} {fact.advice}".split() if word not in words] == []


def test_the_report_is_json_for_its_owner_only(tmp_path):
    seen = observations()
    facts = judge(seen, assumed=ASSUMED)
    path = tmp_path / "facts.json"
    path.write_text("what was there before", encoding="utf-8")
    write_report(path, as_json(facts, seen))
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["format"] == 1
    assert [fact["name"] for fact in report["facts"]] == [fact.name for fact in facts]
    assert report["observations"]["replay"]["kind"] == "nonce used"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
