# SPDX-License-Identifier: Apache-2.0
"""Notice that the process is gone that started this task and stores what becomes of it."""

from __future__ import annotations

import os
import select
import socket
import sys

_TASK_RUNNER = "airflow.sdk.execution_time.task_runner"
_ENDED = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


class Supervisor:
    """
    The process that started this task; make one while it is certainly alive.

    Two signs tell that it is gone. A process whose parent ends gets another parent; but the first process of a PID
    namespace, such as the one of a container, has parent 0 all the time. Since Airflow 3 there is a socket between
    the two, whose other end is closed then.
    """

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._socket = _socket_to_supervisor()

    @property
    def is_gone(self) -> bool:
        """Whether it has ended; may be asked by any thread, and costs two calls of the system."""
        return os.getppid() != self._parent or self._has_hung_up()

    def _has_hung_up(self) -> bool:
        if self._socket is None or self._socket.fileno() < 0:
            return False
        # A new one each time: two threads must not use one of these objects at once.
        poll = select.poll()
        poll.register(self._socket, _ENDED)
        return any(event & _ENDED for _, event in poll.poll(0))


def _socket_to_supervisor() -> socket.socket | None:
    # Not part of Airflow's public interface: where it looks otherwise, the parent is the only sign.
    comms = getattr(sys.modules.get(_TASK_RUNNER), "SUPERVISOR_COMMS", None)
    found = getattr(comms, "socket", None)
    return found if isinstance(found, socket.socket) else None
