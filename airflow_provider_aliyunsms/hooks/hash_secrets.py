# SPDX-License-Identifier: Apache-2.0
"""Find the secrets of the deployment that are mixed into hashes of phone numbers."""

from __future__ import annotations

import os
from typing import Final

from airflow.providers.common.compat.sdk import conf

_FERNET: Final = "AIRFLOW__CORE__FERNET_KEY"


def secrets_known(given: str | None) -> tuple[bytes, ...]:
    """
    Return the secrets for hashes of recipients in ledgers and names of files, the one for new ones first.

    A secret must be the same on every worker: that of the connection is, and so is a Fernet key that the deployment
    gives by an environment variable. One that Airflow has made up for a machine of its own is not taken.

    :param given: the connection's ``ledger_secret``.
    """
    found = [given] if given else []
    if any(name in os.environ for name in (_FERNET, f"{_FERNET}_CMD", f"{_FERNET}_SECRET")):
        keys = conf.get("core", "fernet_key", fallback="") or ""
        found += [key.strip() for key in keys.split(",") if key.strip()]
    return tuple(secret.encode() for secret in found)
