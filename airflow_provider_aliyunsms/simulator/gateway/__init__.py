# SPDX-License-Identifier: Apache-2.0
"""
Handle a request as the real gateway does: read it, authenticate it, carry it out, respond; or play a planned fault.

The input is an HTTP request to ``/``. The output is a response in the real format, or a fault: a delay, a dropped
connection, a body cut short, a refusal.

* ``gateway`` handles one request from its first byte to the last one of the response.
* ``authentication`` checks the date and the signature of a request. It uses ``signatures``, a second implementation
  of both signing schemes. That one is written from the documentation and shares no code with ``api/``, so that it can
  show mistakes there.
* ``misbehave`` produces the response of a planned fault; ``wire`` drops and truncates connections.

The order of one request: find its action, take a planned fault, check authentication and nonce, check the rate, carry
the action out, respond. Requests and refusals are counted before the response leaves. The calls themselves are in
``simulator/apis``, the state they change is in ``simulator/memory``.

What must never happen: a request changes the stored messages although the response is a refusal, unless a planned
fault asks for that.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.simulator.gateway.gateway import Gateway
from airflow_provider_aliyunsms.simulator.gateway.wire import Connections, Wire

__all__ = ["Connections", "Gateway", "Wire"]
