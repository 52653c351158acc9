# SPDX-License-Identifier: Apache-2.0
"""Provide the Airflow sensor that waits for the delivery of campaigns; ``deferral`` connects it with the trigger."""
