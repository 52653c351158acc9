# SPDX-License-Identifier: Apache-2.0
"""Every call against a local server that answers what it is told to."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from urllib.parse import parse_qs

import pytest

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, announcing, static_credentials
from airflow_provider_aliyunsms.api.endpoints import Endpoint
from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.signature import Envelope
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    CampaignDoomedError,
    ConnectionNotMadeError,
    NotSentError,
    PaceError,
    RequestRefusedError,
    ThrottledError,
)

NUMBER = "13800001234"
NOWHERE = Endpoint(scheme="https", host="nothing.invalid")
QUICK = ReadRetries(attempts=3, first_wait=0.001, longest_wait=0.002)


@pytest.fixture
def client_of():
    """Make a client of one server; the other API's endpoint leads nowhere."""
    opened = []

    def make(server, *, globe=False, credentials=None):
        client = AliyunSmsClient(
            credentials=static_credentials(credentials or Credentials("testid", "testsecret")),
            china=NOWHERE if globe else server.endpoint,
            globe=server.endpoint if globe else NOWHERE,
            transport=Transport(connect_timeout=2.0, read_timeout=2.0),
            read_retries=QUICK,
        )
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


def form_of(request):
    line, _, body = request
    assert line == "POST / HTTP/1.1"
    return {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}


def send_china(client, **more):
    return client.send_batch_sms(
        phone_numbers=[NUMBER],
        sign_names=["阿里云"],
        template_code="SMS_1",
        template_params=[{"n": "张三"}],
        **more,
    )


def send_globe(client, **more):
    return client.batch_send_message_to_globe(to=["6581000000"], messages=["hello there"], **more)


# --- what is sent -----------------------------------------------------------------------------------------


def test_send_batch_sms(answering, http, client_of):
    server = answering(http(b'{"Code":"OK","Message":"OK","RequestId":"R-1","BizId":"9006^0"}'))
    answer = client_of(server).send_batch_sms(
        phone_numbers=[NUMBER, "13900005678"],
        sign_names=["阿里云", "别的"],
        template_code="SMS_152550005",
        template_params=[{"name": "张三 A+B", "text": 'new\nline "quoted"'}, {}],
        sms_up_extend_codes=["90999", "90998"],
        out_id="camp-1:1",
    )
    assert (answer.biz_id, answer.request_id) == ("9006^0", "R-1")
    form = form_of(server.requests[0])
    assert json.loads(form.pop("PhoneNumberJson")) == [NUMBER, "13900005678"]
    assert json.loads(form.pop("SignNameJson")) == ["阿里云", "别的"]
    assert json.loads(form.pop("TemplateParamJson")) == [
        {"name": "张三 A+B", "text": 'new\nline "quoted"'},
        {},
    ]
    assert json.loads(form.pop("SmsUpExtendCodeJson")) == ["90999", "90998"]
    assert form == {"TemplateCode": "SMS_152550005", "OutId": "camp-1:1"}
    headers = server.requests[0][1]
    assert (headers["x-acs-action"], headers["x-acs-version"]) == ("SendBatchSms", "2017-05-25")


def test_send_sms(answering, http, client_of):
    server = answering(http(b'{"Code":"OK","BizId":"1^0"}'))
    client_of(server).send_sms(
        phone_numbers=[NUMBER, "13900005678"],
        sign_name="阿里云",
        template_code="SMS_1",
        template_param={"code": 123456},
        sms_up_extend_code="90999",
        out_id="o",
    )
    assert form_of(server.requests[0]) == {
        "PhoneNumbers": f"{NUMBER},13900005678",
        "SignName": "阿里云",
        "TemplateCode": "SMS_1",
        "TemplateParam": '{"code":"123456"}',
        "SmsUpExtendCode": "90999",
        "OutId": "o",
    }


def test_batch_send_message_to_globe(answering, http, client_of):
    body = {
        "ResponseCode": "OK",
        "RequestId": "R-2",
        "SuccessCount": "1",
        "FailedList": '["6581000001"]',
        "MessageIdList": '["1234"]',
    }
    server = answering(http(json.dumps(body).encode()))
    answer = client_of(server, globe=True).batch_send_message_to_globe(
        to=["6581000000", "6581000001"],
        messages=["Hi A", "Hi B & C"],
        message_type="NOTIFY",
        sender_id="Alicloud321",
        task_id="camp-1",
        validity_period=600,
        channel_id="sms-x",
    )
    assert (answer.success_count, answer.failed, answer.message_ids) == (1, ("6581000001",), ("1234",))
    assert "6581000001" not in repr(answer)
    assert form_of(server.requests[0]) == {
        "To": '["6581000000","6581000001"]',
        "Message": '["Hi A","Hi B & C"]',
        "Type": "NOTIFY",
        "From": "Alicloud321",
        "TaskId": "camp-1",
        "ValidityPeriod": "600",
        "ChannelId": "sms-x",
    }
    assert server.requests[0][1]["x-acs-version"] == "2018-05-01"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"SuccessCount": 2, "FailedList": [], "MessageIdList": ["a", "b"]}, (2, (), ("a", "b"))),
        ({"SuccessCount": "2", "FailedList": "[]", "MessageIdList": '["a","b"]'}, (2, (), ("a", "b"))),
        ({"FailedList": "", "MessageIdList": None}, (None, (), ())),
        ({"SuccessCount": "many", "FailedList": "6581000001", "MessageIdList": "[1,"}, (None, None, None)),
        ({"SuccessCount": True, "FailedList": [None], "MessageIdList": {"a": 1}}, (None, None, None)),
        ({"FailedList": "[6581000001]"}, (None, ("6581000001",), ())),
    ],
)
def test_globe_answers_in_every_shape(answering, http, client_of, fields, expected):
    server = answering(http(json.dumps({"Code": "OK", **fields}).encode()))
    answer = send_globe(client_of(server, globe=True))
    assert (answer.success_count, answer.failed, answer.message_ids) == expected


def test_a_replay_is_byte_identical(answering, http, client_of):
    server = answering(http(b'{"Code":"OK"}'))
    client, envelope = client_of(server), Envelope.new()
    for _ in range(2):
        send_china(client, envelope=envelope)
    send_china(client)
    first, second, fresh = server.requests
    assert first == second
    assert first[2] == fresh[2]
    assert first[1]["authorization"] != fresh[1]["authorization"]


def test_a_token_travels_signed(answering, http, client_of):
    server = answering(http(b'{"Code":"OK"}'))
    send_china(client_of(server, credentials=Credentials("testid", "testsecret", "stsTok/+==")))
    headers = server.requests[0][1]
    assert headers["x-acs-security-token"] == "stsTok/+=="
    assert "x-acs-security-token" in headers["authorization"]


@pytest.mark.parametrize(
    "lists",
    [
        {"phone_numbers": [], "sign_names": []},
        {"phone_numbers": [NUMBER], "sign_names": []},
        {"phone_numbers": NUMBER, "sign_names": ["x"] * 11},
        {"phone_numbers": [NUMBER], "sign_names": ["x"], "template_params": [{}, {}]},
        {"phone_numbers": [NUMBER], "sign_names": ["x"], "sms_up_extend_codes": []},
    ],
)
def test_lists_of_unequal_length_are_never_sent(answering, http, client_of, lists):
    server = answering(http(b'{"Code":"OK"}'))
    with pytest.raises(ValueError, match="list") as caught:
        client_of(server).send_batch_sms(template_code="SMS_1", **lists)
    assert NUMBER not in str(caught.value)
    assert server.connections == 0


def test_what_would_be_misread_is_never_sent(answering, http, client_of):
    server = answering(http(b'{"Code":"OK"}'))
    client = client_of(server)
    with pytest.raises(ValueError, match="comma"):
        client.send_sms(phone_numbers=[f"{NUMBER},1"], sign_name="x", template_code="y")
    for value in (None, True, ["a"]):
        with pytest.raises(TypeError, match="variable"):
            client.send_sms(
                phone_numbers=[NUMBER], sign_name="x", template_code="y", template_param={"a": value}
            )
    assert server.connections == 0


# --- what the answers mean for a send ---------------------------------------------------------------------

CHINA_ANSWERS = [
    ("200 OK", "isv.MOBILE_NUMBER_ILLEGAL", RequestRefusedError),
    ("200 OK", "isv.TEMPLATE_PARAMS_ILLEGAL", RequestRefusedError),
    ("200 OK", "isv.MOBILE_COUNT_OVER_LIMIT", RequestRefusedError),
    ("200 OK", "isv.BUSINESS_LIMIT_CONTROL", RequestRefusedError),
    ("200 OK", "isv.SMS_SIGNATURE_ILLEGAL", CampaignDoomedError),
    ("200 OK", "isv.AMOUNT_NOT_ENOUGH", CampaignDoomedError),
    ("200 OK", "isp.RAM_PERMISSION_DENY", CampaignDoomedError),
    ("400 Bad", "isv.OUT_OF_SERVICE", CampaignDoomedError),
    ("400 Bad", "SignatureDoesNotMatch", CampaignDoomedError),
    ("404 Gone", "InvalidAccessKeyId.NotFound", CampaignDoomedError),
    ("400 Bad", "Throttling.User", ThrottledError),
    ("503 Busy", "Throttling", ThrottledError),
    ("400 Bad", "InvalidTimeStamp.Expired", NotSentError),
    ("400 Bad", "InvalidSecurityToken.Expired", CampaignDoomedError),
    ("400 Bad", "SecurityTokenExpired", CampaignDoomedError),
    ("403 No", "BrandNewCode", CampaignDoomedError),
    ("429 Slow", "BrandNewCode", ThrottledError),
    ("409 Conflict", "BrandNewCode", AmbiguousOutcomeError),
    ("400 Bad", "Backend.Timeout", AmbiguousOutcomeError),
    ("400 Bad", "InvalidNonce", AmbiguousOutcomeError),
    ("400 Bad", "MissingPhoneNumbers", RequestRefusedError),
    ("400 Bad", "SignatureNonceUsed", AmbiguousOutcomeError),
    ("200 OK", "isp.SYSTEM_ERROR", AmbiguousOutcomeError),
    ("500 Oops", "InternalError", AmbiguousOutcomeError),
    ("503 Busy", "ServiceUnavailable", AmbiguousOutcomeError),
    ("500 Oops", "OK", AmbiguousOutcomeError),
    ("200 OK", "isv.NEVER_HEARD_OF", AmbiguousOutcomeError),
    ("200 OK", "InvalidWhatever", AmbiguousOutcomeError),
    ("200 OK", "DELIVERED", AmbiguousOutcomeError),
    ("200 OK", "isv.DATA_NOT_EXIST", AmbiguousOutcomeError),
]


@pytest.mark.parametrize(("status", "code", "kind"), CHINA_ANSWERS)
def test_codes_of_a_china_send(answering, http, client_of, status, code, kind):
    body = {"Code": code, "Message": f"{NUMBER} 张三", "RequestId": "A-1-b"}
    server = answering(http(json.dumps(body).encode(), status=status))
    with pytest.raises(kind) as caught:
        send_china(client_of(server))
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.request_id, error.http_status) == (code, "A-1-b", int(status[:3]))
    assert error.advice
    assert NUMBER not in str(error) + repr(error)
    assert "张三" not in str(error) + repr(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("QPS_LIMIT_CONTROL", ThrottledError),
        ("NOT_SUPPORTED_COUNTRY", RequestRefusedError),
        ("BLACK_KEY_CONTROL_LIMIT", RequestRefusedError),
        ("isv.AMOUNT_NOT_ENOUGH", CampaignDoomedError),
        ("SENDERID_BLACKLISTED", CampaignDoomedError),
        ("PRODUCT_NOT_SUBSCRIBED", CampaignDoomedError),
        ("SYSTEM_ERROR", AmbiguousOutcomeError),
        ("ONLINE_BILLING_FAILED", AmbiguousOutcomeError),
        ("REJECTED_FLOODING_CONTROL", AmbiguousOutcomeError),
    ],
)
@pytest.mark.parametrize("field", ["ResponseCode", "Code"])
def test_codes_of_a_globe_send(answering, http, client_of, field, code, kind):
    server = answering(http(json.dumps({field: code, "ResponseDescription": "x"}).encode()))
    with pytest.raises(kind) as caught:
        send_globe(client_of(server, globe=True))
    assert type(caught.value) is kind
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("触发分钟级流控Permits:1", "minute"),
        ("触发小时级流控Permits:5", "hour"),
        ("触发天级流控Permits:10", "day"),
        ("something else", None),
    ],
)
def test_flow_control_keeps_only_its_level(answering, http, client_of, text, level):
    server = answering(http(json.dumps({"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": text}).encode()))
    with pytest.raises(RequestRefusedError) as caught:
        send_china(client_of(server))
    assert (f"(limit: {level})" in str(caught.value)) is (level is not None)
    assert text not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("params over length limit is 20", "20"),
        ("变量长度超限:35", "35"),
        ("13800000001 is 13800000001", None),
        ("the name 20 is too long", None),
        ("", None),
    ],
)
def test_a_length_limit_is_shown_and_no_more_of_the_message(answering, http, client_of, text, limit):
    server = answering(http(json.dumps({"Code": "isv.PARAM_LENGTH_LIMIT", "Message": text}).encode()))
    with pytest.raises(RequestRefusedError) as caught:
        send_china(client_of(server))
    assert (f"(limit: {limit} characters)" in str(caught.value)) is (limit is not None)
    assert "over length" not in str(caught.value)
    assert NUMBER not in str(caught.value)


@pytest.mark.parametrize("renews", [False, True])
def test_an_expired_token_is_final_where_nothing_renews_it(answering, http, renews):
    server = answering(http(b'{"Code":"InvalidSecurityToken.Expired","RequestId":"A-1-b"}', status="400 Bad"))
    known = Credentials("testid", "testsecret", "token")
    client = AliyunSmsClient(
        credentials=(lambda: known)
        if renews
        else announcing(static_credentials(known), on_new=lambda _: None),
        china=server.endpoint,
        globe=server.endpoint,
        transport=Transport(connect_timeout=2.0, read_timeout=2.0),
    )
    with closing(client), pytest.raises(NotSentError if renews else CampaignDoomedError) as caught:
        send_china(client)
    assert "security_token" in caught.value.advice


@pytest.mark.parametrize("body", [b'{"Code":"BrandNewCode"}', b'{"Code":"BrandNewCode","RequestId":"A-1"}'])
def test_an_unknown_code_with_a_request_id_and_a_4xx_status_is_a_refusal(answering, http, client_of, body):
    server = answering(http(body, status="400 Bad"))
    kind = RequestRefusedError if b"RequestId" in body else AmbiguousOutcomeError
    with pytest.raises(kind) as caught:
        send_china(client_of(server))
    assert type(caught.value) is kind
    assert caught.value.code == "BrandNewCode"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1500", 1.5),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("9" * 30, None),
        ("7200000", 3600.0),
        ("２", None),
    ],
)
def test_how_long_the_gateway_asks_to_wait(answering, http, client_of, header, seconds):
    rows = [f"x-acs-retry-after: {header}".encode().decode("latin-1")]
    body = http(b'{"Code":"Throttling.User"}', status="400 Bad").replace(
        b"\r\n\r\n", b"\r\n" + rows[0].encode("latin-1") + b"\r\n\r\n", 1
    )
    with pytest.raises(ThrottledError) as caught:
        send_china(client_of(answering(body)))
    assert caught.value.retry_after == seconds


UNREADABLE = [
    ("200 OK", b""),
    ("200 OK", b"OK"),
    ("200 OK", b"[]"),
    ("200 OK", b"{}"),
    ("200 OK", b'{"Code":null}'),
    ("200 OK", b'{"Code":true}'),
    ("200 OK", b'{"Code":"OK"'),
    ("200 OK", b"\xff\xfe{}"),
    ("200 OK", b"[" * 200_000),
    ("502 Bad Gateway", b"<html><body>13800001234 Bad Gateway</body></html>"),
    ("404 Not Found", b"<html><br></html>"),
    ("302 Found", b""),
    ("200 OK", b'<!DOCTYPE a [<!ENTITY b "OK">]><a><Code>&b;</Code></a>'),
    ("200 OK", b'<!DOCTYPE a SYSTEM "file:///etc/hostname"><a><Code>OK</Code></a>'),
]


@pytest.mark.parametrize(("status", "body"), UNREADABLE, ids=range(len(UNREADABLE)))
@pytest.mark.parametrize("globe", [False, True])
def test_unreadable_answers_are_ambiguous(answering, http, client_of, globe, status, body):
    server = answering(http(body, status=status))
    with pytest.raises(AmbiguousOutcomeError) as caught:
        (send_globe if globe else send_china)(client_of(server, globe=globe))
    assert (caught.value.code, caught.value.http_status) == ("UnreadableAnswer", int(status[:3]))
    assert NUMBER not in str(caught.value)
    assert len(server.requests) == 1


def test_a_code_that_is_no_code_shows_no_number(answering, http, client_of):
    body = json.dumps({"Code": f"number {NUMBER} 张三", "RequestId": f"{NUMBER} <b>"}).encode()
    with pytest.raises(AmbiguousOutcomeError) as caught:
        send_china(client_of(answering(http(body))))
    assert NUMBER not in str(caught.value)
    assert "张三" not in str(caught.value)


@pytest.mark.parametrize("send", [send_china, send_globe])
def test_a_send_that_never_left(client_of, serve, send):
    server = serve(lambda connection, _: connection.close())
    client = client_of(server, globe=send is send_china)
    with pytest.raises(ConnectionNotMadeError):
        send(client)
    assert server.connections == 0


# --- queries ----------------------------------------------------------------------------------------------

ROW = {
    "PhoneNum": NUMBER,
    "SendStatus": "3",
    "ErrCode": "DELIVERED",
    "TemplateCode": "SMS_1",
    "Content": "【阿里云】张三",
    "SendDate": "2026-01-02 03:04:05",
    "ReceiveDate": "2026-01-02 03:04:15",
    "OutId": "camp-1:1",
}


def details(client, **more):
    return client.query_send_details(phone_number=NUMBER, send_date="20260102", **more)


def test_query_send_details(answering, http, client_of):
    body = {
        "Code": "OK",
        "TotalCount": "1",
        "RequestId": "R",
        "SmsSendDetailDTOs": {"SmsSendDetailDTO": [ROW]},
    }
    server = answering(http(json.dumps(body).encode()))
    page = details(client_of(server), biz_id="9^0", page_size=10, current_page=2)
    assert (page.total_count, page.request_id) == (1, "R")
    (row,) = page.details
    assert (row.phone_number, row.send_status, row.err_code, row.out_id) == (
        NUMBER,
        3,
        "DELIVERED",
        "camp-1:1",
    )
    assert (row.send_date, row.receive_date) == ("2026-01-02 03:04:05", "2026-01-02 03:04:15")
    assert NUMBER not in repr(page)
    assert "张三" not in repr(page)
    assert form_of(server.requests[0]) == {
        "PhoneNumber": NUMBER,
        "SendDate": "20260102",
        "PageSize": "10",
        "CurrentPage": "2",
        "BizId": "9^0",
    }


@pytest.mark.parametrize(
    ("body", "total", "rows"),
    [
        (b'{"Code":"OK","TotalCount":2,"SmsSendDetailDTOs":{"SmsSendDetailDTO":[]}}', 2, 0),
        (b'{"Code":"OK","TotalCount":"0","SmsSendDetailDTOs":{}}', 0, 0),
        (b'{"Code":"isv.DATA_NOT_EXIST"}', 0, 0),
        (b'{"Code":"OK","TotalCount":1,"SmsSendDetailDTOs":"{\\"SmsSendDetailDTO\\":[{}]}"}', 1, 1),
        (b'{"Code":"OK","TotalCount":1,"SmsSendDetailDTOs":{"SmsSendDetailDTO":{"OutId":"1"}}}', 1, 1),
    ],
)
def test_pages_in_every_shape(answering, http, client_of, body, total, rows):
    page = details(client_of(answering(http(body))))
    assert (page.total_count, len(page.details)) == (total, rows)


@pytest.mark.parametrize(
    "body",
    [
        b'{"Code":"OK"}',
        b'{"Code":"OK","TotalCount":"x","SmsSendDetailDTOs":{}}',
        b'{"Code":"OK","TotalCount":1,"SmsSendDetailDTOs":{"SmsSendDetailDTO":[1]}}',
        b'{"Code":"OK","TotalCount":1,"SmsSendDetailDTOs":"{"}',
    ],
)
def test_an_unreadable_page_never_reads_as_nothing_sent(answering, http, client_of, body):
    with pytest.raises(AmbiguousOutcomeError):
        details(client_of(answering(http(body))))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"ResponseCode":"OK","Status":"1","ErrorCode":"DELIVERED"}', 1, "DELIVERED"),
        (b'{"ResponseCode":"OK","Status":3}', 3, None),
        (b'{"ResponseCode":"DATA_NOT_EXIST"}', None, None),
        (b'{"Code":"isv.DATA_NOT_EXIST"}', None, None),
    ],
)
def test_query_message(answering, http, client_of, body, status, code):
    server = answering(http(body))
    answer = client_of(server, globe=True).query_message(message_id="1234")
    assert (answer.status, answer.error_code, answer.message_id) == (status, code, "1234")
    assert form_of(server.requests[0]) == {"MessageId": "1234"}


def test_query_sms_sign_list(answering, http, client_of):
    server = answering(http(b'{"Code":"OK","TotalCount":7,"RequestId":"R"}'))
    answer = client_of(server).query_sms_sign_list()
    assert (answer.total_count, answer.request_id) == (7, "R")
    assert form_of(server.requests[0]) == {"PageIndex": "1", "PageSize": "1"}


def test_queries_are_repeated_with_a_fresh_envelope(answering, http, client_of):
    server = answering(
        http(b'{"Code":"Throttling.User"}', status="400 Bad", headers=["x-acs-retry-after: 60000"]),
        http(b"<html></html>", status="502 Bad Gateway"),
        http(b'{"Code":"OK","TotalCount":0}'),
    )
    assert client_of(server).query_sms_sign_list().total_count == 0
    assert len({headers["x-acs-signature-nonce"] for _, headers, _ in server.requests}) == 3


def test_queries_give_up_with_the_last_error(answering, http, client_of):
    server = answering(http(b'{"Code":"InternalError","RequestId":"R"}', status="500 Oops"))
    with pytest.raises(AmbiguousOutcomeError) as caught:
        client_of(server, globe=True).query_message(message_id="1")
    assert (caught.value.code, len(server.requests)) == ("InternalError", 3)


def test_a_query_without_room_in_the_account_s_pace_is_not_tried_again(answering, http, client_of):
    server = answering(http(b'{"Code":"OK","RequestId":"R-1"}'))
    client, asked = client_of(server), []

    @contextmanager
    def no_room():
        asked.append(1)
        raise PaceError("no room")
        yield

    client.pace_reads(no_room)
    with pytest.raises(PaceError):
        client.query_send_details(phone_number=NUMBER, send_date="20260102")
    assert len(asked) == 1
    assert server.requests == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [("isp.RAM_PERMISSION_DENY", CampaignDoomedError), ("isv.INVALID_PARAMETERS", RequestRefusedError)],
)
def test_queries_are_not_repeated_when_that_would_not_help(answering, http, client_of, code, kind):
    server = answering(http(json.dumps({"Code": code}).encode()))
    with pytest.raises(kind):
        details(client_of(server))
    assert len(server.requests) == 1


def test_credentials_are_asked_for_before_every_call(answering, http):
    server = answering(http(b'{"Code":"OK"}'))
    keys = iter([Credentials("first", "a"), Credentials("second", "b")])
    client = AliyunSmsClient(
        credentials=lambda: next(keys), china=server.endpoint, globe=NOWHERE, transport=Transport()
    )
    with closing(client):
        send_china(client)
        send_china(client)
    signers = [
        headers["authorization"].split("Credential=")[1].split(",")[0] for _, headers, _ in server.requests
    ]
    assert signers == ["first", "second"]
