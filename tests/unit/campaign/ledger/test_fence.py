# SPDX-License-Identifier: Apache-2.0
"""Two tries of one campaign on one folder: whoever comes late harms nobody."""

from __future__ import annotations

import pytest

from airflow_provider_aliyunsms.audience.recipients import Members, Recipient
from airflow_provider_aliyunsms.campaign.chunks import make_chunk
from airflow_provider_aliyunsms.campaign.clock import Clock
from airflow_provider_aliyunsms.campaign.ledger.ledger import Ledger, Occasion
from airflow_provider_aliyunsms.campaign.ledger.stores import MemoryStore, PathStore
from airflow_provider_aliyunsms.campaign.outcomes import Outcome, OutcomeKind
from airflow_provider_aliyunsms.exceptions import LedgerError, LedgerMissingError


class SlowStore(PathStore):
    """Files whose owner falls asleep in its next write to a window, and wakes up after ``meanwhile``."""

    meanwhile = None

    def set(self, key, value):
        if ".w0" in key and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        super().set(key, value)


@pytest.fixture
def store(tmp_path):
    return SlowStore(root=tmp_path, campaign_id="spring")


@pytest.fixture
def begin(tmp_path):
    """Give a function that opens the ledger as a new process would; returns ledger, opening and windows."""

    def open_ledger(store=None, **changes):
        ledger = Ledger(
            store=store or PathStore(root=tmp_path, campaign_id="spring"),
            campaign_id="spring",
            fenced=True,
            clock=Clock(),
        )
        first_try = changes.pop("first_try", False)
        opening = ledger.open(occasion=Occasion(first_try=first_try), **changes)
        return ledger, opening, list(ledger.windows())

    return open_ledger


def chunk(*keys):
    recipients = [Recipient(number=f"1380000{key:04d}") for key in keys]
    return make_chunk(campaign="spring", members=Members.of(list(zip(keys, recipients, strict=True))))


def labels(windows):
    return [window.entries[0].out_id for window in windows]


ACCEPTED = Outcome(kind=OutcomeKind.ACCEPTED, time="2027-01-15T08:00:00Z", biz_id="1")


def test_intents_that_are_written_while_another_try_begins_are_refused_and_never_read(begin, store):
    frozen, _, _ = begin(store, first_try=True)
    frozen.write_intents([chunk(1)])
    others = []
    store.meanwhile = lambda: others.append(begin())
    with pytest.raises(LedgerError, match="taken this campaign over"):
        frozen.write_intents([chunk(2)])
    ledger, opening, windows = others[0]
    assert opening.contested
    assert labels(windows) == [chunk(1).out_id]
    ledger.write_intents([chunk(2, 3)])
    _, _, windows = begin()
    assert labels(windows) == [chunk(1).out_id, chunk(2, 3).out_id]


def test_outcomes_that_come_late_do_not_undo_what_another_try_found_out(begin, store):
    frozen, _, _ = begin(store, first_try=True)
    stale = frozen.write_intents([chunk(1)])

    def settle():
        ledger, _, (window,) = begin()
        window.entries[0].outcome = ACCEPTED
        ledger.save(window)

    store.meanwhile = settle
    with pytest.raises(LedgerError, match="taken this campaign over"):
        frozen.save(stale)
    _, _, (window,) = begin()
    assert window.entries[0].settled


@pytest.mark.parametrize("late", ["confirm", "close"])
def test_an_owner_that_was_replaced_does_not_come_back(begin, late):
    replaced, _, _ = begin(first_try=True)
    ledger, _, _ = begin()
    if late == "confirm":
        with pytest.raises(LedgerError, match="taken this campaign over"):
            replaced.confirm()
    else:
        replaced.close()
    ledger.write_intents([chunk(1)])
    _, opening, windows = begin()
    assert opening.contested
    assert len(windows) == 1


def test_only_one_of_two_that_begin_at_the_same_moment_goes_on(begin, tmp_path):
    first, second = (PathStore(root=tmp_path, campaign_id="spring") for _ in range(2))
    begin(first, first_try=True)
    create = second.create

    def create_too_late(key, value):
        begin()
        return create(key, value)

    second.create = create_too_late
    with pytest.raises(LedgerError, match="taken this campaign over"):
        begin(second)


def test_a_try_that_dies_while_it_takes_over_takes_nothing_along(begin, tmp_path, store):
    first, _, _ = begin(first_try=True)
    first.write_intents([chunk(1)])
    first.write_intents([chunk(2)])
    dying = Ledger(
        store=PathStore(root=tmp_path, campaign_id="spring"),
        campaign_id="spring",
        fenced=True,
        clock=Clock(),
    )
    dying.open(occasion=Occasion(first_try=False))
    next(dying.windows())
    _, opening, windows = begin()
    assert opening.contested
    assert labels(windows) == [chunk(1).out_id, chunk(2).out_id]


def test_who_said_goodbye_is_not_waited_for(begin):
    first, opening, _ = begin(first_try=True)
    assert not opening.resumed
    first.close()
    _, opening, _ = begin()
    assert opening.resumed
    assert not opening.contested
    _, opening, _ = begin()
    assert opening.contested


def test_a_try_that_was_killed_before_it_could_send_leaves_a_ledger(begin, tmp_path):
    killed = Ledger(
        store=PathStore(root=tmp_path, campaign_id="spring"),
        campaign_id="spring",
        fenced=True,
        clock=Clock(),
    )
    killed.open(occasion=Occasion(first_try=True))
    _, opening, windows = begin()
    assert not opening.resumed
    assert windows == []


def test_a_refusal_for_want_of_a_ledger_does_not_make_one(begin, tmp_path):
    for _ in range(2):
        with pytest.raises(LedgerMissingError):
            begin()
    # A claim is there, and it does not count.
    assert not any(path.name.startswith(("aliyun_sms.head", "aliyun_sms.g")) for path in tmp_path.rglob("*"))


def test_a_claim_that_was_overwritten_after_it_was_read_back_stops_both(begin):
    """On a store that takes every write: the one that comes late finds the windows of the other."""
    store = MemoryStore()
    first, _, _ = begin(store, first_try=True)
    first.write_intents([chunk(1)])
    claim, taken = "aliyun_sms.e000001.claim", []

    class Late(MemoryStore):
        """The second process: it has looked for the claim before the first one wrote it."""

        def get(self, key):
            if key.endswith(".claim") and not taken:
                return None
            return store.get(key)

        def set(self, key, value):
            taken.append(key)
            store.set(key, value)

    with pytest.raises(LedgerError, match="taken this campaign over"):
        begin(Late(), first_try=True)
    assert taken == [claim]
    with pytest.raises(LedgerError, match="taken this campaign over"):
        first.write_intents([chunk(2)])
    # Whoever comes next goes on with what the first one has left.
    _, opening, windows = begin(store)
    assert opening.resumed
    assert labels(windows)[0] == chunk(1).out_id
