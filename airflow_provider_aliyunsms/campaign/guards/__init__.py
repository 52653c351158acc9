# SPDX-License-Identifier: Apache-2.0
"""
Judge a campaign before its first call and between its windows: it may send, must wait, or is a mistake.

A guard is a small frozen object with one method, ``before_sending(facts) -> verdict``. ``guards=[...]`` of the send
operators takes any number of them, from here or written by the user; they are asked in that order until one does
not say *go*.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.guards.facts import Facts, Held, Surroundings
from airflow_provider_aliyunsms.campaign.guards.protocol import (
    Decision,
    Guard,
    OutcomeGuard,
    Verdict,
    WindowGuard,
    fail,
    go,
    skip,
    wait_until,
)
from airflow_provider_aliyunsms.campaign.guards.suppression import Suppress

__all__ = [
    "Decision",
    "Facts",
    "Guard",
    "Held",
    "OutcomeGuard",
    "Suppress",
    "Surroundings",
    "Verdict",
    "WindowGuard",
    "fail",
    "go",
    "skip",
    "wait_until",
]
