# SPDX-License-Identifier: Apache-2.0
"""Turn a full or failing disk into an error that says what to do."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import AudienceError, LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def disk_before_sending() -> Iterator[None]:
    """
    Say what a failing disk means while the spool is filled.

    :raises AudienceError: nothing was sent and nothing will be.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        msg = f"The local working copy of the audience cannot be written: {error}. Nothing was sent."
        raise AudienceError(
            msg,
            code=LocalCode.DISK.value,
            advice="free space in the worker's temporary directory, or name another one.",
        ) from error


@contextmanager
def disk_while_sending() -> Iterator[None]:
    """
    Say what a failing disk means once messages are out.

    :raises LedgerError: what was sent is in the ledger, so a retry resumes.
    """
    try:
        yield
    except sqlite3.Error as error:
        msg = f"The local working copy of the audience failed while sending: {error}."
        raise LedgerError(msg, advice="free space in the worker's temporary directory and retry.") from error
