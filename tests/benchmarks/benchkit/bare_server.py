# SPDX-License-Identifier: Apache-2.0
"""
A server that answers every call with the same bytes: the fastest other side Python can be.

It reads no parameter and checks no signature, so that the client is what is measured. Run as a process::

    python -m benchkit.bare_server --latency 0.05

The first line it prints is its port. ``GET /arrivals`` returns when the calls since the last such question came
in, as the server's own clock saw them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from array import array
from email.utils import formatdate
from functools import lru_cache

SENT = {
    "Code": "OK",
    "Message": "OK",
    "BizId": "900000000000000001^0",
    "RequestId": "F655A8D5-B967-440B-8683",
}
RECORD = {
    "Code": "OK",
    "TotalCount": 1,
    "RequestId": "0A974B78-02BF-4C79-ADF3-90CFBA1B55B1",
    "SmsSendDetailDTOs": {
        "SmsSendDetailDTO": [
            {
                "PhoneNum": "13800001234",
                "SendStatus": 3,
                "ErrCode": "DELIVERED",
                "OutId": "bench",
                "SendDate": "2026-01-02 03:04:05",
                "ReceiveDate": "2026-01-02 03:04:09",
                "TemplateCode": "SMS_152550005",
            }
        ]
    },
}


def encoded(body):
    """Return the bytes of a body."""
    return json.dumps(body, separators=(",", ":")).encode()


BODY_SENT = encoded(SENT)
BODY_RECORD = encoded(RECORD)


@lru_cache(maxsize=4)
def answer(data, second):
    """Return the bytes of an answer with this body in this second of the epoch."""
    # With a date, as the gateway's answers have: a campaign goes by it.
    date = formatdate(second, usegmt=True)
    head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(data) + data


class Bare(asyncio.Protocol):
    """One connection; requests of one connection come one after the other."""

    latency = 0.0
    arrivals = array("d")

    def connection_made(self, transport):
        self._transport = transport
        self._waiting = b""
        self._missing = 0
        self._head = b""

    def data_received(self, data):
        if self._missing:
            self._missing -= len(data)
            if self._missing <= 0:
                self._arrived()
            return
        self._waiting += data
        end = self._waiting.find(b"\r\n\r\n")
        if end < 0:
            return
        self._head = self._waiting[:end].lower()
        self._missing = _length(self._head) - (len(self._waiting) - end - 4)
        self._waiting = b""
        if self._missing <= 0:
            self._arrived()

    def _arrived(self):
        self._missing = 0
        if self._head.startswith(b"get /arrivals"):
            self._write(encoded(list(self.arrivals)))
            del self.arrivals[:]
            return
        if b"x-acs-action" not in self._head and not _length(self._head):
            # a question for the time, not a call
            self._write(b"{}")
            return
        self.arrivals.append(time.monotonic())
        body = BODY_RECORD if b"querysenddetails" in self._head else BODY_SENT
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self._write, body)
        else:
            self._write(body)

    def _write(self, body):
        if not self._transport.is_closing():
            self._transport.write(answer(body, int(time.time())))


def _length(head):
    start = head.find(b"content-length:")
    return 0 if start < 0 else int(head[start + 15 :].split(b"\r\n", 1)[0])


async def serve(latency):
    Bare.latency = latency
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    # ends with the process that started it, however that one ends
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds between a call and its answer")
    latency = parser.parse_args().latency
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(latency))
    else:
        uvloop.run(serve(latency))


if __name__ == "__main__":
    main()
