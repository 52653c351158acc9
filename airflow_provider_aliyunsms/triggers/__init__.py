# SPDX-License-Identifier: Apache-2.0
"""Airflow triggers: watch the delivery of campaigns in the triggerer."""
