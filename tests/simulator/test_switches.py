# SPDX-License-Identifier: Apache-2.0
"""Facts of a gateway that can be switched while it runs: each of them, off and on."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

NUMBER = "13800001234"
ABROAD = "6591234567"
BAD = ("13800000501", "12345")


def code_of(response):
    body = response.json()
    return body.get("Code") or body.get("ResponseCode")


@pytest.mark.parametrize(("refuses", "second"), [(True, "SignatureNonceUsed"), (False, "OK")])
def test_a_used_nonce_is_refused_or_not(raw, simulator, refuses, second):
    simulator.options(refuses_nonces=refuses)
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    assert [code_of(signed.send()) for _ in range(2)] == ["OK", second]
    assert simulator.counts() == {NUMBER: 1 if refuses else 2}


def test_a_nonce_used_while_none_was_refused_is_not_remembered(raw, simulator):
    simulator.options(refuses_nonces=False)
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER))
    signed.send()
    simulator.options(refuses_nonces=True)
    assert [code_of(signed.send()) for _ in range(2)] == ["OK", "SignatureNonceUsed"]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("in_part", [False, True])
def test_a_refused_batch_reaches_the_others_or_nobody(raw, simulator, in_part, bad):
    simulator.options(accepts_in_part=in_part)
    answer = raw.call("SendBatchSms", raw.batch(NUMBER, bad, OutId="label")).json()
    assert answer["Code"] == "isv.MOBILE_NUMBER_ILLEGAL"
    assert "BizId" not in answer
    assert simulator.counts() == ({NUMBER: 1} if in_part else {})
    assert [message["out_id"] for message in simulator.messages()] == (["label"] if in_part else [])


@pytest.mark.parametrize(
    "changes",
    [{"TemplateCode": "SMS_404"}, {"SignNameJson": '["未报备","未报备"]'}, {"TemplateParamJson": "[1]"}],
)
def test_what_is_wrong_with_the_whole_batch_reaches_nobody(raw, simulator, changes):
    simulator.options(accepts_in_part=True)
    assert code_of(raw.call("SendBatchSms", raw.batch(NUMBER, BAD[0], **changes))) != "OK"
    assert simulator.counts() == {}


@pytest.mark.parametrize(("shows", "seen"), [(True, "label"), (False, "")])
def test_a_record_shows_its_out_id_or_not(raw, simulator, shows, seen):
    simulator.options(shows_out_id=shows)
    raw.call("SendBatchSms", raw.batch(NUMBER, OutId="label"))
    (row,) = raw.details(NUMBER)["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    assert row["OutId"] == seen
    assert simulator.messages()[0]["out_id"] == "label"


@pytest.mark.parametrize(("reads", "code"), [(True, "OK"), (False, "MissingTo")])
def test_globe_reads_the_body_or_not(raw, simulator, reads, code):
    simulator.options(globe_reads_form=reads)
    assert code_of(raw.call("BatchSendMessageToGlobe", raw.globe(ABROAD))) == code
    assert simulator.counts() == ({ABROAD: 1} if reads else {})


def test_globe_reads_the_query_in_any_case_and_china_the_body(raw, simulator):
    simulator.options(globe_reads_form=False, globe_qps=0)
    assert code_of(raw.call("BatchSendMessageToGlobe", query=raw.globe(ABROAD))) == "OK"
    assert code_of(raw.call("SendBatchSms", raw.batch(NUMBER))) == "OK"
    assert simulator.counts() == {ABROAD: 1, NUMBER: 1}


@pytest.mark.parametrize("offset", [-300, 0, 300])
def test_the_clock_of_the_gateway_is_that_of_its_answers_and_records(raw, simulator, offset):
    simulator.options(clock_offset=offset)
    there = time.time() + offset
    response = raw.call("SendBatchSms", raw.batch(NUMBER))
    assert code_of(response) == "OK"
    assert parsedate_to_datetime(response.headers["Date"]).timestamp() == pytest.approx(there, abs=5)
    day = datetime.fromtimestamp(there + 8 * 3600, UTC)
    (row,) = raw.details(NUMBER, SendDate=f"{day:%Y%m%d}")["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    sent = datetime.strptime(f"{row['SendDate']} +0800", "%Y-%m-%d %H:%M:%S %z")
    assert sent.timestamp() == pytest.approx(there, abs=5)


def test_a_clock_too_far_ahead_refuses_dates(raw, simulator):
    simulator.options(clock_offset=1000)
    assert code_of(raw.call("SendBatchSms", raw.batch(NUMBER))) == "InvalidTimeStamp.Expired"
    assert simulator.counts() == {}


def test_a_clock_that_jumps_forgets_nonces(raw, simulator):
    date = datetime.fromtimestamp(time.time() + 600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = raw.sign("SendBatchSms", raw.batch(NUMBER), date=date)
    assert code_of(signed.send()) == "OK"
    simulator.options(clock_offset=1000)
    assert code_of(signed.send()) == "OK"
    assert simulator.counts() == {NUMBER: 2}


@pytest.mark.parametrize("tells", [True, False])
def test_answers_tell_the_time_or_not(raw, simulator, tells):
    simulator.options(tells_time=tells)
    assert ("Date" in raw.call("SendBatchSms", raw.batch(NUMBER)).headers) is tells
