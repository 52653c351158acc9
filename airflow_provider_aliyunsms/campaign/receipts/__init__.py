# SPDX-License-Identifier: Apache-2.0
"""
Write one receipt for every row of a campaign, and read receipts back.

A receipt says what became of one row of the audience. It has six texts: number, outcome (``accepted``, ``rejected``,
``skipped`` or ``unknown``), the code for it, the gateway's id, ``out_id`` (the label of the call) and time. It does
not say whether the message reached the phone; that is what the delivery sensor asks for.

The spool yields runs: neighbouring rows whose receipts differ in number or id only. :class:`Receipts` turns them into
receipts. They go into a file (:func:`write_receipts`) or, for the XCom of a small campaign
(:data:`INLINE_LIMIT`), into one dictionary per row. Later the delivery sensor reads the same files
(:func:`read_receipts`), to learn for which messages to ask.

* ``receipts`` names the fields after the product and yields the receipts one by one or in blocks.
* ``files`` decides on the format, CSV, JSON lines or Parquet, and on gzip, by the end of the path; it also reads.
* ``encoders`` write the formats block by block. There are as many receipts as rows, and most neighbours differ only
  in the number, so equal fields are encoded once.

Receipts are computed from the spool and the ledger, so they can always be rebuilt: a cleared task writes them again,
byte for byte, without a call. Where the file is stored is decided in ``operators/receipts.py``.

What must never happen: a row without a receipt; a damaged file that is read as a shorter one. An error names the
position of a receipt, never its content, because receipts hold phone numbers on purpose.

A new format is a branch in ``files`` and a function in ``encoders``; a new field starts in ``Receipts.fields``.
CONTRIBUTING.md names what follows.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.receipts.files import is_receipt_file, read_receipts, write_receipts
from airflow_provider_aliyunsms.campaign.receipts.receipts import INLINE_LIMIT, Receipts

__all__ = ["INLINE_LIMIT", "Receipts", "is_receipt_file", "read_receipts", "write_receipts"]
