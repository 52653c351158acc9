# SPDX-License-Identifier: Apache-2.0
"""
Take a request as the real gateway would: read it, authenticate it, let faults happen, answer it.

What enters is an HTTP request to ``/``; what leaves is a response in the real format, or a fault: a delay, a
dropped connection, a body cut short, a refusal.

* ``gateway`` is the way of one request from the first byte to the last.
* ``authentication`` checks the signature, the date and the nonce, through ``signatures``: a second implementation
  of both signing schemes, written from the documentation and not shared with ``api/``, so that it can find its
  mistakes.
* ``misbehave`` turns a planned fault into what happens; ``wire`` drops and truncates connections.

The order of things: fault, authentication, rate, action, response; each step is counted before it is answered. What
the calls themselves do is in ``simulator/apis``, what they remember in ``simulator/memory``.

What must never happen: a request that changes the memory although the answer says it was refused, unless a fault is
planned that does just that.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.simulator.gateway.gateway import Gateway
from airflow_provider_aliyunsms.simulator.gateway.wire import Connections, Wire

__all__ = ["Connections", "Gateway", "Wire"]
