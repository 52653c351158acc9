# SPDX-License-Identifier: Apache-2.0
"""A folder and processes that are gone when the demo ends, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

EXAMPLES = Path(__file__).parents[1]
PATIENCE = 5.0


class Scratch:
    """
    The demo's own corner of the machine.

    Children get sessions of their own, so that Ctrl-C reaches the demo alone and the demo ends them in order.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aliyunsms-demo-")).resolve()
        self.log_path = self.folder / "airflow.log"
        self._log: IO[bytes] = self.log_path.open("ab")
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)
        return self

    def __exit__(self, *_: object) -> None:
        # a second Ctrl-C must not leave half of it behind
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for child in reversed(self._children):
            _end(child)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(
        self, *arguments: str, simulator: str | None = None, piped: bool = False
    ) -> subprocess.Popen[bytes]:
        """
        Start Python with these arguments; what it writes goes to the log.

        :param simulator: the address the connection ``aliyun_sms_default`` points to.
        :param piped: read its standard output here instead.
        """
        environment = self._environment(simulator)
        with _no_leaving():
            child = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
                [sys.executable, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else self._log,
                stderr=self._log,
                start_new_session=True,
            )
            self._children.append(child)
        return child

    def keep_log(self) -> Path:
        """Save the log from the clearing up and say where it is."""
        handle, kept = tempfile.mkstemp(prefix="aliyunsms-demo-", suffix=".log")
        os.close(handle)
        shutil.copyfile(self.log_path, kept)
        return Path(kept)

    def last_words(self, *, lines: int = 5, width: int = 200) -> list[str]:
        """Return the end of the log."""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        return [line[:width] for line in text.splitlines()[-lines:]]

    def _environment(self, simulator: str | None) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        connection = {
            "conn_type": "aliyun_sms",
            "login": "testid",
            "password": "testsecret",
            "host": simulator,
        }
        return {
            **inherited,
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.folder}/airflow.db",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs"),
            "AIRFLOW_CONN_ALIYUN_SMS_DEFAULT": json.dumps(connection),
            "NO_PROXY": "127.0.0.1",
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            "TMPDIR": str(temporary),
        }


@contextlib.contextmanager
def _no_leaving() -> Iterator[None]:
    """Hold signals back while a child is made: one that nobody knows of yet would outlive the demo."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda which, _: came.append(which)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _end(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE)
            break
    if child.stdout is not None:
        child.stdout.close()
