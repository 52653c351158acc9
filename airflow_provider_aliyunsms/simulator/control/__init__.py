# SPDX-License-Identifier: Apache-2.0
"""
Show the state of the simulator to tests and users, and change it on request.

The input are requests below :data:`PREFIX`: plan a fault, change settings, reset, read the inbox and the counts. The
output is JSON, a file, a stream of events, or the page of the inbox.

* ``routes`` defines the calls that change something or that tests ask for, whose forms are in ``bodies`` and
  ``answers``; ``inbox_routes`` those of the page, and the page itself. ``description`` describes them all for
  ``openapi.json``, from which other languages generate clients.
* ``index`` counts campaigns and finds messages that a phone got twice; ``listings`` searches. Both read the inbox
  when somebody asks, never when a message is accepted: the simulator is what clients are measured against.
* ``views`` holds the forms in which all of it is shown; ``export`` and ``events`` send it as a file and as a stream.
* ``static`` is the page, as it is sent to the browser.

The control API is not part of the simulated gateway: its requests are not signed, not throttled and not counted as
calls. It has no access control and is meant for a loopback address.

What must never happen: a text of a message becomes HTML on the page.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.simulator.control.description import app_settings
from airflow_provider_aliyunsms.simulator.control.routes import PREFIX, control_routes

__all__ = ["PREFIX", "app_settings", "control_routes"]
