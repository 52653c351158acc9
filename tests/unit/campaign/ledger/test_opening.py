# SPDX-License-Identifier: Apache-2.0
"""Opening a ledger decides whether a try may send: what is missing or damaged never counts as "nothing was sent"."""

from __future__ import annotations

import json
from collections import deque

import pytest

from airflow_provider_aliyunsms.audience.recipients import Members, Recipient
from airflow_provider_aliyunsms.campaign.chunks import make_chunk
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.ledger import Ledger, MemoryStore, Occasion
from airflow_provider_aliyunsms.exceptions import LedgerConflictError, LedgerError, LedgerMissingError

HEAD = "aliyun_sms.head"
FIRST = Occasion(name="run#0", first_try=True)
RETRY = Occasion(name="run#0", first_try=False)
CLEARED = Occasion(name="run#1", first_try=False)


class Values(MemoryStore):
    """A store whose values a test may see, damage and lose; ``broken`` makes it fail."""

    def __init__(self):
        super().__init__()
        self.values = {}
        self.written = []
        self.broken = False
        self.hides = set()

    def get(self, key):
        if key in self.hides:
            self.hides.remove(key)
            return None
        text = self.values.get(key)
        return None if text is None else json.loads(text)

    def set(self, key, value):
        if self.broken:
            raise OSError("no space left: 13800001234")
        self.values[key] = json.dumps(value)
        self.written.append(key)

    def change(self, key, **facts):
        self.values[key] = json.dumps(json.loads(self.values[key]) | facts)

    @property
    def head(self):
        return json.loads(self.values[HEAD])


@pytest.fixture
def store():
    return Values()


def a_ledger(store, *, campaign_id="spring", dedupe="content", secrets=()):
    return Ledger(
        store=store,
        campaign_id=campaign_id,
        fenced=False,
        clock=Clock(),
        dedupe=dedupe,
        secrets_known=secrets,
    )


def chunk(*numbers):
    members = [(number, Recipient(number=f"1380000{number:04d}")) for number in numbers]
    return make_chunk(campaign="spring", members=Members.of(members))


def sent_before(store, *, windows=2, **more):
    """Leave what a try leaves that was killed after it wrote some windows."""
    ledger = a_ledger(store, **more)
    ledger.open(occasion=FIRST)
    assert [*ledger.windows()] == []
    for number in range(windows):
        ledger.write_intents([chunk(number)], signer="p")
    return ledger


def resumed(store, *, occasion=RETRY, resend=False, **more):
    ledger = a_ledger(store, **more)
    opening = ledger.open(occasion=occasion, resend=resend)
    return opening, [*ledger.windows()]


def test_a_retry_finds_the_windows_in_their_order(store):
    sent_before(store, windows=3)
    opening, windows = resumed(store)
    assert opening.resumed
    assert [window.number for window in windows] == [1, 2, 3]


def test_the_head_counts_a_window_before_its_calls_are_made(store):
    sent_before(store, windows=1)
    assert store.written == [HEAD, "aliyun_sms.g1.w000001", HEAD]
    assert store.head["windows"] == 1


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_window_that_the_head_counts_and_nobody_has_stops_the_try(store, lost):
    sent_before(store, windows=3)
    del store.values[f"aliyun_sms.g1.w{lost:06d}"]
    with pytest.raises(LedgerError, match=f"w{lost:06d} is missing, although it was counted"):
        resumed(store)


def test_a_window_behind_the_last_one_counted_is_read_and_one_behind_a_hole_stops_the_try(store):
    sent_before(store, windows=3)
    store.change(HEAD, windows=2)
    assert len(resumed(store)[1]) == 3, "killed between a window and the head that counts it"
    store.change(HEAD, windows=1)
    del store.values["aliyun_sms.g1.w000002"]
    with pytest.raises(LedgerError, match="w000002 is missing, later ones are there"):
        resumed(store)


@pytest.mark.parametrize("key", [HEAD, "aliyun_sms.g1.w000001"])
def test_a_read_that_finds_nothing_once_is_made_again(store, key):
    sent_before(store)
    store.hides = {key}
    assert len(resumed(store)[1]) == 2


def test_a_head_that_is_lost_beside_its_windows_stops_every_try(store):
    sent_before(store)
    del store.values[HEAD]
    for occasion in (FIRST, RETRY, Occasion(name="run#0", first_try=False, untouched=True)):
        with pytest.raises(LedgerError, match="head is missing, though other parts"):
            resumed(store, occasion=occasion)


@pytest.mark.parametrize(
    ("occasion", "may_send"),
    [
        (FIRST, True),
        (RETRY, False),
        (CLEARED, False),
        (Occasion(name="run#0", first_try=False, untouched=True), True),
    ],
)
def test_a_ledger_that_is_not_there_proves_nothing_but_where_nothing_can_be_lost(store, occasion, may_send):
    if may_send:
        assert not resumed(store, occasion=occasion)[0].resumed
    else:
        with pytest.raises(LedgerMissingError):
            resumed(store, occasion=occasion)


@pytest.mark.parametrize(
    "damage",
    [
        {"campaign_id": 3},
        {"generation": "1"},
        {"generation": -1},
        {"windows": "2"},
        {"windows": None},
        {"started_at": 3},
    ],
)
def test_a_damaged_head_stops_the_try(store, damage):
    sent_before(store)
    store.change(HEAD, **damage)
    with pytest.raises(LedgerError, match="head is damaged"):
        resumed(store)


@pytest.mark.parametrize("value", ["[]", '"text"', "3", "{}"])
def test_what_is_no_head_at_all_stops_the_try(store, value):
    sent_before(store)
    store.values[HEAD] = value
    with pytest.raises(LedgerError, match="head is damaged"):
        resumed(store)


def test_a_damaged_window_stops_the_try(store):
    sent_before(store)
    store.change("aliyun_sms.g1.w000002", c=None)
    with pytest.raises(LedgerError, match="w000002 is damaged"):
        resumed(store)


def test_a_ledger_of_another_campaign_is_refused(store):
    sent_before(store)
    with pytest.raises(LedgerConflictError, match="another campaign"):
        resumed(store, campaign_id="autumn")


def test_another_dedupe_is_refused_once_something_was_sent(store):
    sent_before(store)
    with pytest.raises(LedgerConflictError, match="dedupe='content'"):
        resumed(store, dedupe="phone")


def test_another_dedupe_is_free_while_nothing_was_sent(store):
    sent_before(store, windows=0)
    assert resumed(store, dedupe="phone")[0].resumed
    assert store.head["dedupe"] == "phone"


def test_the_hashes_keep_the_secret_that_they_were_begun_with(store):
    old, new = b"old", b"new"
    before = sent_before(store, secrets=(old,)).keys.numbers(["13800001234"])
    ledger = a_ledger(store, secrets=(new, old))
    ledger.open(occasion=RETRY)
    assert ledger.keys.numbers(["13800001234"]) == before
    with pytest.raises(LedgerConflictError, match="not known any more"):
        resumed(store, secrets=(new,))
    assert not any(secret.decode() in text for secret in (old, new) for text in store.values.values())


def test_a_resend_begins_anew_once_for_each_occasion(store):
    sent_before(store)
    opening, windows = resumed(store, occasion=CLEARED, resend=True)
    assert (opening.resumed, windows, store.head["generation"]) == (False, [], 2)
    assert resumed(store, occasion=CLEARED, resend=True)[0].resumed, "its retries resume it"
    assert store.head["generation"] == 2
    assert not resumed(store, occasion=Occasion(name="run#2", first_try=False), resend=True)[0].resumed
    assert store.head["generation"] == 3


def test_a_generation_whose_head_is_lost_is_not_used_again(store):
    sent_before(store)
    del store.values[HEAD]
    opening, windows = resumed(store, occasion=CLEARED, resend=True)
    assert (opening.resumed, windows, store.head["generation"]) == (False, [], 2)


def test_the_summary_of_a_finished_campaign_is_given_back(store):
    sent_before(store).finish({"accepted": 2})
    assert resumed(store)[0].summary == {"accepted": 2}


def test_a_store_that_fails_ends_the_sending_without_telling_what_it_said(store):
    ledger = sent_before(store)
    before = ledger.written_at
    store.broken = True
    with pytest.raises(LedgerError, match=r"could not be written \(OSError\)") as caught:
        ledger.write_intents([chunk(9)])
    assert "13800001234" not in str(caught.value)
    assert ledger.written_at == before, "what was not written gives nobody a new lease"
    store.broken = False
    assert len(resumed(store)[1]) == 2, "its number was not used up"


def test_calls_that_were_never_made_are_not_counted(store):
    ledger = sent_before(store)
    assert ledger.calls == 2
    again = a_ledger(store)
    again.open(occasion=RETRY)
    assert sum(len(window.entries) for window in again.windows()) == again.calls == 2


def test_a_new_campaign_asks_for_each_value_twice_and_no_more(store):
    asked = []
    read = store.get
    store.get = lambda key: asked.append(key) or read(key)
    ledger = a_ledger(store)
    ledger.open(occasion=FIRST)
    assert list(ledger.windows()) == []
    assert not ledger.has_windows
    assert max(asked.count(key) for key in asked) == 2
    assert {key for key in asked if asked.count(key) == 2} >= {HEAD, "aliyun_sms.g1.w000001"}


def test_what_was_written_meanwhile_is_read(store):
    ledger = a_ledger(store)
    ledger.open(occasion=FIRST)
    deque(ledger.windows(), maxlen=0)
    ledger.write_intents([chunk(7)])
    assert ledger.has_windows
