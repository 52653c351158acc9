# SPDX-License-Identifier: Apache-2.0
"""What a person sees: steps with their times, one line each, the last one alive on a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
import unicodedata
from typing import TextIO

LABEL = 17


class Screen:
    """
    Writes to standard output; with colours and a living line only where that is a terminal.

    :param stream: where to.
    """

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._alive = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self._alive and "NO_COLOR" not in os.environ
        self._label = ""
        self._since = 0.0
        # a terminal that knows no Chinese shows question marks, which is better than an error
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")

    @property
    def width(self) -> int:
        """Columns to write in; where there is no terminal, as many as a wide one has."""
        return min(shutil.get_terminal_size((110, 24)).columns, 120) if self._alive else 110

    def say(self, text: str = "") -> None:
        """Write a line."""
        self._stream.write(text + "\n")
        self._stream.flush()

    def begin(self, label: str, text: str) -> None:
        """Begin a step."""
        self._label, self._since = label, time.monotonic()
        self.update(text)

    def update(self, text: str) -> None:
        """Say how far the step is; shown on a terminal only."""
        if self._alive:
            line = clip(f"  {self._label:<{LABEL}} {text}", self.width - 1)
            self._stream.write(f"\r\x1b[2K{line}")
            self._stream.flush()

    def end(self, text: str) -> None:
        """End the step with what came of it."""
        if self._alive:
            self._stream.write("\r\x1b[2K")
        seconds = f"{time.monotonic() - self._since:5.1f} s"
        self.say(f"  {self._label:<{LABEL}} {pad(text, 52)} {self.dim(seconds)}")

    def abandon(self) -> None:
        """Leave the living line, because something else must be said."""
        if self._alive:
            self._stream.write("\r\x1b[2K")

    def bold(self, text: str) -> str:
        """Make a text stand out."""
        return f"\x1b[1m{text}\x1b[0m" if self._colours else text

    def dim(self, text: str) -> str:
        """Make a text step back."""
        return f"\x1b[2m{text}\x1b[0m" if self._colours else text


def columns(text: str) -> int:
    """Return the columns a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def pad(text: str, width: int) -> str:
    """Fill up with blanks on the right."""
    return text + " " * max(0, width - columns(text))


def clip(text: str, width: int) -> str:
    """Cut off what does not fit."""
    while columns(text) > width:
        text = text[:-1]
    return text
