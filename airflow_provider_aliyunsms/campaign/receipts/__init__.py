# SPDX-License-Identifier: Apache-2.0
"""
Write one receipt for every row of a campaign, and read receipts back.

The spool yields runs of neighbouring rows with equal outcomes. :class:`Receipts` turns them into receipts with the
fields number, outcome, code, id, ``out_id`` and time. They go into a file in one of three formats
(:func:`write_receipts`) or, for the XCom of a small campaign, into one dictionary per row. Later the delivery sensor
reads the same files (:func:`read_receipts`), to learn for which messages to ask.

* ``receipts`` names the fields after the product and yields the receipts one by one or in blocks.
* ``files`` decides on the format, CSV, JSON lines or Parquet, and on gzip, by the end of the path; it also reads.
* ``encoders`` write the formats block by block. There are as many receipts as rows, and most neighbours differ only
  in the number, so equal fields are encoded once.

Receipts are computed from the spool and the ledger, so they can always be rebuilt: a cleared task writes them again,
byte for byte, without a call. The operator decides where the file is stored.

What must never happen: a row without a receipt; a damaged file that is read as a shorter one. An error names the
position of a receipt, never its content, because receipts hold phone numbers on purpose.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.receipts.files import is_receipt_file, read_receipts, write_receipts
from airflow_provider_aliyunsms.campaign.receipts.receipts import INLINE_LIMIT, Receipts

__all__ = ["INLINE_LIMIT", "Receipts", "is_receipt_file", "read_receipts", "write_receipts"]
