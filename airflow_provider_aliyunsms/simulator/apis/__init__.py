# SPDX-License-Identifier: Apache-2.0
"""
Carry out the calls of both APIs on the simulator's state.

The input is an authenticated call with its parameters. The output is the reply that the documentation of the call
shows: accepted with ids, refused with a code, or records of sent messages.

* ``actions`` lists the calls and their rates. A new call needs one entry there and one function.
* ``china`` holds the calls of the 2017-05-25 API for messages, ``approvals`` those for templates and signatures;
  ``globe`` holds the calls of the 2018-05-01 API.
* ``fields`` reads parameters as the real APIs do: lists that are JSON in a text, numbers that are texts.

Every parameter is checked before anything is stored, so that a refused call leaves no message.

What must never happen: the simulator reads a request with code of the provider's client. It would then repeat the
client's mistakes and could not show them. For this reason phone numbers are read by code of its own, too. The
simulator imports only the error classes of the package.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.simulator.apis.actions import (
    ACTIONS,
    SENDS,
    Action,
    check_rate,
    find_action,
    throttled,
)
from airflow_provider_aliyunsms.simulator.apis.china import beijing_time

__all__ = ["ACTIONS", "SENDS", "Action", "beijing_time", "check_rate", "find_action", "throttled"]
