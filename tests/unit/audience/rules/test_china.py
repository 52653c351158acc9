# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import datetime
import struct
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.phone_numbers import mainland_number
from airflow_provider_aliyunsms.audience.recipients import Recipient
from airflow_provider_aliyunsms.audience.rows import Row, RowBlock, TableBlock
from airflow_provider_aliyunsms.audience.rules import prepare_block
from airflow_provider_aliyunsms.audience.rules.base import RowRejected
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.codes.local import LocalCode
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError

NUMBER = "13800001234"
float32 = type("float32", (), {"__init__": lambda self, value: setattr(self, "value", value)})
float32.__float__ = lambda self: struct.unpack("f", struct.pack("f", self.value))[0]
NAType = type("NAType", (), {"__bool__": lambda _self: (_ for _ in ()).throw(TypeError("ambiguous"))})


def rules(*, sign_name="阿里云", template_param=None, **more):
    return ChinaRules(sign_name=sign_name, template_param=template_param, **more)


def rejection(values, *, flat=False, **defaults):
    with pytest.raises(RowRejected) as caught:
        rules(**defaults).prepare(values, flat=flat)
    return caught.value


def variables(values, *, flat=False, **defaults):
    return rules(**defaults).prepare(values, flat=flat).template_param


def test_a_bare_number_takes_every_default():
    made = rules(template_param={"code": 1}).prepare("+86 138 0000 1234")
    assert made == Recipient(number=NUMBER, sign_name="阿里云", template_param={"code": "1"})


def test_a_full_row_wins_over_the_defaults():
    made = rules(template_param={"code": "1", "name": "x"}).prepare(
        {
            "phone_number": NUMBER,
            "sign_name": " 通义 ",
            "template_param": {"code": "2"},
            "sms_up_extend_code": "0099",
        }
    )
    assert made == Recipient(
        number=NUMBER, sign_name="通义", template_param={"code": "2", "name": "x"}, sms_up_extend_code="0099"
    )


def test_a_flat_row_has_its_variables_in_columns():
    row = {"phone_number": NUMBER, "sign_name": "", "code": "1", "template_param": '{"code": "0", "a": "2"}'}
    assert rules().prepare(row, flat=True) == Recipient(
        number=NUMBER, sign_name="阿里云", template_param={"code": "1", "a": "2"}
    )


@pytest.mark.parametrize("value", [13800001234, 13800001234.0, Decimal("13800001234")])
def test_a_number_may_be_a_number(value):
    assert rules().prepare({"phone_number": value}).number == NUMBER


@pytest.mark.parametrize(
    "values", [{}, {"phone_number": None}, {"phone_number": "  "}, {"phone_number": float("nan")}, ""]
)
def test_no_number(values):
    assert rejection(values).code == LocalCode.MISSING_NUMBER


@pytest.mark.parametrize(
    "value",
    [
        "12345",
        "abc",
        "1380000123.0",
        True,
        -13800001234,
        13800001234.5,
        pytest.param(10**6000, id="huge"),
        float("inf"),
        [NUMBER],
        {"n": NUMBER},
        "+86 10 1234 5678",
        "861380000123",
    ],
)
def test_a_wrong_number_is_rejected_without_being_repeated(value):
    error = rejection({"phone_number": value})
    assert error.code == LocalCode.INVALID_NUMBER
    assert error.field == "phone_number"
    assert not any(c.isdigit() and c not in "13" for c in error.reason.replace("+1", ""))


@pytest.mark.parametrize(
    ("text", "number"), [("+852 5123 4567", "85251234567"), ("+1 202 555 0123", "12025550123")]
)
def test_international_numbers_are_allowed(text, number):
    assert rules().prepare(text).number == number


@pytest.mark.parametrize("text", ["+1 416 555 0123", "+13800001234", "0014165550123"])
def test_a_plus_one_number_that_reads_as_a_mainland_mobile_would_reach_a_stranger(text):
    error = rejection(text)
    assert error.code == LocalCode.INVALID_NUMBER
    assert "mainland" in error.reason


@given(st.text(alphabet="+0123456789- ", max_size=18))
def test_an_accepted_number_means_the_same_when_it_is_read_again(text):
    try:
        number = rules().prepare(text).number
    except RowRejected:
        return
    again = number if mainland_number(number) else f"+{number}"
    assert rules().prepare(again).number == number


@pytest.mark.parametrize("sign_name", [None, "", "  "])
def test_no_signature_anywhere(sign_name):
    error = rejection({"phone_number": NUMBER, "sign_name": sign_name}, sign_name=None)
    assert (error.code, error.field) == (LocalCode.MISSING_SIGNATURE, "sign_name")


@pytest.mark.parametrize("sign_name", [7, ["a"], "\ud800"])
def test_a_signature_that_is_no_text(sign_name):
    assert rejection({"phone_number": NUMBER, "sign_name": sign_name}).code == LocalCode.INVALID_SIGNATURE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0012", "0012"),
        (" a\n", "a"),
        ("\ufeff a\u200b ", "a"),
        ("a\nb", "a\nb"),
        (1e3, "1000"),
        (100.0, "100"),
        (b"Zo\xc3\xab", "Zoë"),
        (float32(12.1), "12.1"),
        (12, "12"),
        (12.5, "12.5"),
        (1e16, "10000000000000000"),
        (1e-7, "0.0000001"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (True, "true"),
        (False, "false"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02 03:04:05"),  # noqa: DTZ001 - as a data frame has them
        (datetime.time(3, 4), "03:04:00"),
    ],
)
def test_values_become_text(value, text):
    assert variables({"phone_number": NUMBER, "template_param": {"v": value}}) == {"v": text}
    assert variables(NUMBER, template_param={"v": value}) == {"v": text}


@pytest.mark.parametrize("empty", [None, "", " ", float("nan"), Decimal("NaN"), NAType()])
def test_an_empty_value_means_not_given(empty):
    row = {"phone_number": NUMBER, "code": empty}
    assert variables(row, flat=True, template_param={"code": "0"}) == {"code": "0"}
    error = rejection(row, flat=True)
    assert (error.code, error.field) == (LocalCode.EMPTY_VARIABLE, "code")


def test_an_empty_default_must_be_given_by_every_row():
    defaults = {"template_param": {"code": None, "name": "x"}}
    assert rejection(NUMBER, **defaults).code == LocalCode.EMPTY_VARIABLE
    given = {"phone_number": NUMBER, "template_param": {"code": "1"}}
    assert variables(given, **defaults) == {"code": "1", "name": "x"}


@pytest.mark.parametrize(
    "value", [{"a": 1}, [1], ("x",), b"\xff", SimpleNamespace(), float("inf"), Decimal("-Infinity"), "\udfff"]
)
def test_a_value_that_is_not_plain(value):
    error = rejection({"phone_number": NUMBER, "template_param": {"code": value}})
    assert (error.code, error.field) == (LocalCode.INVALID_VARIABLE, "code")


@pytest.mark.parametrize("name", ["", " ", 7, "\ud800"])
def test_a_variable_without_a_proper_name(name):
    assert (
        rejection({"phone_number": NUMBER, "template_param": {name: "x"}}).code == LocalCode.INVALID_VARIABLE
    )


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "7",
        '"x"',
        "{",
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        pytest.param("[" * 100_000, id="deep"),
        pytest.param("9" * 9000, id="long"),
    ],
)
def test_template_param_text_that_is_no_object(text):
    error = rejection({"phone_number": NUMBER, "template_param": text})
    assert (error.code, error.field) == (LocalCode.INVALID_VARIABLE, "template_param")
    assert text not in error.reason


def test_template_param_of_another_type():
    assert rejection({"phone_number": NUMBER, "template_param": ["a"]}).code == LocalCode.INVALID_VARIABLE


def test_thirty_five_characters_pass_and_thirty_six_do_not():
    assert variables({"phone_number": NUMBER, "template_param": {"v": "中" * 35}}) == {"v": "中" * 35}
    error = rejection({"phone_number": NUMBER, "template_param": {"v": "中" * 36}})
    assert (error.code, error.field) == (LocalCode.VARIABLE_TOO_LONG, "v")
    assert "中" not in error.reason
    assert variables({"phone_number": NUMBER, "template_param": {"v": "a" * 36}}, max_variable_length=36)


@pytest.mark.parametrize(
    "value", [pytest.param(10**5000, id="huge"), Decimal("1E+999999"), Decimal("1E-999999"), 1e300]
)
def test_a_number_nobody_could_read_is_too_long(value):
    assert (
        rejection({"phone_number": NUMBER, "template_param": {"v": value}}).code
        == LocalCode.VARIABLE_TOO_LONG
    )


@pytest.mark.parametrize("value", ["12a", "1" * 21, "１２", -1, 1.5])
def test_a_wrong_extension_code(value):
    error = rejection({"phone_number": NUMBER, "sms_up_extend_code": value})
    assert (error.code, error.field) == (LocalCode.INVALID_EXTEND_CODE, "sms_up_extend_code")


@pytest.mark.parametrize(("value", "text"), [(None, ""), ("", ""), (90999, "90999"), (" 0099 ", "0099")])
def test_an_extension_code(value, text):
    assert rules().prepare({"phone_number": NUMBER, "sms_up_extend_code": value}).sms_up_extend_code == text


def test_an_unknown_key_stops_everything_because_the_content_could_be_wrong():
    row = Row(number=7, values={"phone_number": NUMBER, "template_params": {"code": "4711"}}, flat=False)
    with pytest.raises(AudienceError, match="Row 7: The key 'template_params'") as caught:
        prepare_block(RowBlock([row]), rules=rules())
    assert (caught.value.row, caught.value.field) == (7, "template_params")
    assert "4711" not in str(caught.value)


def test_an_unknown_key_that_could_be_a_number_is_not_repeated():
    with pytest.raises(AudienceError) as caught:
        rules().prepare({"phone_number": NUMBER, "13900005678": "x"})
    assert "1390000" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"template_param": {"v": "secret" * 6}},
        {"template_param": {"v": ["secret"]}},
        {"template_param": ["secret"]},
        {"sign_name": 7},
        {"max_variable_length": 0},
    ],
)
def test_wrong_defaults_are_a_configuration_error(wrong):
    with pytest.raises(ConfigurationError) as caught:
        rules(**wrong)
    assert "secret" not in str(caught.value)


def test_a_mistyped_mainland_mobile_does_not_become_a_number_in_america():
    with pytest.raises(RowRejected) as caught:
        rules().prepare("12345678901")
    assert caught.value.code == LocalCode.INVALID_NUMBER
    assert rules().prepare("+12345678901").number == "12345678901"


JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)
)


@given(
    st.dictionaries(
        st.sampled_from(["phone_number", "sign_name", "template_param", "sms_up_extend_code", "code"])
        | st.text(),
        JUNK,
    )
)
def test_any_flat_row_becomes_a_recipient_or_a_rejection(values):
    with contextlib.suppress(RowRejected):
        made = rules().prepare(values, flat=True)
        assert made.sign_name
        assert all(isinstance(value, str) and 1 <= len(value) <= 35 for value in made.template_param.values())


LANDLINES = ["75526712345", "37165012345", "41182345678"]


@pytest.mark.parametrize("digits", [*LANDLINES, "1380000123", "85251234567", 85251234567])
def test_digits_that_are_no_mainland_mobile_go_abroad_only_if_the_task_says_so(digits):
    error = rejection({"phone_number": digits})
    assert error.code == LocalCode.INVALID_NUMBER
    assert rules().prepare({"phone_number": "+85251234567"}).number == "85251234567"
    assert rules(international=True).prepare({"phone_number": "85251234567"}).number == "85251234567"


def test_a_region_of_the_task_or_of_the_row_says_whose_digits_they_are():
    hong_kong = rules(phone_region="hk")
    assert hong_kong.prepare("51234567").number == "85251234567"
    assert hong_kong.prepare(NUMBER).number == NUMBER
    assert hong_kong.prepare("+6591234567").number == "6591234567"
    row = {"phone_number": "91234567", "phone_region": "SG"}
    assert hong_kong.prepare(row).number == "6591234567"
    assert rules().prepare(row | {"phone_number": "6591234567"}).number == "6591234567"
    for wrong in ("+85251234567", "1234", "abc"):
        with pytest.raises(RowRejected):
            rules().prepare(row | {"phone_number": wrong})
    assert rules().prepare({"phone_number": NUMBER, "phone_region": "CN"}).number == NUMBER
    with pytest.raises(RowRejected):
        rules().prepare({"phone_number": "+85251234567", "phone_region": "CN"})


def test_digits_that_are_two_peoples_numbers_are_refused():
    assert rules().prepare("13105550123").number == "13105550123"
    with pytest.raises(RowRejected, match="mobile in the mainland and a number in US"):
        rules(phone_region="US").prepare("13105550123")
    assert rules(phone_region="US").prepare("+8613105550123").number == "13105550123"


@pytest.mark.parametrize("region", ["Hong Kong", "XX", 7])
def test_a_region_that_is_none(region):
    with pytest.raises(ConfigurationError, match="phone_region"):
        rules(phone_region=region)
    assert rejection({"phone_number": NUMBER, "phone_region": region}).field == "phone_region"


def test_the_fast_way_gives_what_the_slow_way_gives_for_a_region():
    names, records = ["phone_number", "name"], [["51234567", "a"], [NUMBER, " b "], [NUMBER, "c"]]
    block = TableBlock(names=names, records=records, first=1, number_field="phone_number")
    for made in (rules(phone_region="HK"), rules()):
        prepared = prepare_block(block, rules=made)
        for position, number in enumerate(prepared.numbers):
            row = block.row(position)
            if number:
                recipient = made.prepare(row.values, flat=True)
                assert (number, prepared.contents[position]) == (recipient.number, recipient.content)
    assert prepared.numbers[0] == ""


def test_floats_are_judged_by_their_company():
    def numbers_of(*cells):
        rows = [Row(number=n, values={"phone_number": cell}, flat=False) for n, cell in enumerate(cells, 1)]
        return prepare_block(RowBlock(rows), rules=rules()).numbers

    assert numbers_of(13800001536.0) == [""]
    assert numbers_of("13800001536.0") == [""]
    assert numbers_of(Decimal("13800001536.0")) == [""]
    assert numbers_of(13800001536.0, 13800001234.0) == ["13800001536", "13800001234"]
    assert numbers_of("13800001536.0", "13800001234.0") == ["13800001536", "13800001234"]
    assert numbers_of(13800001536) == ["13800001536"]
    with pytest.raises(AudienceError, match="32-bit floats"):
        numbers_of(13800001536, 13800002560, None, 13800003584, 13800004608)


@pytest.mark.parametrize("text", ["a\x07b", "a\ufffdb", "a\ue000b", "a\x85b", "a\uffffb"])
def test_characters_that_make_no_sense_to_a_reader_are_refused(text):
    error = rejection({"phone_number": NUMBER, "template_param": {"v": text}})
    assert (error.code, error.field) == (LocalCode.INVALID_VARIABLE, "v")
    assert text not in error.reason


@pytest.mark.parametrize("sign_name", ["【阿里云】", "[阿里云]", "阿里\u200b云", "阿里\x07云"])
def test_a_signature_that_the_gateway_would_refuse(sign_name):
    assert rejection({"phone_number": NUMBER, "sign_name": sign_name}).code == LocalCode.INVALID_SIGNATURE
    with pytest.raises(ConfigurationError):
        rules(sign_name=sign_name)
