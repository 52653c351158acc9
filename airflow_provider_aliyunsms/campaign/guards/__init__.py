# SPDX-License-Identifier: Apache-2.0
"""
Judge a campaign before its first call and between its windows: it may send, must wait, or is a mistake.

A guard is a small frozen object with one method, ``before_sending(facts) -> verdict``. ``guards=[...]`` of the send
operators takes any number of them, from here or written by the user; they are asked in that order until one does
not say *go*.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.guards.canary import Canary, Sample
from airflow_provider_aliyunsms.campaign.guards.facts import Facts, Held, Surroundings
from airflow_provider_aliyunsms.campaign.guards.frequency import FrequencyCap
from airflow_provider_aliyunsms.campaign.guards.hours import Fresh, QuietHours
from airflow_provider_aliyunsms.campaign.guards.judge import GuardJudge
from airflow_provider_aliyunsms.campaign.guards.limits import (
    ExpectedCount,
    LikeLastRun,
    MaxCost,
    MaxMessages,
    MaxParts,
)
from airflow_provider_aliyunsms.campaign.guards.people import Approved, Rehearsed
from airflow_provider_aliyunsms.campaign.guards.preflight import Preflight
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
    "Approved",
    "Canary",
    "Decision",
    "ExpectedCount",
    "Facts",
    "FrequencyCap",
    "Fresh",
    "Guard",
    "GuardJudge",
    "Held",
    "LikeLastRun",
    "MaxCost",
    "MaxMessages",
    "MaxParts",
    "OutcomeGuard",
    "Preflight",
    "QuietHours",
    "Rehearsed",
    "Sample",
    "Suppress",
    "Surroundings",
    "Verdict",
    "WindowGuard",
    "fail",
    "go",
    "skip",
    "wait_until",
]
