# SPDX-License-Identifier: Apache-2.0
"""
Note, for each thread, what its requests do on their way out of this machine.

``connection.py`` writes it. ``Transport`` reads whether a request has begun to leave. Whoever measures how long calls
take reads whether a connection was opened for one.
"""

from __future__ import annotations

import threading


class Departures(threading.local):
    """
    What the requests of the current thread did.

    :ivar begun: its current request has begun to leave.
    :ivar opened: how many connections it has begun to open, in all.
    """

    # One flag is enough, because a thread makes one request at a time. It is local to the thread: a shared flag would
    # mark the requests of other threads as sent, or as never sent.
    begun: bool = False
    # A number and no flag: measurements may stand within each other, and a flag that the inner one resets would make
    # the outer one take a slow call for one over an open connection.
    opened: int = 0


departures = Departures()
"""Those of the current thread; ``Transport.send`` resets the flag before an attempt and reads it after a failure."""
