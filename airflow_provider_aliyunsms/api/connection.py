# SPDX-License-Identifier: Apache-2.0
"""
Open HTTP connections that record whether a request has begun to leave this machine.

Only a request that has begun to leave can have been accepted. urllib3 raises the same kinds of errors before and
after that moment, so the moment itself is recorded: the first byte written to a connection that is open from end to
end, proxy tunnel and TLS handshake included.
"""

from __future__ import annotations

import io
import time
from functools import cache
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from airflow_provider_aliyunsms.api.departures import departures

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer
    from urllib3 import PoolManager
    from urllib3.connectionpool import HTTPConnectionPool

# A server may close a kept-alive connection at any time, and a request written to such a connection has an ambiguous
# outcome. So a connection that has not been written to for this long is not used again.
_IDLE_LIMIT_SECONDS = 4.0


class DepartureConnection(HTTPConnection):
    """
    An HTTP connection that records when a request begins to leave this machine.

    It reports itself as dropped when nothing has been written to it for a few seconds, so that urllib3 opens a new
    one.
    """

    _connecting = False
    _last_used = 0.0

    def connect(self) -> None:
        """Open the connection, without counting what the proxy tunnel and the TLS handshake write as the request."""
        # Before it, so that an attempt that fails counts, too: it takes as long.
        departures.opened += 1
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        """Write data, and record that the request is leaving unless this is still part of connecting."""
        # Connect first: http.client would otherwise connect inside its own send(), after the check below, and the
        # request would leave without being recorded.
        if self.sock is None and self.auto_open:
            self.connect()
        if not self._connecting and self.sock is not None:
            # Before the write: a write that fails half-way has left in part, and would otherwise be reported as never
            # sent and be sent again.
            departures.begun = True
            self._last_used = time.monotonic()
        super().send(data)

    @property
    def is_connected(self) -> bool:
        """Whether the connection may carry another request."""
        return time.monotonic() - self._last_used < _IDLE_LIMIT_SECONDS and super().is_connected


class DeadlineResponse(HTTPResponse):
    """
    An HTTP response that must be complete within the read timeout.

    A socket timeout alone starts anew with every byte, so that a slow server could hold a thread for ever. Reading
    raises ``TimeoutError`` once the time is over.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        timeout = sock.gettimeout()
        if timeout is not None:
            # The first reader holds a reference to the socket: left open, it would keep the socket open.
            self.fp.close()
            self.fp = io.BufferedReader(_DeadlineReader(sock, deadline=time.monotonic() + timeout))


class _DeadlineReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, *, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        # http.client may close the socket before the body is read; a file of makefile() keeps it open until then.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class DepartureAdapter(HTTPAdapter):
    """An adapter of the ``requests`` library whose connections record when a request leaves, through proxies, too."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the manager of the pools for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _track(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> PoolManager:
        """Return the manager of the pools for one proxy, made on first use."""
        manager: PoolManager = super().proxy_manager_for(proxy, **proxy_kwargs)
        _track(manager)
        return manager


def _track(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _tracking(pool_class) for scheme, pool_class in manager.pool_classes_by_scheme.items()
    }


@cache
def _tracking(pool_class: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    # The class is derived at run time, because a proxy manager brings pool classes of its own.
    plain = pool_class.ConnectionCls
    if issubclass(plain, DepartureConnection):
        return pool_class
    noting = type(
        f"Departure{plain.__name__}", (DepartureConnection, plain), {"response_class": DeadlineResponse}
    )
    return type(f"Departure{pool_class.__name__}", (pool_class,), {"ConnectionCls": noting})
