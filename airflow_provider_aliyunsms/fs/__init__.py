# SPDX-License-Identifier: Apache-2.0
"""Storages that Airflow learns of by this package."""
