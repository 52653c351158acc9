# SPDX-License-Identifier: Apache-2.0
"""Forked processes that each run one try of a campaign and say what came of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from typing import Any

from racekit.worlds import make_try

FORK = multiprocessing.get_context("fork")
LONGEST = 90.0


@dataclass(frozen=True)
class Ending:
    """
    What one process said.

    :param summary: the result of its try, None when it refused or died.
    :param error: the error with which it refused.
    """

    summary: dict[str, Any] | None = None
    error: str | None = None

    @property
    def has_refused(self):
        """Whether it said, in words for a person, that the campaign is another process's."""
        return self.error is not None and "another process has taken this campaign over" in self.error

    @property
    def has_refused_storage(self):
        """Whether it said that the storage is none for a ledger, and what to do."""
        return self.error is not None and all(
            part in self.error
            for part in ("FinalConfigurationError", "replaces a file", "Give ledger_path a place")
        )


class Try:
    """
    One try in a process of its own.

    :param offset: seconds to wait after the start.
    :param start: a barrier for all that start together, None to start at once.
    :param work: the arguments of :func:`make_try`.
    """

    def __init__(self, *, offset=0.0, start=None, **work):
        self._mine, self._theirs = FORK.Pipe(duplex=False)
        self.process = FORK.Process(target=_run, args=(self._theirs, start, offset, work), daemon=True)
        self.process.start()
        self._theirs.close()

    def kill(self):
        self.process.kill()
        self.process.join(10)

    def ending(self):
        """Wait for the end and return what it said; a process without a word has died."""
        try:
            found = self._mine.recv() if self._mine.poll(LONGEST) else Ending(error="it did not end")
        except EOFError:
            found = Ending(error="it died")
        if self.process.is_alive():
            self.process.join(10)
        if self.process.is_alive():
            self.kill()
        return found


def _run(pipe, start, offset, work):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _be_quiet()
    begin = make_try(**work)
    if start is not None:
        start.wait(30)
    time.sleep(offset)
    try:
        pipe.send(Ending(summary=begin()))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent judges it
        pipe.send(Ending(error=f"{type(error).__name__}: {error}"))


def _be_quiet():
    """Keep the warnings of Airflow, which knows of no such worker, off the terminal."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
