# SPDX-License-Identifier: Apache-2.0
"""Create the spool's private SQLite file, which only this user can read and which leaves no data behind."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

from airflow_provider_aliyunsms.audience.disk import disk_before_sending
from airflow_provider_aliyunsms.codes import LocalCode
from airflow_provider_aliyunsms.exceptions import AudienceError

_SETTINGS = """
PRAGMA page_size = 8192;
-- The file is a cache: it is filled from the source and settled from the ledger, and after a crash a new one
-- is made. So there is nothing to recover after a crash, and durability would only cost time and disk.
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -32000;
"""

_SCHEMA = """
CREATE TABLE page (
    number INTEGER PRIMARY KEY, size INTEGER NOT NULL,
    keys BLOB NOT NULL, numbers TEXT NOT NULL, contents TEXT NOT NULL,
    given TEXT,             -- NULL: written as in numbers
    states BLOB, message_ids TEXT
);
CREATE TABLE response (id INTEGER PRIMARY KEY, out_id TEXT NOT NULL, biz_id TEXT, time TEXT NOT NULL);
CREATE TABLE rejection (
    seq INTEGER PRIMARY KEY, row INTEGER NOT NULL, line INTEGER,
    code TEXT NOT NULL, field TEXT NOT NULL, reason TEXT NOT NULL
);
"""


class SpoolFile:
    """
    A SQLite file in a directory of its own that only this user can enter.

    The file exists as long as the connection. Its name is removed as soon as it is open, so that a killed process
    leaves an empty directory and not a list of phone numbers.

    :param directory: the parent of that directory; the system's temporary directory by default.
    :ivar connection: the connection, for use by the thread that made it only.
    :raises AudienceError: when the directory or the file cannot be written; nothing was sent.
    """

    def __init__(self, directory: Path | None) -> None:
        try:
            self.directory = Path(tempfile.mkdtemp(prefix="aliyunsms-", dir=directory))
        except OSError as error:
            problem = error.strerror or type(error).__name__
            msg = f"The local working copy of the audience cannot be made: {problem}. Nothing was sent now."
            raise AudienceError(
                msg,
                code=LocalCode.DISK.value,
                advice="free the worker's temporary directory or name another one.",
            ) from error
        try:
            with disk_before_sending():
                self.connection = self._open()
        except AudienceError:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise

    def close(self) -> None:
        """Close the connection and delete the file and its directory. A second call does nothing."""
        self.connection.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _open(self) -> sqlite3.Connection:
        path = self.directory / "spool.sqlite"
        # isolation_level=None: Python opens no transactions of its own, so every BEGIN and COMMIT is in our code.
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.executescript(_SETTINGS)
            connection.executescript(_SCHEMA)
            # Not earlier: SQLite creates the file with its first statements. Not later: this must come before any row
            # is written, so that a killed process leaves no phone numbers behind.
            path.unlink()
        except (sqlite3.Error, OSError):
            connection.close()
            raise
        return connection
