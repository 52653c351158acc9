# SPDX-License-Identifier: Apache-2.0
"""Sending it once: chunks, pacing, ledger, evidence. Knows no Airflow and no HTTP."""
