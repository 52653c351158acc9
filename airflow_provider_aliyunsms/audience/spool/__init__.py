# SPDX-License-Identifier: Apache-2.0
"""
Keep the audience of one try on the local disk, with the state of every row.

The words: a *block* is some thousand rows as a source read them, and a *page* is one block as the spool stores it. A
*batch* is the recipients that the spool hands out at a time, across pages. A *chunk* is the recipients of one API
call; ``campaign`` cuts chunks from batches. A row has an *outcome* once one is known: ``accepted``, ``rejected``,
``skipped`` or ``unknown``; until then it is ``pending``. Its *state* is the outcome with its code, and whether it was
decided before anything was sent. A *receipt* is what the result says of one row: number, outcome, code, ids, time. A
*run* is the receipts of neighbouring rows that differ in number or message id only, made as one object.

What enters, in this order:

1. :meth:`Spool.load`, once: blocks of rows. ``audience/rules`` turns each block into a ``PreparedBlock``, the same
   rows after the check, which becomes a page. Rejected rows and repeated ones get their state here.
2. After an earlier try: the outcomes of its ledger. :meth:`Spool.index_numbers` and :meth:`Spool.rows_of` find the
   rows of a ledger's records (:class:`NumberedRow`), ``Spool.unmatched`` keeps records that fit no row
   (:class:`UnmatchedRecord`), and :meth:`Spool.add_absent` adds rows for recipients who left the audience.
3. :meth:`Spool.settle`: the outcomes of a chunk by recipient key (:class:`Settlement`). :meth:`Spool.reopen` makes
   recipients pending again.

What leaves: the pending recipients in order and in batches (:meth:`Spool.unsettled`); counts at any moment
(:class:`SpoolCounts`); what was rejected, by reason (:class:`RejectionGroup`); at the end one receipt for every row
in the order of the input, as runs (:class:`ReceiptRun`).

* ``spool`` holds the class that other packages use. ``database`` makes its private SQLite file, whose name is removed
  at once, so that a killed process leaves no phone numbers behind.
* ``pages`` stores keys, numbers and contents, and finds keys that occur twice. ``states`` stores the state of each
  row in six bytes. ``outcomes`` applies outcomes to rows by key and makes the runs. ``number_index`` finds rows for
  the records of a ledger. ``records`` holds the small data classes that go in and out.

The spool is a cache: it is filled from the source, and its outcomes come from the ledger. If it is lost, a retry
makes it again and nothing is lost, so it is never synchronised to disk. Only the thread that made it may use it.

Three things must never happen: a row without a state, because the outcomes would then not add up to the total; a
recipient that comes twice in one pass over the pending ones, because it would get two messages; and memory use that
grows with the audience.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.spool.number_index import NumberedRow, UnmatchedRecord
from airflow_provider_aliyunsms.audience.spool.records import (
    ACCEPTED,
    PENDING,
    SKIPPED,
    ReceiptRun,
    RejectionGroup,
    Settlement,
    SpoolCounts,
    SpoolRows,
)
from airflow_provider_aliyunsms.audience.spool.spool import Spool

__all__ = [
    "ACCEPTED",
    "PENDING",
    "SKIPPED",
    "NumberedRow",
    "ReceiptRun",
    "RejectionGroup",
    "Settlement",
    "Spool",
    "SpoolCounts",
    "SpoolRows",
    "UnmatchedRecord",
]
