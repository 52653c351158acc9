# SPDX-License-Identifier: Apache-2.0
"""
A time of acceptance far from midnight in China, so that a test can count queries at every hour.

The gateway files a message under the date of its acceptance, UTC+8; within an hour of midnight two dates are asked
for. What was accepted a moment ago has today's date, whatever the hour that a receipt gives.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

_CHINA = timezone(timedelta(hours=8))


def noon_in_china(*, days_ago: int = 0) -> str:
    """Return noon of today's date in China, or of an earlier one, as a receipt writes it."""
    noon = datetime.now(_CHINA).replace(hour=12, minute=0, second=0) - timedelta(days=days_ago)
    return noon.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
