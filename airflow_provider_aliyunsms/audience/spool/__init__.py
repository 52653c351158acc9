# SPDX-License-Identifier: Apache-2.0
"""
Keep the audience of one try on the local disk, with the state of every row.

The input: blocks of rows (:meth:`Spool.load`, once), later the outcomes of chunks by recipient key
(:class:`Settlement`). The output: the recipients that are still pending, in order and in batches; counts at any
moment (:class:`SpoolCounts`); at the end one receipt for every row in the order of the input, as runs of neighbouring
rows with the same outcome (:class:`ReceiptRun`).

* ``spool`` holds the class that other packages use. ``database`` makes its private SQLite file, whose name is removed
  at once, so that a killed process leaves no phone numbers behind.
* ``pages`` stores the keys, numbers and contents of the rows, one block of rows to a page, and finds keys that occur
  twice. ``states`` stores the outcome of each row in six bytes. ``outcomes`` applies outcomes to rows by key and
  makes the receipts. ``records`` holds the small data classes that go in and out.

The spool is a cache: it is filled from the source and its outcomes come from the ledger. If it is lost, a retry makes
it again and nothing is lost, so it is never synchronised to disk. Only the thread that made it may use it.

Three things must never happen: a row without a state, because the outcomes would then not add up to the total; a
recipient that comes twice in one pass over the pending ones, because it would get two messages; and memory use that
grows with the audience.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.spool.number_index import NumberedRow, UnmatchedRecord
from airflow_provider_aliyunsms.audience.spool.records import (
    ReceiptRun,
    RejectionGroup,
    Settlement,
    SpoolCounts,
)
from airflow_provider_aliyunsms.audience.spool.spool import Spool

__all__ = [
    "NumberedRow",
    "ReceiptRun",
    "RejectionGroup",
    "Settlement",
    "Spool",
    "SpoolCounts",
    "UnmatchedRecord",
]
