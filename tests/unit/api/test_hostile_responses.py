# SPDX-License-Identifier: Apache-2.0
"""Responses that want to do harm: too large, too deep, contradictory, or with things in them that must not pass."""

from __future__ import annotations

import gzip
import json
import tracemalloc

import pytest

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.connection import LARGEST_BODY
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.responses import (
    MOST_NESTED,
    id_of,
    ids_of,
    parse_body,
    request_id_of,
    texts_of,
)
from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.exceptions import AmbiguousOutcomeError

NUMBER = "13800001234"
MiB = 1024 * 1024


@pytest.fixture
def client_of():
    opened = []

    def make(server):
        client = AliyunSmsClient(
            credentials=static_credentials(Credentials("testid", "testsecret")),
            china=server.endpoint,
            globe=server.endpoint,
            transport=Transport(connect_timeout=2.0, read_timeout=5.0),
            read_retries=ReadRetries(attempts=1),
        )
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


def send_china(client):
    return client.send_batch_sms(phone_numbers=[NUMBER], sign_names=["阿里云"], template_code="SMS_1")


def send_globe(client):
    return client.batch_send_message_to_globe(to=["6591230001", "6591230002"], messages=["a", "b"])


# --- the body as a whole ----------------------------------------------------------------------------------


def test_a_key_that_occurs_twice_is_unreadable_at_every_depth():
    assert parse_body(b'{"Code": "isv.AMOUNT_NOT_ENOUGH", "Code": "OK"}') is None
    assert parse_body(b'{"Code": "OK", "a": [{"b": 1, "b": 2}]}') is None
    assert parse_body(b'{"Code": "OK", "code": "x"}') == {"Code": "OK", "code": "x"}


def test_doomed_first_and_ok_last_is_neither(answering, http, client_of):
    body = b'{"Code": "isv.AMOUNT_NOT_ENOUGH", "BizId": "1", "Code": "OK"}'
    with pytest.raises(AmbiguousOutcomeError) as caught:
        send_china(client_of(answering(http(body))))
    assert caught.value.code == "UnreadableAnswer"


@pytest.mark.parametrize("text", ['{"Code": NaN}', '{"Code": Infinity}', '{"a": 1e999}', '{"a": -1e999}'])
def test_numbers_that_json_does_not_have_are_unreadable(text):
    assert parse_body(text.encode()) is None


@pytest.mark.parametrize("depth", [MOST_NESTED + 1, 900, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_what_is_nested_too_deeply_is_unreadable(opening, depth):
    closing = "]" if opening == "[" else "}"
    assert parse_body(f'{{"Code":"OK","x":{opening * depth}1{closing * depth}}}'.encode()) is None


def test_brackets_in_texts_are_no_nesting():
    text = '\\"[{' * 100
    assert parse_body(f'{{"Code":"OK","Message":"{text}"}}'.encode()) is not None
    rows = [{"ErrCode": "DELIVERED", "Content": "[["}] * 50
    body = json.dumps({"Code": "OK", "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows}})
    assert parse_body(body.encode()) is not None


def test_xml_is_not_parsed(answering, http, client_of):
    """It was never asked for; 8 MB of it took 780 MB."""
    body = b"<a>" + b"<b/>" * (LARGEST_BODY // 4 - 10) + b"</a>"
    tracemalloc.start()
    assert parse_body(body) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(body)
    wanted = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>Throttling</Code></Error>"
    with pytest.raises(AmbiguousOutcomeError) as caught:
        send_china(client_of(answering(http(wanted, status="400 Bad"))))
    assert caught.value.code == "UnreadableAnswer"


@pytest.mark.parametrize("packed", [False, True])
def test_a_response_beyond_its_bound_is_ambiguous(answering, http, client_of, packed):
    body = b'{"Code":"OK","x":"' + b"a" * LARGEST_BODY + b'"}'
    answer = http(gzip.compress(body), headers=["Content-Encoding: gzip"]) if packed else http(body)
    with pytest.raises(AmbiguousOutcomeError) as caught:
        send_china(client_of(answering(answer)))
    assert caught.value.code == "AnswerTooLarge"


def test_a_packed_response_is_unpacked_within_the_bound_only(answering, http, client_of):
    """200 KB on the wire would be 200 MB in memory."""
    bomb = gzip.compress(bytes(200 * MiB))
    client = client_of(answering(http(bomb, headers=["Content-Encoding: gzip"])))
    tracemalloc.start()
    with pytest.raises(AmbiguousOutcomeError):
        send_china(client)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MiB


def test_an_announced_length_beyond_the_bound_is_not_waited_for(serve, client_of):
    def behave(connection, server):
        server.take(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{")
        server.stopping.wait(20)

    client = client_of(serve(behave))
    with pytest.raises(AmbiguousOutcomeError) as caught:
        send_china(client)
    assert caught.value.code == "AnswerTooLarge"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 999 ???\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"\x00\xff\xfe" * 50,
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=\xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_heads_that_make_no_sense_are_ambiguous(serve, client_of, head):
    def behave(connection, server):
        server.take(connection)
        connection.sendall(head)

    with pytest.raises(AmbiguousOutcomeError):
        send_china(client_of(serve(behave)))


# --- ids --------------------------------------------------------------------------------------------------

UNFIT = [
    "\ud800",
    "a\udfffb",
    "1" * 129,
    "x" * (2 * MiB),
    "a\nb",
    "a b",
    "\x00",
    "<b>",
    "号",
    "",
    "  ",
    True,
    1.5,
    None,
    [],
]


@pytest.mark.parametrize("value", UNFIT, ids=range(len(UNFIT)))
def test_an_id_that_cannot_be_kept_is_none(value):
    assert id_of({"BizId": value}, "BizId") is None


def test_usual_ids_are_kept_as_they_are():
    assert id_of({"BizId": "900619746936498440^0"}, "BizId") == "900619746936498440^0"
    assert id_of({"BizId": 18656000000017}, "BizId") == "18656000000017"
    assert ids_of({"L": '["18656", 7, "a-b_c.d:e"]'}, "L") == ("18656", "7", "a-b_c.d:e")


def test_an_unfit_id_in_a_list_leaves_the_others_in_their_places():
    assert ids_of({"L": ["1", "\ud800", None, {"a": 1}, "x" * MiB, "2"]}, "L") == (
        "1",
        None,
        None,
        None,
        None,
        "2",
    )
    assert ids_of({"L": '["1", "\\ud800"]'}, "L") == ("1", None)
    assert ids_of({"L": '{"a": 1}'}, "L") is None
    assert ids_of({"L": 5}, "L") is None
    assert ids_of({}, "L") == ()


@pytest.mark.parametrize("biz_id", ['"\\ud800\\udfff"', f'"{"9" * 500_000}"', '"a\\u0000b"', "[]", "1.5"])
def test_accepted_without_a_usable_id_is_accepted(answering, http, client_of, biz_id):
    body = f'{{"Code":"OK","RequestId":"ABC-1","BizId":{biz_id}}}'.encode()
    response = send_china(client_of(answering(http(body))))
    assert (response.biz_id, response.request_id) == (None, "ABC-1")


def test_globe_ids_that_cannot_be_kept_leave_the_message_accepted(answering, http, client_of):
    body = b'{"ResponseCode":"OK","SuccessCount":"2","MessageIdList":"[\\"1\\",\\"\\\\ud800\\"]"}'
    response = send_globe(client_of(answering(http(body))))
    assert (response.message_ids, response.success_count, response.failed) == (("1", None), 2, ())


@pytest.mark.parametrize(
    "found", [NUMBER, f"a{NUMBER}", "8613800001234", f"{NUMBER}-1", "a b", "x" * 65, "\ud800"]
)
def test_a_request_id_is_no_place_for_a_number(found):
    assert request_id_of({"RequestId": found}) is None


@pytest.mark.parametrize(
    "found", ["A1B2C3D4-0000-4000-8000-123456789012", "ABC-1", "x-1234", "1F2E3D4C5B6A7988"]
)
def test_usual_request_ids_are_kept(found):
    assert request_id_of({"RequestId": found}) == found


def test_lists_in_texts_are_parsed_as_strictly_as_the_body():
    assert texts_of({"L": '[{"a":1,"a":2}]'}, "L") is None
    assert texts_of({"L": "[" * 500 + "]" * 500}, "L") is None
    assert texts_of({"L": '["a", NaN]'}, "L") is None


# --- queries ----------------------------------------------------------------------------------------------


def details(client):
    return client.query_send_details(phone_number=NUMBER, send_date="20260102")


def page_body(*, rows, total):
    return json.dumps(
        {"Code": "OK", "TotalCount": total, "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows}}
    ).encode()


@pytest.mark.parametrize("total", [-1, "-5"])
def test_a_count_below_zero_proves_nothing(answering, http, client_of, total):
    with pytest.raises(AmbiguousOutcomeError):
        details(client_of(answering(http(page_body(rows=[], total=total)))))


def test_a_page_with_more_rows_than_asked_for_proves_nothing(answering, http, client_of):
    with pytest.raises(AmbiguousOutcomeError):
        details(client_of(answering(http(page_body(rows=[{"OutId": "a"}] * 51, total=51)))))


def test_codes_of_receipts_are_tidied(answering, http, client_of):
    row = {"SendStatus": 2, "ErrCode": f"x\n{NUMBER} \x1b[31m张三" + "y" * 5000, "OutId": "a\ud800"}
    (found,) = details(client_of(answering(http(page_body(rows=[row], total=1))))).details
    assert found.err_code.isascii()
    assert found.err_code.isprintable()
    assert NUMBER not in found.err_code
    assert len(found.err_code) <= 80
    assert found.out_id is None


def test_codes_of_messages_are_tidied(answering, http, client_of):
    body = json.dumps(
        {"ResponseCode": "OK", "Status": "2", "ErrorCode": f"no {NUMBER}\r\n" + "z" * 999}
    ).encode()
    found = client_of(answering(http(body))).query_message(message_id="1")
    assert found.error_code.startswith("no_****_zzz")
    assert len(found.error_code) <= 80
