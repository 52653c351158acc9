# SPDX-License-Identifier: Apache-2.0
"""
Write one receipt for every row of a campaign, and read them back.

What enters are the runs of neighbouring rows that the spool tells (:class:`Receipts`), what leaves is a file in one
of three formats, or dictionaries for the XCom of a small campaign: number, outcome, code, id, ``out_id`` and time.
Later the delivery sensor reads the same files (:func:`read_receipts`) to learn which messages to ask for.

* ``receipts`` names the fields after the product and tells the receipts one by one or in blocks.
* ``files`` knows the formats: CSV, JSON lines and Parquet, packed with gzip where the name says so.
* ``encoders`` write the formats block by block; receipts are as many as recipients, and most of them differ only in
  the number.

Receipts are the join of spool and ledger, so that they can always be rebuilt: a cleared task writes them again,
equal to the byte, without a call. Where the file lies is decided by the operator.

What must never happen: a row without a receipt; a damaged file that is read as a shorter one. An error names the
position of a receipt, never its content: receipts are the one place that holds phone numbers on purpose.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.receipts.files import is_receipt_file, read_receipts, write_receipts
from airflow_provider_aliyunsms.campaign.receipts.receipts import INLINE_LIMIT, Receipts

__all__ = ["INLINE_LIMIT", "Receipts", "is_receipt_file", "read_receipts", "write_receipts"]
