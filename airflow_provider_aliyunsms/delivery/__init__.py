# SPDX-License-Identifier: Apache-2.0
"""What became of it at the carrier. Knows no Airflow and no HTTP."""
