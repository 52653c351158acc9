# SPDX-License-Identifier: Apache-2.0
"""
Remember what the simulated platform would remember.

What enters are accepted messages, used nonces, planned faults and settings; what leaves are the records that
queries ask for, the inbox of the page and the counts that tests judge by.

* ``state`` holds everything; ``inbox`` the messages by phone, with their delivery; ``journal`` writes accepted
  messages and nonces to a file, so that a killed simulator comes back knowing them.
* ``nonces`` refuses a nonce for fifteen minutes; ``rates`` counts calls in a sliding second; ``templates`` knows
  which signatures and templates are approved; ``faults`` holds what shall go wrong, and when.

The order of things: a message is in the journal before its call is answered.

What must never happen: a message that was accepted is forgotten, because tests prove by it that nobody got two.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.simulator.memory.faults import Fault, Kind
from airflow_provider_aliyunsms.simulator.memory.inbox import Draft, Message, Submission
from airflow_provider_aliyunsms.simulator.memory.nonces import FRESHNESS_S
from airflow_provider_aliyunsms.simulator.memory.state import State

__all__ = ["FRESHNESS_S", "Draft", "Fault", "Kind", "Message", "State", "Submission"]
