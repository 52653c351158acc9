# SPDX-License-Identifier: Apache-2.0
"""The wire: signing, one HTTP attempt, codes and the calls. Knows no Airflow."""
