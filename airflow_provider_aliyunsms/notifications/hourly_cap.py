# SPDX-License-Identifier: Apache-2.0
"""
How many messages went out within the last hour, counted in a small file.

Callbacks run in many short-lived processes, so the count cannot live in one of them. A file is shared by all
processes of one machine, and by machines that share the folder. What cannot be counted is not sent.
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WINDOW: Final = 3600.0


class HourlyCap:
    """
    At most so many within any hour; every call locks, reads and writes one file of a few hundred bytes.

    :param folder: made if need be, for the owner alone.
    :param identity: what the count belongs to; its hash names the file.
    :param limit: how many in an hour.
    :param now: wall clock, because processes share it.
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
        Count one more, before it is sent; None when the hour is full.

        :return: the moment it counts from, for :meth:`give_back`.
        :raises OSError: the file cannot be read or written.
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
        Count one less: it was certainly not sent.

        :raises OSError: the file cannot be read or written.
        """
        with self._locked() as file:
            stamps = self._recent(file)
            if moment in stamps:
                stamps.remove(moment)
                _write(file, stamps)

    @contextmanager
    def _locked(self) -> Iterator[TextIO]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _recent(self, file: TextIO) -> list[float]:
        text = file.read()
        try:
            stamps = [float(stamp) for stamp in json.loads(text)] if text else []
        except (ValueError, TypeError):
            # Half a file, from a crash or a full disk: it counts as full until it is an hour old.
            stamps = [self.path.stat().st_mtime] * self._limit
        now = self._now()
        # a clock that was set back must not free the hour, nor block the next day
        return [stamp for stamp in stamps if abs(now - stamp) < WINDOW]


def _write(file: TextIO, stamps: list[float]) -> None:
    file.seek(0)
    file.truncate()
    json.dump(stamps, file)
    file.flush()
