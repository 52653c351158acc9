# SPDX-License-Identifier: Apache-2.0
"""Airflow hooks: a connection and the clients, storages and cursors made from it."""
