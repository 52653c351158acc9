# SPDX-License-Identifier: Apache-2.0
"""
Carry out the calls of both APIs against the simulator's memory.

What enters is an authenticated call with its form fields; what leaves is the reply that the documentation of the
call shows: accepted with ids, refused with a code, or records of what was sent.

* ``actions`` lists the calls and their rates: a new call is one entry here and one function.
* ``china`` holds the calls of the 2017-05-25 API, ``globe`` those of the 2018-05-01 API.
* ``fields`` reads form fields as the real APIs do: lists that are JSON in a text, numbers that are texts.

The order of things: every field is checked before anything is remembered, so that a refused call leaves no message.

What must never happen: the code of the provider's client is used to understand what the client sent. Only the code
tables are shared; reading numbers is a second opinion.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.simulator.apis.actions import (
    ACTIONS,
    Action,
    check_rate,
    find_action,
    throttled,
)
from airflow_provider_aliyunsms.simulator.apis.china import beijing_time

__all__ = ["ACTIONS", "Action", "beijing_time", "check_rate", "find_action", "throttled"]
