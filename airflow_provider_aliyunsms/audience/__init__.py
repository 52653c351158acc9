# SPDX-License-Identifier: Apache-2.0
"""Who shall receive what. Knows no Airflow and no HTTP."""
