# SPDX-License-Identifier: Apache-2.0
"""What the page says that a Clear would do: a sentence for every combination of facts, and never one that repeats."""

from __future__ import annotations

import itertools

import pytest

from airflow_provider_aliyunsms.ui.clear import ClearFacts, ledger_state, would_clear

DONE = {
    "state": "success",
    "dry_run": False,
    "where": "airflow",
    "has_ledger": True,
    "total": 100,
    "pending": 0,
    "unknown": 0,
    "rejected": 0,
    "can_look_up": True,
}

CASES = [
    ({}, "complete", "send nothing to anybody of this audience"),
    ({"pending": 7, "state": "failed"}, "partial", "send to the 7 recipients"),
    ({"unknown": 5, "state": "failed"}, "open", "look up the 5"),
    ({"unknown": 5, "state": "failed", "can_look_up": False}, "open", "no look-up"),
    ({"rejected": 3}, "complete", "resend_rejected=True"),
    ({"where": "none", "has_ledger": None}, "none", "refuse and send nothing"),
    ({"has_ledger": False}, "missing", "refuse and send nothing"),
    ({"dry_run": True}, "rehearsal", "nothing is sent"),
    ({"total": None, "state": "failed"}, "begun", "read the ledger first"),
    ({"where": None, "has_ledger": None}, "unknown", "read the ledger first"),
    ({"where": "path", "has_ledger": None}, "complete", "send nothing to anybody"),
    ({"state": "running", "pending": 9}, "partial", "end the running try"),
    ({"state": "deferred", "pending": 9}, "partial", "end the wait"),
]


@pytest.mark.parametrize(("changes", "state", "said"), CASES)
def test_the_words_follow_from_the_facts(changes, state, said):
    facts = ClearFacts(**(DONE | changes))
    assert ledger_state(facts)[0] == state
    english, chinese = would_clear(facts)
    assert said in english
    assert chinese


def test_every_combination_has_words_and_says_that_nobody_gets_two():
    states = (None, "success", "failed", "running", "deferred", "up_for_retry", "skipped", "queued")
    facts = itertools.product(
        states,
        (False, True),
        ("airflow", "path", "none", None),
        (True, False, None),
        (None, 10),
        (0, 3),
        (0, 2),
        (0, 1),
    )
    for state, dry_run, where, has_ledger, total, pending, unknown, rejected in facts:
        each = ClearFacts(
            state=state,
            dry_run=dry_run,
            where=where,
            has_ledger=has_ledger,
            total=total,
            pending=pending,
            unknown=unknown,
            rejected=rejected,
            can_look_up=bool(pending),
        )
        english, chinese = would_clear(each)
        refuses_or_waits = any(
            word in english for word in ("refuse", "nothing is sent", "nobody gets it twice")
        )
        assert refuses_or_waits, english
        assert chinese.endswith("。")
        _, (words, words_zh) = ledger_state(each)
        assert words.endswith(".")
        assert words_zh.endswith("。")
