# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.phone_numbers import (
    international_number,
    is_bare_mainland,
    mainland_number,
    mask_number,
    region_of,
)

MAINLAND = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
SEPARATORS = st.text(alphabet=" -().\u00a0\u3000\u2013\u200b\t", max_size=2)


def full_width(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@st.composite
def spellings(draw):
    """A mainland number and one way of writing it."""
    number = draw(MAINLAND)
    written = draw(st.sampled_from(["", "+86", "0086", "86"]))
    for digit in number:
        written += draw(SEPARATORS) + digit
    # A dot before the last digit is what a float looks like and is refused on purpose.
    written = written[:-1].rstrip(".") + written[-1]
    return number, full_width(written) if draw(st.booleans()) else written


@pytest.mark.parametrize(
    "text",
    [
        "13800001234",
        "+8613800001234",
        "008613800001234",
        "8613800001234",
        "+86 138 0000 1234",
        "(+86) 138-0000-1234",
        "138.0000.1234",
        "  13800001234\n",
        "１３８００００１２３４",
        "＋８６　１３８－００００－１２３４",
        "\u202a13800001234\u202c",
        "\ufeff13800001234",
    ],
)
def test_every_usual_spelling_gives_the_eleven_digits(text):
    assert mainland_number(text) == "13800001234"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12800001234",
        "1380000123",
        "138000012345",
        "+13800001234",
        "+0086138000012340",
        "1380000123x",
        "1380000123²",
        "१३८००००१२३४",
        "13800001234,13900001234",
        "1380000123.0",
        "１３８００００１２３．０",
        "1.3800001234E10",
    ],
)
def test_what_is_no_mainland_mobile_is_none(text):
    assert mainland_number(text) is None


@given(spellings())
def test_spelling_does_not_matter_and_normalising_twice_changes_nothing(pair):
    number, written = pair
    assert mainland_number(written) == number
    assert mainland_number(mainland_number(written)) == number


@given(st.text())
def test_a_mainland_number_is_always_eleven_ascii_digits(text):
    number = mainland_number(text)
    assert number is None or (len(number) == 11 and number.isascii() and number.isdigit())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+852 5123 4567", "85251234567"),
        ("00852-51234567", "85251234567"),
        ("85251234567", "85251234567"),
        ("+44 (0)7911 123456", "447911123456"),
        ("+39 06 1234 5678", "390612345678"),
        ("+1 416 555 0123", "14165550123"),
        ("+86 138 0000 1234", "8613800001234"),
    ],
)
def test_international_numbers_lose_plus_and_trunk_zero(text, number):
    assert international_number(text) == number
    assert international_number(number) == number


@pytest.mark.parametrize(
    "text", ["", "+", "00", "+999123456789", "+85251", "+138000", "0852abc", "+1" * 20, "7" * 40]
)
def test_impossible_international_numbers_are_none(text):
    assert international_number(text) is None


def test_a_local_only_length_is_not_dialable_abroad():
    assert international_number("+1 380 0012") is None


@given(st.text(alphabet="+0123456789 -", max_size=20))
def test_international_normalisation_is_idempotent(text):
    number = international_number(text)
    assert number is None or international_number(number) == number


@pytest.mark.parametrize(
    ("number", "region"),
    [
        ("13800001234", "CN"),
        ("+8613800001234", "CN"),
        ("+861012345678", "CN"),
        ("+85251234567", "HK"),
        ("+886912345678", "TW"),
        ("+12025550123", "US"),
        ("+14165550123", "CA"),
        ("+10000000000", "US"),
        ("+447400123456", "GB"),
        ("rubbish", "ZZ"),
    ],
)
def test_region(number, region):
    assert region_of(number) == region


def test_bare_mainland_is_only_the_form_without_prefix():
    assert is_bare_mainland("138-0000-1234")
    assert not is_bare_mainland("+8613800001234")
    assert not is_bare_mainland("+13800001234")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("13800001234", "138****1234"),
        ("+86 138 0000 1234", "138****1234"),
        ("85251234567", "852****4567"),
        ("+447911123456", "447****3456"),
        ("61234567", "61****67"),
        ("1234567", "***"),
        ("call me", "***"),
        ("6222021234567890123", "***"),
        ("", "***"),
        (None, "***"),
        (13800001234, "***"),
        ("138****1234", "***"),
    ],
)
def test_mask(text, masked):
    assert mask_number(text) == masked


@given(st.text() | st.from_regex(r"\+?[0-9 ]{5,20}", fullmatch=True))
def test_a_mask_hides_at_least_four_digits_or_everything(text):
    shown = mask_number(text)
    if shown != "***":
        kept = shown.replace("*", "")
        assert "****" in shown
        assert len(kept) <= 7
        assert len(kept) + 4 <= sum(c.isdigit() for c in text)


def test_importing_the_floor_does_not_import_phonenumbers():
    modules = ("rules.china", "rules.globe", "sources.read", "spool.spool", "phone_numbers")
    code = "import sys; " + "; ".join(
        f"import airflow_provider_aliyunsms.audience.{name}" for name in modules
    )
    code += "; sys.exit(any(m.split('.')[0] in ('phonenumbers', 'airflow', 'requests') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_fifty_thousand_numbers_take_well_under_half_a_second():
    started = time.process_time()
    for _ in range(50_000):
        mainland_number("+86 138 0000 1234")
    assert time.process_time() - started < 0.5


def test_no_number_is_longer_than_one_that_can_be_dialled_from_abroad():
    assert international_number("+81 20610034523434") is None
    assert international_number("+81 9012345678") == "819012345678"
