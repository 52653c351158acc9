# SPDX-License-Identifier: Apache-2.0
"""Turn the error of a full or failing local disk into one that names the next step."""

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
    Turn the error of a failing disk into an AudienceError while the audience is read and nothing was sent.

    :raises AudienceError: with the code ``local.DISK``; nothing was sent and this try sends nothing.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        msg = f"The local working copy of the audience cannot be written: {error}. Nothing was sent now."
        raise AudienceError(
            msg,
            code=LocalCode.DISK.value,
            advice="free space in the worker's temporary directory, or name another one.",
        ) from error


@contextmanager
def disk_while_sending() -> Iterator[None]:
    """
    Turn the error of a failing disk into a LedgerError once messages may have been sent.

    :raises LedgerError: the ledger holds what was sent, so a retry resumes.
    """
    try:
        yield
    except sqlite3.Error as error:
        msg = f"The local working copy of the audience failed while sending: {error}."
        raise LedgerError(msg, advice="free space in the worker's temporary directory and retry.") from error
