# SPDX-License-Identifier: Apache-2.0
"""Breaking connections for real: the way from a request to the TCP transport it came through."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Receive, Scope, Send

Connections = Callable[[], Iterable[object]]

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Wire:
    """
    Finds the transport behind a request by its peer's address.

    :param connections: gives the server's open connections, each with ``client`` and ``transport``.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def abort(self, scope: Scope) -> None:
        """Reset the connection: the peer reads an error, not an end of file."""
        transport = self._transport(scope)
        if transport is not None:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()

    def close(self, scope: Scope) -> None:
        """End the connection after what was written has left."""
        transport = self._transport(scope)
        if transport is not None:
            transport.close()

    def _transport(self, scope: Scope) -> asyncio.Transport | None:
        for connection in self._connections():
            if getattr(connection, "client", None) == tuple(scope["client"]):
                transport: asyncio.Transport | None = getattr(connection, "transport", None)
                return transport
        return None


class DroppedResponse(Response):
    """No answer at all: the connection is reset."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Answer with a reset."""
        self._wire.abort(scope)
        await _gone(receive)


class TruncatedResponse(Response):
    """Half of a body whose full length was announced, then the end of the connection."""

    def __init__(self, wire: Wire, *, content: bytes, media_type: str) -> None:
        super().__init__(content, media_type=media_type)
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with half a body."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        self._wire.close(scope)
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    # unless it has seen the disconnect, the server takes a return without an answer for a bug
    while (await receive())["type"] != "http.disconnect":
        continue
