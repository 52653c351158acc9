# SPDX-License-Identifier: Apache-2.0
"""Provide the links that Airflow shows for a send task."""
