# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json

import pytest
from audience_rows import recipient_key
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.audience.recipients import Recipient
from airflow_provider_aliyunsms.audience.rules.base import RowRejected
from airflow_provider_aliyunsms.codes.local import LocalCode

RECIPIENTS = st.builds(
    Recipient,
    number=st.from_regex(r"[0-9]{8,13}", fullmatch=True),
    sign_name=st.text(max_size=5),
    template_param=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3),
    sms_up_extend_code=st.from_regex(r"[0-9]{0,3}", fullmatch=True),
    message=st.text(max_size=8),
)


def key(recipient, *, campaign_id="campaign", dedupe="content"):
    return recipient_key(campaign_id=campaign_id, recipient=recipient, dedupe=dedupe)


def test_repr_shows_nothing_but_the_masked_number():
    recipient = Recipient(
        number="13800001234",
        sign_name="签名",
        template_param={"code": "4711"},
        sms_up_extend_code="90999",
        message="text",
    )
    assert repr(recipient) == "Recipient(138****1234)"
    assert f"{recipient}" == "Recipient(138****1234)"
    assert repr([recipient]) == "[Recipient(138****1234)]"


def test_a_recipient_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipient(number="13800001234").number = "13900001234"


def test_equal_recipients_are_one_in_a_set():
    one = Recipient(number="13800001234", template_param={"a": "1", "b": "2"})
    two = Recipient(number="13800001234", template_param={"b": "2", "a": "1"})
    assert len({one, two}) == 1


@given(RECIPIENTS)
def test_content_is_canonical_and_complete(recipient):
    turned = dataclasses.replace(recipient, template_param=dict(reversed(recipient.template_param.items())))
    assert turned.content == recipient.content
    assert "number" not in json.loads(recipient.content)
    assert Recipient.from_content(number=recipient.number, content=recipient.content) == recipient


@given(RECIPIENTS, st.sampled_from(["content", "phone"]))
def test_a_key_is_a_signed_64_bit_number_and_always_the_same(recipient, dedupe):
    made = key(recipient, dedupe=dedupe)
    assert made == key(dataclasses.replace(recipient), dedupe=dedupe)
    assert -(2**63) <= made < 2**63


def test_keys_do_not_change_between_versions():
    recipient = Recipient(number="13800001234", sign_name="阿里云", template_param={"b": "2", "a": "1"})
    assert recipient.content == (
        '{"message":"","sign_name":"阿里云","sms_up_extend_code":"","template_param":{"a":"1","b":"2"}}'
    )
    assert key(recipient) == 5538504925280486192
    assert key(recipient, dedupe="phone") == -3284991034393294943


@given(RECIPIENTS, RECIPIENTS)
def test_content_counts_unless_only_the_phone_does(one, two):
    assume(one.content != two.content)
    same_phone = dataclasses.replace(two, number=one.number)
    assert key(one) != key(same_phone)
    assert key(one, dedupe="phone") == key(same_phone, dedupe="phone")


@given(RECIPIENTS, RECIPIENTS)
def test_another_number_is_another_key(one, two):
    assume(one.number != two.number)
    assert key(one) != key(dataclasses.replace(one, number=two.number))
    assert key(one, dedupe="phone") != key(two, dedupe="phone")


def test_another_campaign_has_other_keys():
    recipient = Recipient(number="13800001234")
    assert key(recipient, campaign_id="a") != key(recipient, campaign_id="b")


def test_no_recipient_borrows_a_digit_from_its_neighbour():
    content = Recipient(number="").content
    assert key(Recipient(number="1")) != key(Recipient(number=f"1{content}"))


def test_a_campaign_needs_an_id_and_a_known_rule():
    recipient = Recipient(number="13800001234")
    with pytest.raises(ValueError, match="needs an id"):
        key(recipient, campaign_id="")
    with pytest.raises(ValueError, match="dedupe must be"):
        key(recipient, dedupe="email")


def test_half_a_character_does_not_stop_a_key():
    assert isinstance(key(Recipient(number="13800001234", message="\ud800")), int)


def test_a_rejection_says_why_and_where():
    error = RowRejected(code=LocalCode.EMPTY_VARIABLE, field="code", reason="variable 'code' is empty")
    assert (error.code, error.field, str(error)) == (
        "local.EMPTY_VARIABLE",
        "code",
        "variable 'code' is empty",
    )


@given(RECIPIENTS)
def test_contents_are_written_as_they_always_were_because_ledgers_know_recipients_by_them(recipient):
    fields = ("message", "sign_name", "sms_up_extend_code", "template_param")
    expected = {name: getattr(recipient, name) for name in fields}
    assert recipient.content == json.dumps(
        expected, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )


def test_keys_are_what_they_always_were_because_ledgers_know_recipients_by_them():
    recipient = Recipient(number="13800001234", sign_name="阿里云", template_param={"b": "2", "a": "1"})
    assert recipient_key(campaign_id="campaign", recipient=recipient) == 5538504925280486192
    assert recipient_key(campaign_id="campaign", recipient=recipient, dedupe="phone") == -3284991034393294943
