# SPDX-License-Identifier: Apache-2.0
"""Apache Airflow provider for Alibaba Cloud SMS."""

__version__ = "0.1.0"
