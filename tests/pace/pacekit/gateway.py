# SPDX-License-Identifier: Apache-2.0
"""A gateway that notes by its own clock when each call arrives, and answers at once."""

from __future__ import annotations

import selectors
import socket
import threading
import time


class Gateway:
    """
    Answer one byte with one byte, on a port of loopback; a context.

    :ivar arrivals: when each call arrived, in monotonic seconds, in order.
    :ivar names: the letter of each.
    :ivar asked: when each ``?`` arrived, which is no call but says that one is wanted.
    """

    def __init__(self):
        self.arrivals = []
        self.names = []
        self.asked = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(5)

    def most_in_a_second(self):
        """Return the largest number of calls that arrived within any second."""
        most = first = 0
        for last, at in enumerate(self.arrivals):
            while at - self.arrivals[first] >= 1.0:
                first += 1
            most = max(most, last - first + 1)
        return most

    def between(self, began, ended):
        """Return how many calls arrived in a span of time."""
        return sum(began <= at < ended for at in self.arrivals)

    def _serve(self):
        while not self._over.is_set():
            for key, _ in self._selector.select(0.1):
                if key.fileobj is self._listener:
                    connection, _ = self._listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._selector.register(connection, selectors.EVENT_READ)
                else:
                    self._answer(key.fileobj)

    def _answer(self, connection):
        try:
            if letter := connection.recv(1):
                if letter == b"?":
                    self.asked.append(time.monotonic())
                    connection.sendall(b"y")
                    return
                self.names.append(letter.decode())
                self.arrivals.append(time.monotonic())
                connection.sendall(b"y")
                return
        except OSError:
            pass
        self._selector.unregister(connection)
        connection.close()
