# SPDX-License-Identifier: Apache-2.0
"""
Show the state of the simulator to tests and users, and change it on request.

The input are requests below :data:`PREFIX`: plan a fault, change settings, reset, read the inbox and the counts. The
output is JSON, or the inbox as an HTML page.

* ``routes`` defines the calls of the control API; ``page`` renders the inbox.

The control API is not part of the simulated gateway: its requests are not signed, not throttled and not counted as
calls. It has no access control and is meant for a loopback address.

What must never happen: the page shows the text of a message unescaped.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.simulator.control.routes import PREFIX, control_routes

__all__ = ["PREFIX", "control_routes"]
