# SPDX-License-Identifier: Apache-2.0
"""
Judge a campaign by the clock: the hours in which people may be sent to, and whether a run comes too late.

``quiet_hours`` holds the two guards. ``daytime`` computes when hours begin and end, over midnight and where clocks
are set forward or back; it is pure. ``zones`` finds the time zones of a phone number, with what the ``phonenumbers``
library knows. Where the zones of a number are not known, nothing is sent to it.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.guards.hours.quiet_hours import Fresh, QuietHours

__all__ = ["Fresh", "QuietHours"]
