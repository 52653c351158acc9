# SPDX-License-Identifier: Apache-2.0
"""
Hold the state of the simulated platform: messages, nonces, rates, templates, signatures and planned faults.

The input are accepted messages, used nonces, planned faults and settings. The output are the records that queries
return, the messages on the inbox page and the counts that tests check.

* ``state`` holds all other parts.
* ``inbox`` holds the messages by phone number.
* ``journal`` writes accepted messages and nonces to a file, so that a simulator that was killed has them again after
  its restart.
* ``nonces`` keeps used nonces for 15 minutes.
* ``rates`` counts the calls of the last second.
* ``templates`` holds the defined templates and renders messages; ``signatures`` holds the defined signatures;
  ``approvals`` names the states of both.
* ``frequency`` knows the limits per phone number.
* ``faults`` holds the planned faults.

A message is in the journal before the response to its call leaves.

What must never happen: an accepted message is lost. Tests prove with these messages that no recipient got two.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.simulator.memory.approvals import Approval
from airflow_provider_aliyunsms.simulator.memory.faults import MOST_FAULTS, Fault, Kind, Played
from airflow_provider_aliyunsms.simulator.memory.frequency import Sent, broken_limit
from airflow_provider_aliyunsms.simulator.memory.inbox import Draft, Message, Submission
from airflow_provider_aliyunsms.simulator.memory.nonces import FRESHNESS_S
from airflow_provider_aliyunsms.simulator.memory.signatures import (
    CARRIERS,
    LONGEST_SIGNATURE,
    MOST_SIGNATURES,
    Filing,
    Signature,
)
from airflow_provider_aliyunsms.simulator.memory.state import State
from airflow_provider_aliyunsms.simulator.memory.templates import (
    LONGEST_TEXT,
    MOST_TEMPLATES,
    Template,
    TemplateKind,
)

__all__ = [
    "CARRIERS",
    "FRESHNESS_S",
    "LONGEST_SIGNATURE",
    "LONGEST_TEXT",
    "MOST_FAULTS",
    "MOST_SIGNATURES",
    "MOST_TEMPLATES",
    "Approval",
    "Draft",
    "Fault",
    "Filing",
    "Kind",
    "Message",
    "Played",
    "Sent",
    "Signature",
    "State",
    "Submission",
    "Template",
    "TemplateKind",
    "broken_limit",
]
