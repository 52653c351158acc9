# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.recipients import Recipient
from airflow_provider_aliyunsms.audience.rows import Row, RowBlock
from airflow_provider_aliyunsms.audience.rules import prepare_block
from airflow_provider_aliyunsms.audience.rules.base import RowRejected
from airflow_provider_aliyunsms.audience.rules.globe import GlobeRules, check_sender_id
from airflow_provider_aliyunsms.codes.local import LocalCode
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

NUMBER = "85251234567"


def rules(*, message="Hello ${name}", template_param=None, **more):
    return GlobeRules(message=message, template_param=template_param, **more)


def rejection(values, *, flat=False, **defaults):
    with pytest.raises(RowRejected) as caught:
        rules(**defaults).prepare(values, flat=flat)
    return caught.value


def test_placeholders_are_filled_from_row_and_defaults():
    made = rules(message="${greeting} ${ name }!", template_param={"greeting": "Hi", "name": "you"}).prepare(
        {"to": "+852 5123 4567", "template_param": {"name": "Ann"}}
    )
    assert made == Recipient(number=NUMBER, message="Hi Ann!")


def test_a_flat_row_and_its_own_text():
    row = {"to": NUMBER, "message": "Dear ${name}, ${n}", "name": "Ann", "n": 3, "ignored": ["x"]}
    assert rules().prepare(row, flat=True).message == "Dear Ann, 3"


def test_a_bare_number_and_the_alias():
    assert rules(message="Hi").prepare(NUMBER) == Recipient(number=NUMBER, message="Hi")
    assert rules(message="Hi").prepare({"phone_number": NUMBER}).number == NUMBER
    assert rules(message="Hi").prepare({"to": "", "phone_number": NUMBER}).number == NUMBER
    assert rules(message="Hi").prepare({"to": NUMBER, "phone_number": "447400123456"}).number == NUMBER


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again():
    row = {"to": NUMBER, "template_param": {"name": "${secret}", "secret": "x"}}
    assert rules().prepare(row).message == "Hello ${secret}"


@pytest.mark.parametrize("name", [None, "", " "])
def test_a_placeholder_without_a_value_names_the_variable(name):
    error = rejection({"to": NUMBER, "template_param": {"name": name}})
    assert (error.code, error.field) == (LocalCode.MISSING_VARIABLE, "name")
    assert "'name'" in error.reason


def test_an_empty_placeholder_is_not_sent():
    assert rejection(NUMBER, message="Hello ${}").code == LocalCode.MISSING_VARIABLE


def test_a_nested_value_in_a_placeholder():
    assert rejection({"to": NUMBER, "template_param": {"name": [1]}}).code == LocalCode.INVALID_VARIABLE


@pytest.mark.parametrize("message", [None, "", "  \n"])
def test_no_text_anywhere(message):
    error = rejection({"to": NUMBER, "message": message}, message=None)
    assert (error.code, error.field) == (LocalCode.MISSING_MESSAGE, "message")


@pytest.mark.parametrize("message", [7, ["x"], "\ud800"])
def test_a_text_that_is_none(message):
    assert rejection({"to": NUMBER, "message": message}).code == LocalCode.INVALID_MESSAGE


def test_1500_characters_pass_and_1501_do_not():
    assert len(rules(message="中" * 1500).prepare(NUMBER).message) == 1500
    assert (
        rejection({"to": NUMBER, "template_param": {"name": "x" * 1495}}).code == LocalCode.MESSAGE_TOO_LONG
    )


@pytest.mark.parametrize(
    "to",
    [
        "13800001234",
        "+86 138 0000 1234",
        "008613800001234",
        "8613800001234",
        13800001234,
        "+1 202 555 0123",
        "12025550123",
    ],
)
def test_mainland_and_us_numbers_are_refused_by_default(to):
    error = rejection({"to": to}, message="Hi")
    assert (error.code, error.field) == (LocalCode.REFUSED_REGION, "to")


def test_canada_is_not_the_us_when_it_has_its_plus_sign():
    assert rules(message="Hi").prepare("+1 416 555 0123").number == "14165550123"
    error = rejection("1 416 555 0123", message="Hi")
    assert error.code == LocalCode.REFUSED_REGION
    assert "plus" in error.reason


def test_without_a_refusal_an_ambiguous_number_still_needs_its_plus_sign():
    open_rules = rules(message="Hi", refused_regions=())
    assert open_rules.prepare("+8613800001234").number == "8613800001234"
    assert open_rules.prepare("+12025550123").number == "12025550123"
    error = rejection("13800001234", message="Hi", refused_regions=())
    assert error.code == LocalCode.INVALID_NUMBER


def test_any_region_can_be_refused():
    assert rejection(NUMBER, message="Hi", refused_regions=["hk"]).code == LocalCode.REFUSED_REGION


@pytest.mark.parametrize("to", ["12345", "hello", "+999123456789", True, 0.5])
def test_a_wrong_number(to):
    assert rejection({"to": to}, message="Hi").code == LocalCode.INVALID_NUMBER


@pytest.mark.parametrize("values", [{}, {"to": None}, {"to": " ", "phone_number": ""}])
def test_no_number(values):
    error = rejection(values, message="Hi")
    assert (error.code, error.field) == (LocalCode.MISSING_NUMBER, "to")


def test_an_unknown_key_stops_everything():
    row = Row(number=3, values={"to": NUMBER, "text": "Hi"}, flat=False, number_field="to")
    with pytest.raises(AudienceError, match="Row 3: The key 'text'") as caught:
        prepare_block(RowBlock([row]), rules=rules())
    assert caught.value.row == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"message": "x" * 1501},
        {"message": "x" * 1501 + "${name}"},
        {"message": 7},
        {"template_param": {"name": ["secret"]}},
        {"refused_regions": "CN"},
        {"refused_regions": ["China"]},
        {"refused_regions": [86]},
    ],
)
def test_wrong_defaults_are_a_configuration_error(wrong):
    with pytest.raises(ConfigurationError) as caught:
        rules(**wrong)
    assert "secret" not in str(caught.value)


@given(
    st.dictionaries(
        st.sampled_from(["to", "phone_number", "message", "template_param", "name"]),
        st.none()
        | st.integers()
        | st.floats()
        | st.text()
        | st.just(NUMBER)
        | st.lists(st.integers(), max_size=1),
    )
)
def test_any_flat_row_becomes_a_recipient_or_a_rejection(values):
    with contextlib.suppress(RowRejected):
        made = rules().prepare(values, flat=True)
        assert made.message.strip()
        assert made.number.isdigit()


@pytest.mark.parametrize("text", ["ALIYUN", "Shop24", "A" * 11, "1", "1" * 15])
def test_sender_ids_that_may_be_used(text):
    assert check_sender_id(text) is None


@pytest.mark.parametrize(
    "text", ["", "A" * 12, "1" * 16, "1" * 11 + "a", "my shop", "shop!", "阿里云", "１２", "abc\n", None]
)
def test_sender_ids_that_may_not(text):
    with pytest.raises(ConfigurationError):
        check_sender_id(text)
