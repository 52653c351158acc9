# SPDX-License-Identifier: Apache-2.0
"""
Keep the audience of one try on the local disk, with the state of every row.

What enters: blocks of rows (:meth:`Spool.load`, once) and later the outcomes of chunks (:class:`Settlement`, by
key). What leaves: recipients that are still pending, in order and in batches; counts at any moment
(:class:`SpoolCounts`); and at the end one receipt for every row in the order of the input, as runs of neighbours
that ended alike (:class:`ReceiptRun`).

* ``spool`` is the whole from outside. ``database`` makes its private SQLite file, which is unlinked at once, so
  that a killed process leaves no phone numbers behind.
* ``pages`` keeps what the rows say, one block to a page, and finds keys that occur twice. ``states`` keeps the
  state of each row in six bytes. ``outcomes`` brings outcomes to rows and receipts out of them. ``records`` are the
  small values that go in and out.

The spool is a cache: the source fills it and the ledger settles it, so that losing it loses nothing, and it is
never synchronised to disk. It belongs to the thread that made it.

What must never happen: a row without a state, so that the outcomes would not add up to the total; a recipient who
is handed out twice in one reading; memory that grows with the audience.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.spool.records import ReceiptRun, Settlement, SpoolCounts
from airflow_provider_aliyunsms.audience.spool.spool import Spool

__all__ = ["ReceiptRun", "Settlement", "Spool", "SpoolCounts"]
