# SPDX-License-Identifier: Apache-2.0
"""Every code a receipt can hold has words of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_aliyunsms.codes.local import LocalCode
from airflow_provider_aliyunsms.codes.lookup import LOCAL_CODES, CodeClass, all_codes, explain, look_up_code
from airflow_provider_aliyunsms.products import GLOBE

PACKAGE = Path(__file__).parents[3] / "airflow_provider_aliyunsms"
UNKNOWN = look_up_code("nobody knows this").meaning


def test_every_local_code_in_the_source_is_explained():
    assert {info.code for info in LOCAL_CODES} >= {code.value for code in LocalCode}


def test_local_codes_stand_in_their_table_alone():
    elsewhere = {
        code
        for path in PACKAGE.rglob("*.py")
        if path.name != "local.py"
        for code in re.findall(r'"(local\.[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert elsewhere == set()


@pytest.mark.parametrize("info", LOCAL_CODES, ids=lambda info: info.code)
def test_our_own_codes_say_what_to_do_in_two_languages(info):
    assert explain(info.code) is info
    assert not info.code.startswith("local.") or info.code == f"local.{LocalCode(info.code).name}"
    for text in (info.meaning, info.advice):
        assert text.endswith(".")
        assert text.isascii()
    for text in (info.meaning_zh, info.advice_zh):
        assert text.endswith("。")


def test_no_code_of_ours_hides_one_of_the_api():
    ours = {info.code.lower() for info in LOCAL_CODES}
    assert ours & {info.code.lower() for info in all_codes()} == set()


def test_an_accepted_receipt_has_no_code_and_is_explained_all_the_same():
    assert explain(None).code_class is CodeClass.ACCEPTED


def test_a_code_that_nobody_knows_is_no_error():
    assert explain("BRAND_NEW_CODE").meaning == UNKNOWN


def test_a_code_with_two_meanings_is_explained_as_its_api_means_it():
    differing = [
        info.code for info in all_codes() if look_up_code(info.code) != look_up_code(info.code, product=GLOBE)
    ]
    assert differing
    for code in differing:
        assert explain(code, api="SendBatchSms") == look_up_code(code)
        assert explain(code, api="BatchSendMessageToGlobe") == look_up_code(code, product=GLOBE)


def test_every_code_of_the_transport_and_of_unreadable_responses_is_explained():
    """None of them came from the API, and none is in its documentation."""
    sources = [
        (PACKAGE / "api" / name).read_text(encoding="utf-8") for name in ("transport.py", "responses.py")
    ]
    ours = set(re.findall(r'return \(?\s*"([A-Z][A-Za-z]+)",', sources[0]))
    ours |= set(re.findall(r'UNREADABLE: Final = "([A-Za-z]+)"', sources[1]))
    assert len(ours) >= 12
    for code in ours:
        assert explain(code).meaning != UNKNOWN
        left = explain(code).code_class is CodeClass.AMBIGUOUS
        assert left or re.search("nothing (left|reached)", explain(code).meaning)


@pytest.mark.parametrize("code", ["DB:0141", "MK:0001", "LT:0001", "CB:0010", "REJECTD"])
def test_a_carriers_own_code_means_accepted_and_not_delivered(code):
    found = explain(code)
    assert found.code_class is CodeClass.DELIVERY_FAILED
    assert "accepted the message" in found.meaning


def test_a_refusal_known_by_its_family_is_explained_by_its_code_alone():
    assert explain("InvalidAccessKeyId.NewKind").code_class is CodeClass.DOOMED
    assert "variable" in explain("isv.INVALID_PARAMETERS").meaning
