# SPDX-License-Identifier: Apache-2.0
"""Send alerts by SMS from Airflow callbacks."""
