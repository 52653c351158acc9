# SPDX-License-Identifier: Apache-2.0
"""
Keep what all campaigns have claimed of something that is limited: messages to one phone number, messages of one day.

What enters: the place (:func:`open_claims`), then before the sending what a campaign wants (:class:`Want`) and what
limits it (:class:`Limit`), and after it what was really sent. What leaves: how much it may have (:class:`Grant`).

* ``records`` holds the words and the policy, without reading or writing: what a campaign gets (``decide``), and what
  its record is after a claim or a settlement.
* ``places`` opens the store that a text names. ``subjects`` makes the hashes by which stores know phone numbers, days
  and campaigns; no store ever holds a number.
* ``sql`` keeps the records as rows of a database. ``folder`` keeps them as a log of numbered files, whose form is in
  ``entries``; what was read of it is in ``mirror``, a temporary file.

A *claim* is the amount that one campaign has taken of one *subject*, in all: a record has the key (subject,
campaign), so that a retry replaces the campaign's own claim and never counts twice. *To settle* is to replace the
claim by what was really sent, or may have been. A claim that a dead process left counts until its campaign is tried
again, or its period is over.

Only the main thread of a try uses a store. What must never happen: two processes that get the same room; a store
that cannot be read, or of which something is missing, and counts as empty; a number in a store.

Another kind of place is a class with the methods of :class:`Claims`, and a case in ``places``. Another fact about a
claim is a column in ``sql``, a key in ``entries``, and a field of ``Record``.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.guards.claims.places import began_ms, check_place, open_claims
from airflow_provider_aliyunsms.campaign.guards.claims.records import (
    BATCH,
    Claims,
    Grant,
    Limit,
    Record,
    Want,
)
from airflow_provider_aliyunsms.campaign.guards.claims.subjects import Hashes

__all__ = [
    "BATCH",
    "Claims",
    "Grant",
    "Hashes",
    "Limit",
    "Record",
    "Want",
    "began_ms",
    "check_place",
    "open_claims",
]
