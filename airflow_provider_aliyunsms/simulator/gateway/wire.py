# SPDX-License-Identifier: Apache-2.0
"""Reset or end the TCP connection of a request, for faults that break it."""

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
    Break the connection of a request, which is found by the address of its client.

    :param connections: returns the server's open connections, each with ``client`` and ``transport``.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def abort(self, scope: Scope) -> None:
        """Reset the connection of a request: the client reads an error, not an end of file."""
        transport = self._transport(scope)
        if transport is not None:
            raw = transport.get_extra_info("socket")
            # Set before the transport closes the socket: without it the client would read an ordinary end of file.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()

    def close(self, scope: Scope) -> None:
        """End the connection of a request once the data already written has left."""
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
    """A response that sends nothing and resets the connection."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Reset the connection of the request."""
        self._wire.abort(scope)
        await _gone(receive)


class TruncatedResponse(Response):
    """A response that announces its full body, sends half of it and ends the connection."""

    def __init__(self, wire: Wire, *, content: bytes, media_type: str) -> None:
        super().__init__(content, media_type=media_type)
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers, which announce the full body, then half of it, and end the connection."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        # Closed and not aborted: a reset could discard the half body before the client reads it.
        self._wire.close(scope)
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    # The server reports a return without a complete response as an error, unless the disconnect was received before.
    while (await receive())["type"] != "http.disconnect":
        continue
