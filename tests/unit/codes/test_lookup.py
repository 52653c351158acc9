# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.codes.lookup import (
    OPT_OUT_CODES,
    CodeClass,
    all_codes,
    is_opt_out,
    look_up_code,
    tidy_code,
)
from airflow_provider_aliyunsms.products import CHINA, GLOBE

KNOWN = {re.sub(r"^is[vp]\.", "", info.code).upper() for info in all_codes()}


@pytest.mark.parametrize("info", all_codes(), ids=lambda info: info.code)
def test_every_row_is_complete_in_both_languages(info):
    chinese = re.compile(r"[\u4e00-\u9fff]")
    for text in (info.meaning, info.advice):
        assert text.endswith(".")
        assert not chinese.search(text)
    for text in (info.meaning_zh, info.advice_zh):
        assert text.endswith("。")
        assert chinese.search(text)


def test_no_row_is_listed_twice():
    codes = [info.code for info in all_codes()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("globe", [False, True])
@pytest.mark.parametrize("info", all_codes(), ids=lambda info: info.code)
def test_prefix_and_case_do_not_matter(info, globe):
    bare = re.sub(r"^is[vp]\.", "", info.code)
    spellings = [info.code, bare, bare.lower(), f"isv.{bare}", f"ISP.{bare}", f" {bare} "]
    found = {look_up_code(one, product=GLOBE if globe else CHINA).code_class for one in spellings}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("code", "code_class"),
    [
        ("OK", CodeClass.ACCEPTED),
        ("isv.BUSINESS_LIMIT_CONTROL", CodeClass.FLOW_CONTROL),
        ("VALVE:H_MC", CodeClass.FLOW_CONTROL),
        ("isv.DAY_LIMIT_CONTROL", CodeClass.DOOMED),
        ("isv.MOBILE_NUMBER_ILLEGAL", CodeClass.RECIPIENT),
        ("isv.PARAM_LENGTH_LIMIT", CodeClass.CONTENT),
        ("isv.MOBILE_COUNT_OVER_LIMIT", CodeClass.REQUEST),
        ("isv.SMS_TEMPLATE_ILLEGAL", CodeClass.DOOMED),
        ("isp.GATEWAY_ERROR", CodeClass.AMBIGUOUS),
        ("Throttling.Api", CodeClass.RETRY),
        ("SignatureNonceUsed", CodeClass.NONCE_USED),
        ("InvalidTimeStamp.Expired", CodeClass.RETRY),
        ("QPS_LIMIT_CONTROL", CodeClass.RETRY),
        ("ONLINE_BILLING_FAILED", CodeClass.AMBIGUOUS),
        ("DATA_NOT_EXIST", CodeClass.QUERY),
        ("DELIVERED", CodeClass.DELIVERY_OK),
        ("REQUEST_SUCCESS", CodeClass.DELIVERY_PENDING),
        ("MOBLLE_TERMINAL_ERROR", CodeClass.DELIVERY_FAILED),
        ("REJECTED_NOT_ENOUGH_CREDITS", CodeClass.AMBIGUOUS),
    ],
)
def test_classes(code, code_class):
    assert look_up_code(code).code_class is code_class


@pytest.mark.parametrize(
    "code", ["MOBILE_IN_BLACK", "USER_REJECT", "isv.BLACK_KEY_CONTROL_LIMIT", "isv.CUSTOMER_REFUSED"]
)
def test_numbers_to_leave_alone(code):
    assert look_up_code(code).suppress


@pytest.mark.parametrize(
    "code", ["MOBILE_NOT_ON_SERVICE", "MOBILE_SEND_LIMIT", "isv.MOBILE_NUMBER_ILLEGAL", "EXPIRED"]
)
def test_numbers_that_may_work_again(code):
    assert not look_up_code(code).suppress


@pytest.mark.parametrize(
    "code", ["mobile_in_black", "USER_REJECT", "BLACK_KEY_CONTROL_LIMIT", "isv.customer_refused"]
)
def test_an_opt_out_is_one_in_every_spelling(code):
    assert is_opt_out(code)


@pytest.mark.parametrize("code", [None, "DELIVERED", "INVALID_NUMBER", "SIGNATURE_BLACKLIST", "MK:0001", "?"])
def test_what_says_nothing_of_the_owner_s_wish_is_no_opt_out(code):
    assert not is_opt_out(code)


def test_a_blacklisted_keyword_of_globe_is_no_opt_out():
    assert not is_opt_out("BLACK_KEY_CONTROL_LIMIT", api=GLOBE.action)


def test_every_opt_out_is_a_number_to_leave_alone_in_the_tables():
    leave_alone = {info.code for info in all_codes() if info.suppress}
    assert leave_alone - OPT_OUT_CODES == {"INVALID_NUMBER"}
    assert leave_alone >= OPT_OUT_CODES


def test_the_two_apis_differ():
    assert look_up_code("BLACK_KEY_CONTROL_LIMIT").code_class is CodeClass.RECIPIENT
    assert look_up_code("BLACK_KEY_CONTROL_LIMIT", product=GLOBE).code_class is CodeClass.CONTENT


@pytest.mark.parametrize(
    ("code", "status", "code_class"),
    [
        ("MissingSignName", 400, CodeClass.REQUEST),
        ("InvalidSignName.Malformed", 400, CodeClass.REQUEST),
        ("InvalidParameter.Something", 400, CodeClass.REQUEST),
        ("Throttling.NewKind", 429, CodeClass.RETRY),
        ("MissingSignName", 200, CodeClass.AMBIGUOUS),
        ("InvalidSignName", 500, CodeClass.AMBIGUOUS),
        ("Throttling.NewKind", 503, CodeClass.AMBIGUOUS),
        ("InvalidSignatureNonce", 400, CodeClass.AMBIGUOUS),
    ],
)
def test_families_of_gateway_codes_need_an_error_status(code, status, code_class):
    found = look_up_code(code, http_status=status)
    assert (found.code, found.code_class) == (code, code_class)


@pytest.mark.parametrize("status", [300, 400, 500, 503])
def test_ok_under_an_error_status_is_not_believed(status):
    assert look_up_code("OK", http_status=status).code_class is CodeClass.AMBIGUOUS


@given(
    st.text(max_size=40).filter(
        lambda text: re.sub(r"^is[vp]\.", "", text.strip(), flags=re.I).upper() not in KNOWN
    )
)
def test_unknown_codes_are_ambiguous(code):
    if not code.strip().upper().startswith("SENDERID_BL"):
        assert look_up_code(code).code_class is CodeClass.AMBIGUOUS


@given(st.text(max_size=200))
def test_tidied_codes_can_be_logged(code):
    tidy = tidy_code(code)
    assert re.fullmatch(r"[A-Za-z0-9_.:*\-]{1,80}", tidy)
    assert not re.search(r"\d{6}", tidy)


@pytest.mark.parametrize("code", [info.code for info in all_codes()])
def test_tidying_leaves_codes_alone(code):
    assert tidy_code(code) == code


DOOMED_KIN = [
    *(
        "MissingSecurityToken",
        "MissingAccessKeyId",
        "MissingSignature",
        "MissingTimestamp",
        "MissingSignatureNonce",
    ),
    *(
        "InvalidAccessKeyId",
        "InvalidAccessKeyId.Disabled",
        "InvalidAccessKeySecret",
        "InvalidAccessKeyId.NewKind",
    ),
    *("InvalidSecurityToken", "InvalidSecurityToken.NewKind", "InvalidSignature", "InvalidSignature.NewKind"),
    *("Forbidden.NoPermission", "Forbidden.Unauthorized", "Forbidden.AccessKey", "NoPermission.Ram"),
    *(
        "AccessDenied",
        "AccessDenied.NewKind",
        "Unauthorized",
        "InvalidRegionId",
        "MissingRegionId",
        "InvalidAction",
    ),
]


@pytest.mark.parametrize("product", [CHINA, GLOBE])
@pytest.mark.parametrize("code", DOOMED_KIN)
def test_what_concerns_key_or_permission_dooms_the_campaign(code, product):
    """Taken for a malformed request, it would be recorded as the refusal of people; as ambiguous, cost hours."""
    found = look_up_code(code, http_status=403, product=product, from_gateway=True)
    assert (found.code, found.code_class) == (code, CodeClass.DOOMED)


@pytest.mark.parametrize(
    "code",
    [
        *("InvalidTimeStamp", "InvalidTimestamp.Expired", "IllegalTimestamp", "InvalidTimeStamp.NewKind"),
        *("Timestamp.Expired", "RequestTimeTooSkewed", "RequestExpired", "SignatureExpired"),
    ],
)
def test_a_clock_code_says_so_however_it_is_spelled(code):
    found = look_up_code(code, http_status=400)
    assert found.code_class is CodeClass.RETRY
    assert "clock" in found.advice


@pytest.mark.parametrize(
    ("status", "from_gateway", "code_class"),
    [
        (400, True, CodeClass.REQUEST),
        (422, True, CodeClass.REQUEST),
        (401, True, CodeClass.DOOMED),
        (403, True, CodeClass.DOOMED),
        (404, True, CodeClass.DOOMED),
        (429, True, CodeClass.RETRY),
        (400, False, CodeClass.AMBIGUOUS),
        (429, False, CodeClass.AMBIGUOUS),
        (408, True, CodeClass.AMBIGUOUS),
        (409, True, CodeClass.AMBIGUOUS),
        (423, True, CodeClass.AMBIGUOUS),
        (425, True, CodeClass.AMBIGUOUS),
        (499, True, CodeClass.AMBIGUOUS),
        (200, True, CodeClass.AMBIGUOUS),
        (500, True, CodeClass.AMBIGUOUS),
    ],
)
def test_an_unknown_code_is_a_refusal_only_in_the_gateways_own_words(status, from_gateway, code_class):
    found = look_up_code("BrandNewCode", http_status=status, from_gateway=from_gateway)
    assert (found.code, found.code_class) == ("BrandNewCode", code_class)


@pytest.mark.parametrize(
    "code",
    [
        *(
            "InternalNewError",
            "SystemError",
            "SystemBusy",
            "Backend.Timeout",
            "RequestTimedOut",
            "ServiceBusy",
        ),
        *("Upstream.Unavailable", "isp.BRAND_NEW", "UnknownError", "InvalidNonce", "InvalidSignatureNonce"),
    ],
)
def test_trouble_behind_the_gateway_is_no_refusal_whatever_the_status(code):
    """Taken for a refusal, a Globe call is made again for its parts at once, and people may get a second message."""
    assert look_up_code(code, http_status=400, from_gateway=True).code_class is CodeClass.AMBIGUOUS


@pytest.mark.parametrize(
    "code", ["NonceUsed", "SignatureNonceUsed.New", "DuplicateNonce", "InvalidNonce.Replay"]
)
def test_a_nonce_that_was_seen_is_evidence_however_it_is_spelled(code):
    """Taken for a refusal, the message of the first copy would be sent a second time."""
    assert look_up_code(code, http_status=400, from_gateway=True).code_class is CodeClass.NONCE_USED


@pytest.mark.parametrize(
    ("code", "code_class", "word"),
    [
        ("SignatureDoesNotMatch.NewKind", CodeClass.DOOMED, "secret"),
        ("SecurityTokenExpired", CodeClass.RETRY, "token"),
        ("InvalidStsToken.Expired", CodeClass.RETRY, "token"),
        ("UserDisable", CodeClass.DOOMED, "account"),
        ("AccountFrozen", CodeClass.DOOMED, "account"),
        ("InvalidDate", CodeClass.RETRY, "clock"),
    ],
)
def test_more_spellings_of_what_concerns_everybody(code, code_class, word):
    found = look_up_code(code, http_status=400, from_gateway=True)
    assert found.code_class is code_class
    assert word in found.advice.lower()
