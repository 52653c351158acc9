# SPDX-License-Identifier: Apache-2.0
"""
Limit how many messages a phone number gets from all campaigns together.

``frequency`` holds the guard: it claims what each number is to get in the store of ``claims``, leaves out what is
over the cap, and settles the claims after the sending. ``subject_rows`` sorts the rows of an audience by what is
counted, on the local disk, so that the rows of one number come together and the store is asked in its own order.
"""

from __future__ import annotations

from airflow_provider_aliyunsms.campaign.guards.frequency.frequency import FrequencyCap

__all__ = ["FrequencyCap"]
