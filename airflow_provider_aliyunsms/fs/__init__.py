# SPDX-License-Identifier: Apache-2.0
"""
Make storages known to Airflow that no provider of its own brings.

Airflow reads the names of these modules from the provider info, imports them whenever a path is opened, and calls
their ``get_fs``. ``oss`` reads the connection of an ``oss://`` path; ``oss_storage`` is the storage itself, and is
imported only where it is used. Another storage is another module with ``schemes`` and ``get_fs``.
"""
