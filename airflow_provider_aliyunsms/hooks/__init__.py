# SPDX-License-Identifier: Apache-2.0
"""
Make API clients, storages, database cursors and delivery watches from Airflow connections.

``aliyun_sms`` is the hook of the connection type. ``settings`` reads and checks the fields of a connection,
``clients`` makes the API client from them, ``connection_test`` is behind the button "Test". ``storage`` opens paths
and URIs, ``sql_cursor`` runs a query, ``delivery_watch`` puts a delivery watch together. This is the lowest layer
that imports Airflow.
"""
