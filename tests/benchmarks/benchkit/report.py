# SPDX-License-Identifier: Apache-2.0
"""Words for whoever waits in front of the screen."""

from __future__ import annotations

import sys
import time

_BEGAN = time.monotonic()


def say(text):
    """Print a line with the seconds since the start."""
    print(f"[{time.monotonic() - _BEGAN:6.0f} s] {text}", file=sys.stderr, flush=True)
