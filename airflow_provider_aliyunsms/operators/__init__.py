# SPDX-License-Identifier: Apache-2.0
"""Provide the Airflow operators that send campaigns."""
