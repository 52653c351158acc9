# SPDX-License-Identifier: Apache-2.0
"""Airflow sensors: wait for the delivery of campaigns."""
