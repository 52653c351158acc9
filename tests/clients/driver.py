# SPDX-License-Identifier: Apache-2.0
"""Start the program around a client, hand it calls, and read what the client made of each."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field


class ClientFailedError(Exception):
    """A client did something that a check does not allow."""


@dataclass(frozen=True)
class Answer:
    """What a client returned, with the names of the API."""

    fields: dict

    @property
    def code(self):
        return self.fields.get("Code") or self.fields.get("ResponseCode")


@dataclass(frozen=True)
class Raised:
    """The error that a client raised."""

    name: str
    code: str
    message: str
    retry_after: float | None

    def shown(self, due):
        """Return its class, with its code unless that is the one that was due or part of the name."""
        tells_more = self.code and self.code != due and self.code not in self.name
        return f"`{self.name}`" + (f" (`{self.code}`)" if tells_more else "")


@dataclass(frozen=True)
class NoSuchCall:
    """A client that has no such call."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where a client is sent, and as whom."""

    url: str
    key: str = "testid"
    secret: str = "testsecret"
    token: str | None = None


@dataclass
class Driver:
    """One running program around a client."""

    process: subprocess.Popen = field(repr=False)

    def call(self, account, action, parameters):
        """Let the client make one call, and return what it made of the response."""
        wish = {"action": action, "parameters": parameters, **vars(account)}
        self.process.stdin.write(json.dumps(wish) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise ClientFailedError(f"the program ended: {self.process.stderr.read()[-2000:]}")
        said = json.loads(line)
        if "unsupported" in said:
            return NoSuchCall()
        return Answer(said["answer"]) if "answer" in said else Raised(**said["error"])


@contextmanager
def started(command, *, folder, environment):
    """Run the program of a client for the length of a ``with`` block."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Driver(process)
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        process.stdout.close()
        process.stderr.close()
