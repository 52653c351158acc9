# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
import time

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.phone_numbers import (
    as_single,
    international_number,
    is_bare_mainland,
    like_single,
    lost_digits,
    mainland_number,
    mask_number,
    number_problem,
    region_of,
    single_text,
)

MAINLAND = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
SEPARATORS = st.text(alphabet=" -()_\u00a0\u3000\u2013\u200b\t\u2068\u00ad\ufe0f", max_size=2)
BEFORE = st.sampled_from(["", " ", "(", "\u200b", "'", "\t\u2019", "`"])


def full_width(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@st.composite
def spellings(draw):
    """A mainland number and one way of writing it."""
    number = draw(MAINLAND)
    # A minus sign in front is what a formula leaves, and is refused on purpose.
    written = draw(BEFORE) + draw(st.sampled_from(["", "+86", "0086", "86"])) + number[0]
    for digit in number[1:]:
        written += draw(SEPARATORS) + digit
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
        "\u2068138\u00ad0000\ufe0f1234\u2069",
        "138\u3164\u180e\u20600000\u2028\u205f1234\U000e0101",
        "13800001234.0",
        "13800001234.00",
        "13800001234,0",
        "１３８００００１２３４．０",
        "'13800001234",
        "\u201813800001234",
        "`13800001234",
        '="13800001234"',
        '"13800001234"',
        "138_0000_1234",
        "13800001234,",
        "（138）0000—1234；",
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
        "1.38E+10",
        "13800001234.5",
        "13800001234.01",
        "138 0000 1234.00",
        "13800001536.0",
        "-13800001234",
        "\u221213800001234",
        "''13800001234",
        "=13800001234+0",
        "13800001234 13900001234",
        "13800001234/13900001234",
        "13800001234\n13900001234",
        "13800001234;13900001234",
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
    ("text", "number"),
    [
        ("6591234567.00", "6591234567"),
        ("+6591234567.0", "6591234567"),
        ("00447911000000.0", "447911000000"),
        ("+65 9123.4567", "6591234567"),
        ("6591234567.50", None),
        ("+659123456.7", None),
        ("6591234560.0", None),
    ],
)
def test_a_decimal_part_of_zeros_is_dropped_and_any_other_is_refused(text, number):
    assert international_number(text) == number


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1.38E+10", "scientific"),
        ("-13800001234", "formula"),
        ("13800001234.5", "decimal"),
        ("13800001536.0", "32-bit"),
        ("13800001234 13900001234", "several"),
        ("13800001234、13900001234", "several"),
        ("13800001234", None),
        ("abc", None),
    ],
)
def test_the_usual_faults_of_a_number_are_said_in_words(text, says):
    problem = number_problem(text)
    assert problem is None if says is None else says in problem


@given(st.integers(10**10, 2 * 10**10))
def test_what_a_32_bit_float_made_of_a_number_is_told_from_the_number(number):
    single = as_single(number)
    assert lost_digits(single)
    assert like_single(single)
    assert like_single(float(single_text(single)))


def test_of_the_real_numbers_hardly_any_looks_like_one():
    numbers = range(13_800_000_000, 13_801_000_000, 7)
    assert sum(map(lost_digits, numbers)) < len(numbers) / 900
    assert sum(map(like_single, numbers)) < len(numbers) / 400
    assert not lost_digits(13800138000)
    assert not any(map(like_single, range(8_000_000, 16_000_000, 999)))


@pytest.mark.parametrize(("value", "text"), [(12.1, "12.1"), (0.3, "0.3"), (1e10, "1e+10"), (100.0, "100")])
def test_a_32_bit_float_is_written_in_its_shortest_form(value, text):
    assert single_text(as_single(value)) == text


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


def seconds_of(work):
    """Give the shortest of a few runs: what another process takes in between does not count."""
    taken = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(2_000):
            work("+86 138 0000 1234")
        taken.append(time.process_time() - started)
    return min(taken)


def test_a_mainland_number_takes_well_under_half_the_time_of_parsing_one():
    def parsed(text):
        return phonenumbers.is_valid_number(phonenumbers.parse(text, None))

    assert seconds_of(mainland_number) < 0.5 * seconds_of(parsed)


def test_no_number_is_longer_than_one_that_can_be_dialled_from_abroad():
    assert international_number("+81 20610034523434") is None
    assert international_number("+81 9012345678") == "819012345678"
