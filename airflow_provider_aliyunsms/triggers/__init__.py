# SPDX-License-Identifier: Apache-2.0
"""Provide the Airflow trigger that watches the delivery of campaigns in the triggerer."""
