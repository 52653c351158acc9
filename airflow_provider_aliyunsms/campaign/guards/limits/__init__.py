# SPDX-License-Identifier: Apache-2.0
"""
Judge a campaign by its size: messages, billing parts, money, and the size that it usually has.

``limits`` holds the guards; with a total that campaigns share (``daily``) the limit is that of a day. ``prices``
reads amounts of money and the prices of parts by region; arithmetic is decimal. What cannot be counted or priced is
not sent.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.guards.limits.limits import (
    ExpectedCount,
    LikeLastRun,
    MaxCost,
    MaxMessages,
    MaxParts,
)
from airflow_provider_aliyunsms.campaign.guards.limits.prices import Money, read_money

__all__ = ["ExpectedCount", "LikeLastRun", "MaxCost", "MaxMessages", "MaxParts", "Money", "read_money"]
