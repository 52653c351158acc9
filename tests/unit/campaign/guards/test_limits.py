# SPDX-License-Identifier: Apache-2.0
"""A campaign that is larger, dearer or other than it should be makes no call."""

from __future__ import annotations

import copy
from decimal import ROUND_CEILING, Decimal

import pytest
from guard_facts import EarlierRun, guard_facts, mainland, settle
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.report.parts import china_parts, globe_parts
from airflow_provider_aliyunsms.audience.rules import ChinaRules
from airflow_provider_aliyunsms.campaign.guards import (
    Decision,
    ExpectedCount,
    LikeLastRun,
    MaxCost,
    MaxMessages,
    MaxParts,
    OutcomeGuard,
)
from airflow_provider_aliyunsms.campaign.guards.daily import Claimed, DailyTotal
from airflow_provider_aliyunsms.campaign.guards.limits.prices import Money, PriceList
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import ConfigurationError, LedgerError
from airflow_provider_aliyunsms.products import GLOBE

SINGAPORE, SECOND_SINGAPORE, GERMANY, NEW_YORK, TORONTO = (
    "+6581234567",
    "+6581234568",
    "+4915112345678",
    "+12125550123",
    "+14165550123",
)


class DayInMemory(DailyTotal):
    """A total of one day, kept as the shared one keeps it: one claim for each campaign and unit."""

    def __init__(self):
        super().__init__("/nowhere")
        object.__setattr__(self, "claims", {})

    def claim(self, facts, *, unit, amount, most):
        others = sum(n for (name, of), n in self.claims.items() if of == unit and name != facts.campaign_id)
        ok = others + amount <= most
        if ok and not facts.dry_run:
            self.claims[facts.campaign_id, unit] = amount
        return Claimed(ok, others)

    def settle(self, facts, *, unit, amount):
        self.claims[facts.campaign_id, unit] = amount


class LostDay(DailyTotal):
    def __init__(self):
        super().__init__("/nowhere")

    def claim(self, facts, *, unit, amount, most):
        raise LedgerError("the store of the total cannot be read")


# The examples of the vendor's pages on length and billing, and those at each bound.
CHINA = [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (160, 3), (201, 3), (202, 4), (500, 8)]
ELSEWHERE = [
    ("", 1),
    ("x" * 160, 1),
    ("x" * 161, 2),
    ("x" * 306, 2),
    ("x" * 307, 3),
    ("x" * 350, 3),
    ("x" * 459, 3),
    ("x" * 460, 4),
    ("张" * 70, 1),
    ("张" * 71, 2),
    ("张" * 134, 2),
    ("张" * 135, 3),
    ("张" * 150, 3),
    # Two places each, and 160 of them at most in one part.
    *[(sign * 80, 1) for sign in "|^€{}[]~\\"],
    *[(sign * 81, 2) for sign in "|^€{}[]~\\"],
    ("€" + "x" * 158, 1),
    ("€" + "x" * 159, 2),
    # One character beside the alphabet makes all of them wide; the euro sign takes one place there.
    ("x" * 70 + "ç", 2),
    ("x" * 69 + "ç", 1),
    ("€" * 69 + "张", 1),
    ("`" * 70, 1),
    ("`" * 71, 2),
    # An escape sequence is not divided: it goes into the next part, and leaves a place free.
    ("x" * 152 + "€" + "x" * 151, 2),
    ("x" * 152 + "€" + "x" * 152, 3),
    ("x" * 151 + "€" + "x" * 153, 2),
    ("€" * 76, 1),
    ("€" * 152, 2),
    ("€" * 153, 3),
    # Neither is the pair of an emoji: 33 of them in a part of 67.
    ("😀" * 35, 1),
    ("😀" * 36, 2),
    ("😀" * 66, 2),
    ("😀" * 67, 3),
    ("张" * 66 + "😀" + "张" * 65, 2),
    ("张" * 66 + "😀" + "张" * 66, 3),
    ("张" * 68 + "😀", 1),
    ("张" * 69 + "😀", 2),
]


@pytest.mark.parametrize(("length", "parts"), CHINA)
def test_parts_in_china_are_those_of_the_published_table(length, parts):
    assert china_parts(length) == parts


@pytest.mark.parametrize(("text", "parts"), ELSEWHERE)
def test_parts_elsewhere_are_those_of_the_published_table(text, parts):
    assert globe_parts(text) == parts


GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = "\f^{}\\[~]|€"


def test_the_alphabet_has_as_many_characters_as_the_standard():
    # 3GPP TS 23.038: 128 places, one of which is the escape.
    assert len(set(GSM)) == len(GSM) == 127
    for character in GSM:
        assert globe_parts(character * 160) == 1
    for character in ESCAPED:
        assert (globe_parts(character * 80), globe_parts(character * 81)) == (1, 2)


def packed(characters, single, part):
    """Fill parts one after the other; written apart from the code under test."""
    if sum(characters) <= single:
        return 1
    parts = [0]
    for places in characters:
        if parts[-1] + places > part:
            parts.append(0)
        parts[-1] += places
    return len(parts)


@given(st.text(st.sampled_from("ab\n@€[~"), max_size=700))
def test_parts_of_gsm_texts_are_those_of_filled_parts(text):
    assert globe_parts(text) == packed([2 if one in ESCAPED else 1 for one in text], 160, 153)


@given(st.text(st.sampled_from("aç张😀𠀀€"), max_size=300).filter(lambda text: {*text} & {*"ç张😀𠀀"}))
def test_parts_of_wide_texts_are_those_of_filled_parts(text):
    assert globe_parts(text) == packed([len(one.encode("utf-16-le")) // 2 for one in text], 70, 67)


def test_a_campaign_with_too_many_messages_stops():
    with guard_facts(mainland(10)) as facts:
        assert MaxMessages(10).before_sending(facts).decision is Decision.GO
        verdict = MaxMessages(9).before_sending(facts)
        assert (verdict.decision, verdict.figures) == (Decision.FAIL, {"messages": 10, "most": 9})
        assert verdict.reason == "10 messages, more than 9"


def test_what_earlier_tries_sent_or_may_have_sent_counts_and_what_was_refused_does_not():
    with guard_facts(mainland(10)) as facts:
        settle(facts, 3)
        settle(facts, 2, "unknown")
        settle(facts, 1, "rejected")
        assert MaxMessages(9).before_sending(facts).figures["messages"] == 9


def test_those_who_are_held_back_until_later_count_and_those_who_are_left_out_do_not():
    with guard_facts(mainland(10), template="x" * 60 + "${code}" * 10) as facts:
        (rows,) = facts.pending()
        facts.hold(rows.places[:3], until=facts.now, code=LocalCode.QUIET_HOURS.value)
        facts.leave_out(rows.places[3:5], code=LocalCode.NO_COMMON_HOURS.value)
        assert MaxMessages(8).before_sending(facts).figures["messages"] == 8
        # 60 and 10 characters, and five of the signature with its brackets.
        assert MaxParts(16).before_sending(facts).figures == {
            "parts": 16,
            "most": 16,
            "messages": 8,
            "longest": 2,
        }


def rows_of_lengths(lengths):
    return [
        {"phone_number": number, "template_param": {"code": "x" * length}}
        for number, length in zip(mainland(len(lengths)), lengths, strict=True)
    ]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=12), st.integers(0, 12))
def test_parts_are_counted_with_the_values_of_each_row_sent_or_not(lengths, sent):
    rules = ChinaRules(sign_name="阿里云", template_param=None, max_variable_length=500)
    expected = sum(china_parts(2 * length + len("code: ") + len("【阿里云】")) for length in lengths)
    with guard_facts(rows_of_lengths(lengths), rules=rules, template="code: ${code}${ code }") as facts:
        settle(facts, min(sent, len(lengths)))
        verdict = MaxParts(expected).before_sending(facts)
        assert (verdict.decision, verdict.figures["parts"]) == (Decision.GO, expected)
        if expected > 1:
            assert MaxParts(expected - 1).before_sending(facts).decision is Decision.FAIL


def test_parts_are_counted_anew_when_an_outcome_has_changed():
    with guard_facts(mainland(10), template="x") as facts:
        assert facts.parts() is facts.parts()
        (rows,) = facts.pending()
        facts.leave_out(rows.places[:4], code=LocalCode.NO_COMMON_HOURS.value)
        assert facts.parts().parts == facts.parts(of="all").parts == 6
        settle(facts, 2)
        assert [facts.parts(of=share).parts for share in ("pending", "already", "all")] == [4, 2, 6]


@pytest.mark.parametrize("text", [None, ""])
@pytest.mark.parametrize("guard", [MaxParts(1000), MaxCost("1000 CNY", price="0.045 CNY")])
def test_without_the_text_of_the_template_nobody_can_count_and_nothing_is_sent(guard, text):
    with guard_facts(mainland(1), template=text) as facts:
        verdict = guard.before_sending(facts)
        assert verdict.decision is Decision.FAIL
        assert verdict.advice


@pytest.mark.parametrize("guard", [MaxParts(1000), MaxCost("1000 CNY", price={"*": "0.045 CNY"})])
def test_where_a_variable_of_the_template_has_no_value_nobody_can_count(guard):
    with guard_facts(mainland(2), template="${code} ${name}") as facts:
        verdict = guard.before_sending(facts)
        assert (verdict.decision, verdict.figures) == (Decision.FAIL, {"missing": 1})


def globe(items, **more):
    return guard_facts(items, product=GLOBE, **more)


def test_parts_elsewhere_are_counted_from_the_finished_texts():
    items = [{"to": SINGAPORE, "message": "x" * 161}, {"to": GERMANY, "message": "张"}]
    with globe(items) as facts:
        assert MaxParts(3).before_sending(facts).figures["parts"] == 3
        assert MaxParts(2).before_sending(facts).decision is Decision.FAIL


def test_the_cost_is_exact_and_shown_rounded_up():
    with guard_facts(mainland(7), template="x") as facts:
        # 7 x 0.0453 = 0.3171
        assert MaxCost("0.3171 CNY", price="0.0453 CNY").before_sending(facts).decision is Decision.GO
        verdict = MaxCost("0.317 CNY", price="0.0453 CNY").before_sending(facts)
        assert verdict.decision is Decision.FAIL
        assert verdict.figures == {"cost": "0.32 CNY", "most": "0.317 CNY", "parts": 7, "currency": "CNY"}
        assert verdict.reason == "7 parts cost 0.32 CNY, more than 0.317 CNY"


def test_each_region_has_its_own_price_a_region_before_its_code_and_the_rest():
    prices = {"SG": "0.3 CNY", "49": "0.6 CNY", "CA": "0.05 CNY", "1": "0.07 CNY", "*": "1 CNY"}
    with globe([SINGAPORE, SECOND_SINGAPORE, GERMANY, NEW_YORK, TORONTO, "+85251234567"]) as facts:
        verdict = MaxCost("2.32 CNY", price=prices).before_sending(facts)
        assert (verdict.decision, verdict.figures["cost"]) == (Decision.GO, "2.32 CNY")
        assert MaxCost("2.31 CNY", price=prices).before_sending(facts).decision is Decision.FAIL


@pytest.mark.parametrize(
    ("prices", "named"),
    [
        ({"SG": "0.3 CNY"}, "+1, DE"),
        ({"SG": "0.3 CNY", "+49": "0.6 CNY", "CA": "0.05 CNY"}, "US"),
        ({"65": "0.3 CNY", "1": "0.1 CNY"}, "DE"),
    ],
)
def test_a_region_without_a_price_is_named_and_nothing_is_sent(prices, named):
    with globe([SINGAPORE, GERMANY, NEW_YORK]) as facts:
        verdict = MaxCost("100 CNY", price=prices).before_sending(facts)
        assert verdict.decision is Decision.FAIL
        assert verdict.reason == f"there is no price for {named}"


@pytest.mark.parametrize("key", ["UK", "ZZ", "210", "+999"])
def test_a_price_under_no_region_is_named_before_another_is_taken_for_it(key):
    with globe([SINGAPORE]) as facts:
        verdict = MaxCost("100 CNY", price={key: "9 CNY", "*": "0.1 CNY"}).before_sending(facts)
        assert verdict.decision is Decision.FAIL
        assert key.removeprefix("+") in verdict.reason


def test_a_region_to_which_nothing_goes_needs_no_price():
    with globe([SINGAPORE, GERMANY]) as facts:
        (rows,) = facts.pending()
        facts.leave_out(rows.places[1:], code=LocalCode.NO_COMMON_HOURS.value)
        assert MaxCost("1 CNY", price={"SG": "1 CNY"}).before_sending(facts).decision is Decision.GO


def test_mainland_mobiles_have_the_price_of_china_and_not_of_north_america():
    with guard_facts([*mainland(2), GERMANY], template="x") as facts:
        prices = {"CN": "0.05 CNY", "DE": "0.6 CNY"}
        assert MaxCost("1 CNY", price=prices).before_sending(facts).figures["cost"] == "0.70 CNY"


def test_a_price_list_that_the_dag_changes_later_does_not_change_the_guard():
    prices = {"*": "0.1 CNY"}
    guard = MaxCost("1 CNY", price=prices)
    prices["*"] = "0 CNY"
    assert guard.price == {"*": "0.1 CNY"}


@given(
    st.decimals("0", "9999", places=4),
    st.integers(0, 10**7),
    st.sampled_from(["CNY", "USD"]),
)
def test_money_is_rounded_up_and_never_down(price, parts, currency):
    exact = price * parts
    shown = Money(exact, currency).rounded_up()
    assert shown.amount >= exact
    assert shown.amount - exact < Decimal("0.01")
    text, _, unit = str(shown).partition(" ")
    assert (Decimal(text), unit) == (exact.quantize(Decimal("0.01"), rounding=ROUND_CEILING), currency)


@pytest.mark.parametrize(
    "text",
    [
        "1200",
        "CNY 1200",
        "1,200 CNY",
        "-1 CNY",
        "1e3 CNY",
        "NaN CNY",
        "1200 cny",
        "１ CNY",
        "1200  CNY",
        1200,
    ],
)
def test_an_amount_that_cannot_be_read_is_found_when_the_guard_is_made(text):
    with pytest.raises(ConfigurationError, match="no amount of money"):
        MaxCost(text, price="0.045 CNY")
    with pytest.raises(ConfigurationError, match="no amount of money"):
        MaxCost("1200 CNY", price={"*": text})


@pytest.mark.parametrize(
    ("price", "named"),
    [
        ("0.01 USD", "USD"),
        ({"SG": "0.01 USD"}, "USD"),
        ({"Singapore": "1 CNY"}, "Singapore"),
        ({}, "price"),
        ({"65": "1 CNY", "+65": "2 CNY"}, "twice"),
        (1, "price"),
    ],
)
def test_a_price_that_fits_nothing_is_found_when_the_guard_is_made(price, named):
    with pytest.raises(ConfigurationError, match=named):
        MaxCost("1200 CNY", price=price)


def test_the_group_of_a_number_is_the_key_of_its_price():
    prices = PriceList({"GB": "1 CNY", "44": "2 CNY"}, currency="CNY")
    assert prices.group("447400123456", china=False) == "GB"
    assert prices.group("447781123456", china=False) == "44"  # Guernsey
    assert prices.group("8821612345678", china=False) == "+882"


def campaign_of(count, *, name, **more):
    with guard_facts(mainland(count), template="x", **more) as facts:
        facts.campaign_id = name
        yield facts


GUARDS_OF_A_DAY = [
    (lambda day: MaxMessages(10, daily=day), "messages", 1),
    (lambda day: MaxParts(10, daily=day), "parts", 1),
    (lambda day: MaxCost("0.5 CNY", price="0.05 CNY", daily=day), "cost_cny_e4", 500),
]


@pytest.mark.parametrize(("guard_of", "unit", "each"), GUARDS_OF_A_DAY)
def test_campaigns_of_a_day_share_one_limit(guard_of, unit, each):
    day = DayInMemory()
    guard = guard_of(day)
    for facts in campaign_of(6, name="first"):
        assert guard.before_sending(facts).decision is Decision.GO
        assert day.claims == {("first", unit): 6 * each}
        # Two were refused and one was not reached: their share is free again.
        settle(facts, 2)
        settle(facts, 1, "unknown")
        settle(facts, 2, "rejected")
        guard.after_sending(facts)
        assert day.claims == {("first", unit): 3 * each}
    for facts in campaign_of(8, name="second"):
        verdict = guard.before_sending(facts)
        assert verdict.decision is Decision.FAIL
        assert "others" in verdict.figures
        assert ("second", unit) not in day.claims
    for facts in campaign_of(7, name="third"):
        assert guard.before_sending(facts).decision is Decision.GO


@pytest.mark.parametrize(("guard_of", "unit", "each"), GUARDS_OF_A_DAY)
def test_a_later_try_does_not_count_its_campaign_twice(guard_of, unit, each):
    day = DayInMemory()
    guard = guard_of(day)
    for facts in campaign_of(10, name="first"):
        assert guard.before_sending(facts).decision is Decision.GO
        settle(facts, 4)
        guard.after_sending(facts)
        assert guard.before_sending(facts).decision is Decision.GO
        assert day.claims == {("first", unit): 10 * each}


@pytest.mark.parametrize(("guard_of", "unit", "each"), GUARDS_OF_A_DAY)
def test_a_rehearsal_claims_nothing_of_the_day(guard_of, unit, each):
    day = DayInMemory()
    guard = guard_of(day)
    for facts in campaign_of(5, name="first", dry_run=True):
        assert guard.before_sending(facts).decision is Decision.GO
        guard.after_sending(facts)
    assert day.claims == {}


@pytest.mark.parametrize(("guard_of", "unit", "each"), GUARDS_OF_A_DAY)
def test_a_campaign_that_is_too_large_alone_does_not_ask_the_store(guard_of, unit, each):
    with guard_facts(mainland(11), template="x") as facts:
        assert guard_of(LostDay()).before_sending(facts).decision is Decision.FAIL


@pytest.mark.parametrize(("guard_of", "unit", "each"), GUARDS_OF_A_DAY)
def test_a_store_that_is_lost_does_not_let_a_campaign_pass(guard_of, unit, each):
    with guard_facts(mainland(1), template="x") as facts, pytest.raises(LedgerError):
        guard_of(LostDay()).before_sending(facts)


@pytest.mark.parametrize(
    ("count", "expected", "tolerance", "decision"),
    [
        (10, 10, 0, Decision.GO),
        (9, 10, 0, Decision.FAIL),
        (12, 10, 0.2, Decision.GO),
        (13, 10, 0.2, Decision.FAIL),
        (8, 10, 0.2, Decision.GO),
        (7, 10, 0.2, Decision.FAIL),
        (1, 10, 1.5, Decision.GO),
        (11, 10, 0.1, Decision.GO),
    ],
)
def test_an_audience_of_an_unexpected_size_stops(count, expected, tolerance, decision):
    with guard_facts(mainland(count)) as facts:
        verdict = ExpectedCount(expected, tolerance=tolerance).before_sending(facts)
        assert verdict.decision is decision
        assert str(count) in verdict.reason
        assert str(expected) in verdict.reason


def test_a_retry_is_judged_by_the_whole_audience_and_rubbish_is_not_expected():
    with guard_facts([*mainland(10), "rubbish", *mainland(3)]) as facts:
        settle(facts, 6)
        assert ExpectedCount(10, tolerance=0).before_sending(facts).decision is Decision.GO


@given(
    st.integers(1, 10**7), st.sampled_from(["0", "0.05", "0.1", "0.2", "0.3", "0.7", "1", "2.5"]), st.data()
)
def test_the_bounds_are_those_of_exact_arithmetic(usual, tolerance, data):
    from airflow_provider_aliyunsms.campaign.guards.limits.limits import _compared

    margin = Decimal(tolerance) * usual
    count = data.draw(
        st.integers(0, 4 * usual)
        | st.integers(-2, 2).map(lambda more: max(0, int(usual + margin) + more))
        | st.integers(-2, 2).map(lambda more: max(0, int(usual - margin) + more))
    )
    verdict = _compared(count, usual=usual, tolerance=float(tolerance), what="rows", usually="of")
    assert (verdict.decision is Decision.GO) is (abs(count - usual) <= margin)


def like(count, summary, **parameters):
    with guard_facts([*mainland(count), "rubbish"], surroundings=EarlierRun(summary)) as facts:
        return LikeLastRun(**parameters).before_sending(facts)


def test_an_audience_ten_times_as_large_as_the_last_one_stops():
    # The rejected row counts in both.
    assert like(9, {"total": 10, "accepted": 1}, tolerance=0).decision is Decision.GO
    assert like(9, {"total": 20}).decision is Decision.GO
    for total in (1, 6, 21):
        verdict = like(9, {"total": total})
        assert (verdict.decision, verdict.may_change) == (Decision.FAIL, False)
        assert verdict.figures["usual"] == total


@pytest.mark.parametrize("nothing", [None, {}, {"total": 0}])
def test_a_first_run_has_a_limit_of_its_own(nothing):
    assert like(9, nothing, first_most=10).decision is Decision.GO
    assert like(10, nothing, first_most=10).decision is Decision.FAIL
    verdict = like(1, nothing)
    assert verdict.decision is Decision.FAIL
    assert "first_most" in verdict.advice


@pytest.mark.parametrize("total", ["10", 10.0, True, -1])
def test_a_summary_that_makes_no_sense_is_no_permission(total):
    assert like(9, {"total": total}, first_most=1000).decision is Decision.FAIL


def test_where_the_last_run_cannot_be_read_a_retry_asks_again():
    verdict = like(9, ConfigurationError("the database is away"), first_most=1000)
    assert (verdict.decision, verdict.may_change) == (Decision.FAIL, True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MaxMessages(0),
        lambda: MaxMessages(True),
        lambda: MaxMessages("10"),
        lambda: MaxParts(-1),
        lambda: MaxParts(1.5),
        lambda: ExpectedCount(0),
        lambda: ExpectedCount(10, tolerance=-0.1),
        lambda: ExpectedCount(10, tolerance=float("nan")),
        lambda: ExpectedCount(10, tolerance=float("inf")),
        lambda: LikeLastRun(tolerance="0.5"),
        lambda: LikeLastRun(first_most=0),
    ],
)
def test_a_limit_that_makes_no_sense_is_found_when_the_guard_is_made(make):
    with pytest.raises(ConfigurationError):
        make()


@pytest.mark.parametrize(
    "guard",
    [
        MaxMessages(1),
        MaxParts(1),
        MaxCost("1 CNY", price={"*": "1 CNY"}),
        ExpectedCount(1),
        LikeLastRun(),
    ],
)
def test_guards_of_size_are_frozen_and_can_be_copied(guard):
    assert copy.deepcopy(guard) == guard
    assert hash(guard) == hash(copy.deepcopy(guard))
    with pytest.raises(AttributeError):
        guard.most = 2


def test_guards_with_a_shared_total_are_told_the_outcome():
    assert all(
        isinstance(guard, OutcomeGuard)
        for guard in (MaxMessages(1), MaxParts(1), MaxCost("1 CNY", price="1 CNY"))
    )
