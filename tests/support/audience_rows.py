# SPDX-License-Identifier: Apache-2.0
"""Rows and recipients one at a time, for tests that look at single ones."""

from __future__ import annotations

from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.rows import RowBlock, in_blocks
from airflow_provider_aliyunsms.audience.sources import read_blocks


def rows_of(blocks):
    """Take blocks apart."""
    for block in blocks:
        for position in range(len(block)):
            yield block.row(position)


def read_rows(source, *, open_binary, **reading):
    """Read a source row by row; its kind is checked at once."""
    return rows_of(read_blocks(source, open_binary=open_binary, **reading))


def recipient_key(*, campaign_id, recipient, dedupe="content"):
    """Return the key of one recipient."""
    (key,) = recipient_keys(
        campaign_id=campaign_id, numbers=[recipient.number], contents=[recipient.content], dedupe=dedupe
    )
    return key


def row_blocks(rows):
    """Gather rows into blocks."""
    return in_blocks(rows, lambda gathered, _first: RowBlock(gathered))
