# SPDX-License-Identifier: Apache-2.0
"""
Count the messages of the last hour in a small file, and refuse those over a limit.

Callbacks run in many short-lived processes, so no process can hold the count. All processes of one machine share the
file, and so do machines that share the folder. A message that cannot be counted is not sent.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from airflow_provider_aliyunsms.private_files import make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WINDOW: Final = 3600.0


class HourlyCap:
    """
    Allow at most a fixed number of messages within any hour, counted in one file.

    Each call locks, reads and writes the file, which has a few hundred bytes.

    :param folder: the folder of the file; made when it is missing, for its owner alone.
    :param identity: names the count; messages with the same identity are counted together. Its hash is part of the
        file's name.
    :param limit: the largest number of messages within an hour.
    :param now: returns seconds since the epoch; the wall clock, because several processes must agree on it.
    """

    def __init__(
        self, *, folder: Path, identity: str, limit: int, now: Callable[[], float] = time.time
    ) -> None:
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", identity)[:60].strip("._")
        digest = hashlib.blake2b(identity.encode(), digest_size=6).hexdigest()
        self.path = folder / f"{readable}-{digest}.json"
        self._limit = limit
        self._now = now

    def take(self) -> float | None:
        """
        Count a message; call it before the message is sent.

        :returns: the moment from which the message counts, in seconds since the epoch, for :meth:`give_back`; None
            when the hour is full.
        :raises OSError: the file cannot be read or written; do not send.
        """
        with self._locked() as file:
            stamps = self._recent(file)
            if len(stamps) >= self._limit:
                return None
            moment = self._now()
            _write(file, [*stamps, moment])
            return moment

    def give_back(self, moment: float) -> None:
        """
        Count one message less; only for one that was certainly not sent.

        :param moment: the value that :meth:`take` returned for it.
        :raises OSError: the file cannot be read or written.
        """
        with self._locked() as file:
            stamps = self._recent(file)
            if moment in stamps:
                stamps.remove(moment)
                _write(file, stamps)

    @contextmanager
    def _locked(self) -> Iterator[TextIO]:
        make_private_folder(self.path.parent)
        # Without O_TRUNC: the count of other processes must survive the opening. Never through a link.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
            # Held until the file is closed. Without it two processes could read the same count, and both would send.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _recent(self, file: TextIO) -> list[float]:
        text = file.read()
        try:
            stamps = [float(stamp) for stamp in json.loads(text)] if text else []
        except (ValueError, TypeError):
            # A crash or a full disk left half a file. The true count is lost, so the hour counts as full until the
            # file is an hour old.
            stamps = [self.path.stat().st_mtime] * self._limit
        now = self._now()
        # The difference counts in both directions. A clock that was set back leaves moments in the future: within an
        # hour they still count, and beyond that they do not block the alerts of the next day.
        return [stamp for stamp in stamps if abs(now - stamp) < WINDOW]


def _write(file: TextIO, stamps: list[float]) -> None:
    # A crash after the truncation leaves an unreadable file, which _recent takes for a full hour: fewer alerts, never
    # more.
    file.seek(0)
    file.truncate()
    json.dump(stamps, file)
    file.flush()
