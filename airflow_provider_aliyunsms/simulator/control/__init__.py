# SPDX-License-Identifier: Apache-2.0
"""
Let tests and people look into the simulator and tell it what to do.

What enters are requests below :data:`PREFIX`: plan a fault, change settings, reset, read the inbox and the counts.
What leaves is JSON, or the inbox as a page for people.

* ``routes`` are the calls of the control API, ``page`` draws the inbox.

It is not part of the simulated gateway: nothing here is signed, throttled or counted as a call. It is meant for a
loopback address.

What must never happen: a text of a message is shown unescaped on the page.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.simulator.control.routes import PREFIX, control_routes

__all__ = ["PREFIX", "control_routes"]
