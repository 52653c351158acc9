# SPDX-License-Identifier: Apache-2.0
"""Values and numbers of a cell as text, whatever type the source gave them."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.rows import CellError
from airflow_provider_aliyunsms.audience.rules.base import RowRejected
from airflow_provider_aliyunsms.audience.rules.values import (
    as_text,
    broken_characters,
    check_region,
    given_variables,
    is_clean,
    number_text,
    region_given,
    trimmed,
    variable_text,
)
from airflow_provider_aliyunsms.exceptions import AudienceError, ConfigurationError


class Single(float):
    """A 32-bit float as NumPy has them: the type is known by its name."""


Single.__name__ = "float32"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" a\t", "a"),
        ("\ufeffa\u200b ", "a"),
        (True, "true"),
        (0, "0"),
        (100.0, "100"),
        (1e3, "1000"),
        (12.5, "12.5"),
        (Single(12.100000381469727), "12.1"),
        (Decimal("1E+3"), "1000"),
        (Decimal("2.50"), "2.50"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime.fromisoformat("2026-01-02T03:04"), "2026-01-02 03:04:00"),
        (datetime.time(3, 4), "03:04:00"),
        ("签名".encode(), "签名"),
        (memoryview(b"a"), "a"),
    ],
)
def test_a_value_becomes_text(value, text):
    assert variable_text("name", value) == text


@pytest.mark.parametrize("value", [None, "", " \t", "\ufeff", float("nan"), b""])
def test_a_value_that_is_not_given_is_none(value):
    assert variable_text("name", value) is None


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        ([1], "local.INVALID_VARIABLE", "not a plain value"),
        (b"\xff", "local.INVALID_VARIABLE", "not a plain value"),
        (float("inf"), "local.INVALID_VARIABLE", "not a finite number"),
        (CellError("#REF!"), "local.INVALID_VARIABLE", "the error #REF! of a formula"),
        ("a\x00", "local.INVALID_VARIABLE", "a control character"),
        ("a\ufffd", "local.INVALID_VARIABLE", "decoded wrongly"),
        ("\ud800", "local.INVALID_VARIABLE", "half a character"),
        ("\ue000", "local.INVALID_VARIABLE", "a private character"),
        (10**2000, "local.VARIABLE_TOO_LONG", "more than 2000 digits"),
        (Decimal("1E+3000"), "local.VARIABLE_TOO_LONG", "more than 2000 digits"),
        (Decimal("1E-3000"), "local.VARIABLE_TOO_LONG", "more than 2000 digits"),
    ],
)
def test_a_value_that_cannot_be_sent_is_rejected_without_being_shown(value, code, says):
    with pytest.raises(RowRejected, match=says) as caught:
        variable_text("name", value)
    assert (caught.value.code, caught.value.field) == (code, "name")
    assert len(caught.value.reason) < 200


@pytest.mark.parametrize("digits", [1800, 1900, 2000])
def test_a_number_with_no_more_digits_than_the_error_says_is_written(digits):
    number = 10 ** (digits - 1)
    assert variable_text("name", number) == variable_text("name", -number).removeprefix("-") == str(number)


@pytest.mark.parametrize("name", ["", "  ", 3, None, "\x00"])
def test_a_variable_needs_a_name(name):
    with pytest.raises(RowRejected, match="no proper name"):
        variable_text(name, "value")


@given(st.text())
def test_text_is_either_clean_or_its_fault_is_named_or_it_is_only_unusual(text):
    problem = broken_characters(text)
    assert not (is_clean(text) and problem)
    assert trimmed(trimmed(text)) == trimmed(text)


def test_bytes_that_are_no_utf_8_stay_as_they_are():
    assert as_text(b"\xff") == b"\xff"
    assert as_text(b"a") == "a"


def test_the_rows_own_columns_come_after_its_object_so_that_they_win():
    row = {"phone_number": "x", "template_param": '{"a": "1", "b": "2"}', "b": "3"}
    found = given_variables(row, known={"phone_number", "template_param"}, flat=True)
    assert [*found] == [("a", "1"), ("b", "2"), ("b", "3")]


def test_an_unknown_key_of_a_row_that_is_not_flat_stops_everything():
    with pytest.raises(AudienceError, match="'nmae' means nothing"):
        list(given_variables({"nmae": "x"}, known={"phone_number"}, flat=False))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("13800001234", "13800001234"),
        (" 138 0000 1234 ", " 138 0000 1234 "),
        (13800001234, "13800001234"),
        (13800001234.0, "13800001234"),
        (Decimal("13800001234"), "13800001234"),
        (b"13800001234", "13800001234"),
    ],
)
def test_a_number_is_taken_as_it_was_written(value, text):
    assert number_text({"phone_number": value}, "phone_number") == text


@pytest.mark.parametrize("value", [None, "", "  ", float("nan")])
def test_a_row_without_a_number(value):
    with pytest.raises(RowRejected) as caught:
        number_text({"to": value, "phone_number": None}, "to", "phone_number")
    assert (caught.value.code, caught.value.field) == ("local.MISSING_NUMBER", "to")


@pytest.mark.parametrize(
    "value",
    [True, 0, -13800001234, 10**17, 13800001234.5, [13800001234], 13800001536.0, Single(13800001536.0)],
)
def test_what_is_no_whole_number_or_may_have_lost_digits_is_rejected(value):
    with pytest.raises(RowRejected) as caught:
        number_text({"phone_number": value}, "phone_number")
    assert caught.value.code == "local.INVALID_NUMBER"
    assert "1380000" not in caught.value.reason


def test_the_region_of_a_row_wins_over_the_default():
    assert region_given({"phone_region": " sg "}, "HK") == "SG"
    assert region_given({"phone_region": b"SG"}, None) == "SG"
    assert region_given({"phone_region": ""}, "HK") == "HK"
    with pytest.raises(RowRejected, match="two-letter region"):
        region_given({"phone_region": "Singapore"}, None)


@pytest.mark.parametrize(("given_region", "region"), [(None, None), ("", None), (" hk", "HK")])
def test_the_region_of_a_task(given_region, region):
    assert check_region(given_region) == region


@pytest.mark.parametrize("wrong", ["XX", "Hong Kong", 65])
def test_a_region_that_is_none_is_a_configuration_error(wrong):
    with pytest.raises(ConfigurationError, match="region code"):
        check_region(wrong)
