# SPDX-License-Identifier: Apache-2.0
"""
Send SMS campaigns through Alibaba Cloud SMS from Apache Airflow.

The package is an Airflow provider; :mod:`airflow_provider_aliyunsms.get_provider_info` describes it to Airflow.
"""

__version__ = "0.1.0"
