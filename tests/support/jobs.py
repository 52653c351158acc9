# SPDX-License-Identifier: Apache-2.0
"""A job as the workers get it, for tests that look at one job alone."""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.ledger.windows import Entry
from airflow_provider_aliyunsms.campaign.sending.jobs import Job


def a_job(**facts):
    """Return a job of one recipient; ``facts`` are fields of it."""
    entry = Entry(out_id="out", keys=(1,), nonce="n", date="2026-01-02T03:04:05Z", attempted_at=0.0)
    return Job(window=None, entry=entry, chunk=None, rows=(1,), places=(0,), **facts)
