# SPDX-License-Identifier: Apache-2.0
"""Provide ``sms_campaign``, the task group of a whole campaign from its rehearsal to its report."""
