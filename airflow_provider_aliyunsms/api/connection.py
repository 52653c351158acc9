# SPDX-License-Identifier: Apache-2.0
"""
Connections that know whether a request has begun to leave this machine.

urllib3 raises the same kinds of errors before and after that moment, so the moment itself is noted: the first
byte written to a connection that is open from end to end, proxy tunnel and TLS handshake included.
"""

from __future__ import annotations

import io
import threading
import time
from functools import cache
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer
    from urllib3 import PoolManager
    from urllib3.connectionpool import HTTPConnectionPool

# Servers close kept-alive connections when they like, and a request written to a dying one is ambiguous.
_IDLE_LIMIT_SECONDS = 4.0


class _Departures(threading.local):
    """Whether this thread's current request has begun to leave; one request per thread at a time."""

    begun: bool = False


departures = _Departures()


class DepartureConnection(HTTPConnection):
    """Notes departures, and answers as dropped once it has idled too long to be trusted."""

    _connecting = False
    _last_used = 0.0

    def connect(self) -> None:
        """Connect; what the tunnel and the handshake write is not the request."""
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        """Write, and note that the request is leaving unless this is still part of connecting."""
        if self.sock is None and self.auto_open:
            self.connect()
        if not self._connecting and self.sock is not None:
            departures.begun = True
            self._last_used = time.monotonic()
        super().send(data)

    @property
    def is_connected(self) -> bool:
        """Whether the connection may carry another request."""
        return time.monotonic() - self._last_used < _IDLE_LIMIT_SECONDS and super().is_connected


class DeadlineResponse(HTTPResponse):
    """An answer that must be complete within the read timeout, however slowly its bytes drip."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        timeout = sock.gettimeout()
        if timeout is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_DeadlineReader(sock, deadline=time.monotonic() + timeout))


class _DeadlineReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, *, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        # makefile keeps the socket open until it is closed as well, which http.client relies on.
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
    """An HTTPAdapter whose connections, direct or through any proxy, note departures."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _track(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> PoolManager:
        """Make or find the pools of one proxy."""
        manager: PoolManager = super().proxy_manager_for(proxy, **proxy_kwargs)
        _track(manager)
        return manager


def _track(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {
        scheme: _tracking(pool_class) for scheme, pool_class in manager.pool_classes_by_scheme.items()
    }


@cache
def _tracking(pool_class: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Derive a pool whose connections note departures; made at run time because proxies bring their own."""
    plain = pool_class.ConnectionCls
    if issubclass(plain, DepartureConnection):
        return pool_class
    noting = type(
        f"Departure{plain.__name__}", (DepartureConnection, plain), {"response_class": DeadlineResponse}
    )
    return type(f"Departure{pool_class.__name__}", (pool_class,), {"ConnectionCls": noting})
