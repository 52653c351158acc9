# SPDX-License-Identifier: Apache-2.0
"""
Judge a campaign before its first call and between its windows: it may send, must wait, or is a mistake.

A guard is a small frozen object with the method ``before_sending(facts) -> verdict``. ``guards=[...]`` of the send
operators takes any number of them, from here or written by the user. They are asked in their order until one does
not say *go*. What enters is :class:`Facts`: who would be sent to, with counts, parts, templates and the time. What
leaves is a :class:`Verdict`: *go*, *wait until*, *skip* or *fail*, each with a sentence and figures; and recipients
who are left out, or held back for a later pass.

* ``protocol`` says what a guard must be and makes verdicts; ``facts`` holds what guards know and may do; ``judge``
  asks them in the order of a try and turns a decision against sending into an error.
* ``hours`` judges by the clock; ``limits`` by size, parts and cost;
  ``preflight`` by what the vendor knows of template and signatures; ``people`` by a rehearsal and an approval;
  ``canary`` by the delivery of a sample.
* ``suppression`` leaves out the numbers of a list; ``frequency`` those who got enough from all
  campaigns together; ``daily`` adds up what all campaigns send on a day, for the limits. The last two keep what
  campaigns claim in ``claims``.

The order of a try: the ledger is applied to the spool; :meth:`GuardJudge.before_sending` asks the guards; calls are
made, and :meth:`GuardJudge.before_window` asks some of them about once a second; the receipts are written;
:meth:`GuardJudge.after_sending` tells those that want to know. The sender (``campaign/sending``) does not open a
window, make a call or replay one after a decision against sending. A pass that held somebody back ends in
``GuardWaitError``, for which the task gives its slot back.

Only the main thread uses this package. What must never happen: a guard that cannot judge lets a campaign pass; a
message leaves after a decision against sending; a guard changes anything outside in a dry run; a verdict holds a
phone number, a text or a value.

A DAG file imports this package when it is parsed: modules import little at their top. Another guard is a class in the
module of its noun, or a module, and a name here. A question to the vendor goes through ``VendorFacts``
(``campaign/ports.py``) and :class:`Facts`.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.guards.canary import AfterSample, Canary, Sample
from airflow_provider_aliyunsms.campaign.guards.daily import DailyTotal
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
    Money,
    read_money,
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
    "AfterSample",
    "Approved",
    "Canary",
    "DailyTotal",
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
    "Money",
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
    "read_money",
    "skip",
    "wait_until",
]
