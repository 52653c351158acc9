# SPDX-License-Identifier: Apache-2.0
"""What a send task's result must look like, and what is said when it does not."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from airflow_provider_aliyunsms.delivery.campaigns import (
    WatchedCampaign,
    campaigns_fingerprint,
    ids_of,
    parse_time,
    watched,
)
from airflow_provider_aliyunsms.delivery.tracking import scan
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

NUMBER = "13800001234"


def test_only_accepted_receipts_are_kept(kit):
    receipts = [
        kit.receipt(NUMBER),
        kit.receipt("13800005678", outcome="rejected"),
        kit.receipt("1", outcome=None),
    ]
    (campaign,) = watched(kit.xcom(receipts))
    assert [each["phone_number"] for each in campaign.receipts] == [NUMBER]
    assert campaign.finished_at == kit.FINISHED_AT


def test_a_list_of_campaigns_keeps_its_order(kit):
    several = watched([kit.xcom([], campaign_id="a"), kit.xcom([], campaign_id="b")])
    assert ids_of(several) == ["a", "b"]
    assert ids_of(several[:1]) == "a"


def test_a_campaign_as_json_text(kit):
    assert watched(json.dumps(kit.xcom([]))) == watched(kit.xcom([]))


def test_nothing_accepted_needs_no_receipts(kit):
    (campaign,) = watched({name: value for name, value in kit.xcom([]).items() if name != "receipts"})
    assert campaign.accepted == 0


@pytest.mark.parametrize(
    ("campaign", "said"),
    [
        (None, "campaign is None"),
        ([], "empty list"),
        ([None], "nothing but None"),
        (7, "not int"),
        (b"{}", "not bytes"),
        ("{'campaign_id': 1}", "not JSON"),
        ({}, "needs api"),
        ({"api": "SendSms"}, "needs api"),
        ({"api": "SendBatchSms"}, "needs accepted"),
        ({"api": "SendBatchSms", "accepted": True}, "needs accepted"),
        ({"api": "SendBatchSms", "accepted": 1, "finished_at": "soon"}, "needs finished_at"),
        (
            {"api": "SendBatchSms", "accepted": 1, "finished_at": "2026-01-02T03:04:05Z"},
            "neither receipts nor receipts_path",
        ),
    ],
)
def test_what_is_missing_is_said_with_the_next_step(campaign, said):
    with pytest.raises(ConfigurationError, match=said) as caught:
        watched(campaign)
    assert caught.value.advice


def test_receipts_of_another_campaign_are_noticed(kit):
    (campaign,) = watched(kit.xcom([kit.receipt(NUMBER)], accepted=2))
    with pytest.raises(ConfigurationError, match="hold 1 accepted messages, the campaign 2"):
        scan(campaign=campaign, open_receipts=kit.file_of([]))


@pytest.mark.parametrize("line", [b"[1]\n", b'{"phone_number": "13800001234"\n', b"\xff\n"])
def test_a_broken_line_is_named_but_not_shown(kit, line):
    import io

    (campaign,) = watched(kit.xcom([], path="receipts.jsonl", accepted=1))
    with pytest.raises(AudienceError) as caught:
        scan(campaign=campaign, open_receipts=lambda _: io.BytesIO(line))
    assert caught.value.row == 1
    assert NUMBER not in str(caught.value)


def test_a_campaign_survives_the_way_to_the_triggerer(kit):
    (campaign,) = watched(kit.xcom([kit.receipt(NUMBER)], path="s3://bucket/receipts.jsonl"))
    kept = json.loads(json.dumps(campaign.to_json()))
    assert WatchedCampaign.from_json(kept) == campaign


def test_inline_receipts_stay_behind(kit):
    (campaign,) = watched(kit.xcom([kit.receipt(NUMBER)]))
    kept = json.loads(json.dumps(campaign.to_json()))
    assert set(kept) == {"campaign_id", "api", "accepted", "finished_at", "digest", "receipts_path"}
    back = WatchedCampaign.from_json(kept)
    assert not back.can_be_asked_for
    assert campaign.can_be_asked_for
    assert campaigns_fingerprint([back]) == campaigns_fingerprint([campaign])


def test_what_an_earlier_release_packed_is_read(kit):
    (campaign,) = watched(kit.xcom([kit.receipt(NUMBER)]))
    kept = campaign.to_json() | {"packed": packed(json.dumps(campaign.receipts).encode())}
    assert WatchedCampaign.from_json(kept) == campaign
    assert NUMBER not in repr(campaign)


def packed(data):
    return base64.b64encode(zlib.compress(data, 9)).decode()


WHOLE = {"campaign_id": "c", "api": "SendBatchSms", "accepted": 1, "finished_at": 1.0, "digest": "d"}


@pytest.mark.parametrize(
    "damage",
    [
        {"packed": "no base64"},
        {"packed": packed(b"[1]")},
        {"packed": packed(b'{"a": 1}')},
        {"packed": packed(b'[{"a": 1, "a": 2}]')},
        {"packed": packed(b"[" * 50_000)},
        {"packed": packed(b"\xff")},
        {"packed": packed(b"[]")[:-4]},
        {"packed": packed(b" " * (65 * 1024 * 1024))},
        {"packed": 5},
        {"campaign_id": 5},
        {"api": "SendPigeons"},
        {"api": ["SendBatchSms"]},
        {"accepted": "1"},
        {"accepted": True},
        {"accepted": -1},
        {"finished_at": "now"},
        {"finished_at": float("nan")},
        {"finished_at": None},
        {"digest": None},
        {"receipts_path": 5},
    ],
    ids=str,
)
def test_arguments_of_the_wrong_kind_are_refused(damage):
    assert WatchedCampaign.from_json(WHOLE)
    with pytest.raises(ConfigurationError):
        WatchedCampaign.from_json(WHOLE | damage)


@pytest.mark.parametrize("kept", [{}, None, {"packed": "no base64"}, {"packed": "AAAA"}])
def test_a_damaged_campaign_is_refused(kept):
    with pytest.raises(ConfigurationError):
        WatchedCampaign.from_json(kept)


def test_the_fingerprint_notices_other_receipts(kit):
    one = watched(kit.xcom([kit.receipt(NUMBER)]))
    assert campaigns_fingerprint(one) == campaigns_fingerprint(watched(kit.xcom([kit.receipt(NUMBER)])))
    for change in ({"digest": "d2"}, {"campaign_id": "summer"}, {"accepted": 2}):
        assert campaigns_fingerprint(
            watched(kit.xcom([kit.receipt(NUMBER)], **change))
        ) != campaigns_fingerprint(one)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T08:01:00+08:00", 60.0),
        ("1970-01-01T00:01:00", 60.0),
        ("yesterday", None),
        (None, None),
        (5, None),
    ],
)
def test_times(text, seconds):
    assert parse_time(text) == seconds
