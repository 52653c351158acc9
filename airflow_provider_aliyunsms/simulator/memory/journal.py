# SPDX-License-Identifier: Apache-2.0
"""Keep accepted messages and used nonces in a file across restarts, one JSON object on each line."""

from __future__ import annotations

import json
import os
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_aliyunsms.exceptions import ConfigurationError
from airflow_provider_aliyunsms.simulator.memory.inbox import Draft, Submission

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_provider_aliyunsms.simulator.memory.inbox import Inbox
    from airflow_provider_aliyunsms.simulator.memory.nonces import Nonces


class Journal:
    """
    Append accepted requests and used nonces to a file, and load them when it is opened.

    Each entry is handed to the operating system before the response leaves, so SIGKILL loses nothing. A crash of the
    machine may lose the last entries, because there is no fsync. A line that a kill cut short is removed at the next
    start.

    :param path: the file; made when it is missing, readable by its owner alone.
    :param inbox: receives the messages in the file.
    :param nonces: receives the nonces in the file.
    :raises ConfigurationError: a complete line cannot be read.
    """

    def __init__(self, path: Path, *, inbox: Inbox, nonces: Nonces) -> None:
        self._path = path
        # Loaded before the file is opened for appending: loading removes half a line at its end.
        if path.exists() and not path.is_symlink():
            _load(path, inbox=inbox, nonces=nonces)
        # Never through a link, which could lead anywhere.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        self._file: IO[str] = os.fdopen(descriptor, "a", encoding="utf-8")

    def accepted(self, submission: Submission, drafts: Sequence[Draft]) -> None:
        """Append one accepted request with its messages."""
        shared = {name: getattr(submission, name) for name in Submission.__slots__}
        self._write({"accepted": shared, "rows": [_row(draft) for draft in drafts]})

    def nonce(self, *, key_id: str, nonce: str, at: float) -> None:
        """Append a used nonce."""
        self._write({"nonce": [key_id, nonce, at]})

    def clear(self) -> None:
        """Empty the file."""
        self._file.truncate(0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n")
        # Handed to the operating system before the caller responds; left in the buffer, a kill would lose the entry.
        self._file.flush()


def _row(draft: Draft) -> list[str | None]:
    return [draft.number, draft.content, draft.message_id, draft.sign_name, draft.carrier_error]


def _load(path: Path, *, inbox: Inbox, nonces: Nonces) -> None:
    whole = 0
    with path.open("rb") as file:
        for position, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            try:
                _replay(json.loads(line), inbox=inbox, nonces=nonces)
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigurationError(f"line {position} of the journal cannot be read") from error
    # Removes half a line at the end: the next entry would be appended to it, and neither could be read.
    os.truncate(path, whole)


def _replay(entry: dict[str, Any], *, inbox: Inbox, nonces: Nonces) -> None:
    if "nonce" in entry:
        key_id, nonce, at = entry["nonce"]
        nonces.add(key_id=key_id, nonce=nonce, at=at)
    else:
        inbox.accept(Submission(**entry["accepted"]), [Draft(*row) for row in entry["rows"]])
