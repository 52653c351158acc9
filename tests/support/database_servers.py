# SPDX-License-Identifier: Apache-2.0
"""
Real database servers, on a free port of loopback, in a folder that goes when the test ends.

They come from Debian's packages. NoServerError says why there is none: the programs are not there and cannot be
installed, or the machine does not let them make a database.
"""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

LONGEST_START = 60


class NoServerError(Exception):
    """No server can be had on this machine; the text says why, with the last that its programs printed."""


@functools.cache
def _install(*packages):
    """Install Debian packages, once in a process; nothing where that is not possible."""
    if os.geteuid() or not shutil.which("apt-get"):
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "--yes", "--no-install-recommends", "-qq", *packages]
    for each in (["apt-get", "update", "-qq"], command):
        subprocess.run(each, env=environment, capture_output=True, timeout=280, check=False)


def _program(name, *, places, packages):
    """Return the path of a program, which is installed if need be."""
    for attempt in range(2):
        if attempt:
            _install(*packages)
        found = shutil.which(name) or next(
            (str(path) for place in places for path in sorted(Path("/").glob(place))), None
        )
        if found:
            return found
    raise NoServerError(f"{name} is not here and cannot be installed ({', '.join(packages)})")


def _ordinary(folder, user):
    """Return the start of a command that runs as an ordinary user: these servers refuse to run as root."""
    if os.geteuid():
        return []
    account = pwd.getpwnam(user)
    for path in (folder, *folder.parents):
        if path == Path("/tmp"):
            break
        path.chmod(path.stat().st_mode | 0o011)
    os.chown(folder, account.pw_uid, account.pw_gid)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _environment():
    """Return the environment of a server: the tests' own temporary folder is closed to its ordinary user."""
    return os.environ | {"LC_ALL": "C.UTF-8", "HOME": "/tmp", "TMPDIR": "/tmp"}


def _make_database(command):
    """Run the program that makes the files of a server, with what an ordinary user has."""
    made = subprocess.run(
        command, check=False, capture_output=True, text=True, errors="replace", cwd="/", env=_environment()
    )
    if made.returncode:
        raise NoServerError(
            f"{' '.join(command)} ended with {made.returncode}: {(made.stdout + made.stderr)[-2000:]}"
        )


@contextmanager
def _running(command, *, ready, folder, ends_by=signal.SIGTERM):
    """Run a server until the block ends; it is ready when it prints that it is."""
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=folder,
        env=_environment(),
    )
    printed, is_ready = [], threading.Event()

    def read():
        for line in server.stdout:
            printed.append(line)
            if ready in line:
                is_ready.set()
        is_ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        is_ready.wait(LONGEST_START)
        if server.poll() is not None or not any(ready in line for line in printed):
            raise AssertionError("".join(printed[-20:]))
        yield
    finally:
        server.send_signal(ends_by)
        server.wait(30)
        reader.join(5)


class PostgresServer:
    """
    A PostgreSQL on a free port of loopback; it can be killed and started again, with what it knew.

    :param folder: for its files.
    :ivar port: where it listens.
    """

    def __init__(self, folder):
        initdb = _program("initdb", places=("usr/lib/postgresql/*/bin/initdb",), packages=("postgresql",))
        self._folder, self._data, self.port = folder, folder / "data", _free_port()
        self._data.mkdir()
        self._user = _ordinary(folder, "nobody") and _ordinary(self._data, "nobody")
        self._program = str(Path(initdb).resolve().parent / "postgres")
        login = ["--username=tester", "--auth=trust", "--no-sync"]
        _make_database([*self._user, initdb, "--pgdata", str(self._data), *login])
        self._life = ExitStack()

    @property
    def connection(self):
        """Its address as an Airflow connection."""
        return {
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": self.port,
            "login": "tester",
            "schema": "postgres",
        }

    @property
    def address(self):
        """Its address as PostgreSQL's own clients take it."""
        return f"postgresql://tester@127.0.0.1:{self.port}/postgres"

    def start(self):
        """Start it and wait until it takes connections."""
        # once more: other tests that start meanwhile close the folders above
        _ordinary(self._folder, "nobody")
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        # a kill of the server is no loss of power: what it has written is with the system
        options += ["-c", "fsync=off", "-c", "max_connections=200"]
        command = [*self._user, self._program, "-D", str(self._data), "-p", str(self.port), *options]
        self._life.enter_context(
            _running(command, ready="ready to accept connections", folder="/", ends_by=signal.SIGQUIT)
        )

    def end(self):
        """End it at once: what was under way is undone when it starts again."""
        self._life.close()


@contextmanager
def postgres(folder):
    """Run PostgreSQL; gives the address of a database as an Airflow connection."""
    server = PostgresServer(folder)
    server.start()
    try:
        yield server.connection
    finally:
        server.end()


@contextmanager
def mariadb(folder):
    """Run MariaDB; gives the address of a database as an Airflow connection."""
    server = _program("mariadbd", places=("usr/sbin/mariadbd",), packages=("mariadb-server",))
    install = _program(
        "mariadb-install-db", places=("usr/bin/mariadb-install-db",), packages=("mariadb-server",)
    )
    data, port = folder / "data", _free_port()
    data.mkdir()
    user = _ordinary(folder, "nobody") and _ordinary(data, "nobody")
    # without the kernel's asynchronous input and output, which containers often do not have
    own = ["--no-defaults", f"--datadir={data}", "--innodb-use-native-aio=0"]
    _make_database([*user, install, *own, "--auth-root-authentication-method=normal", "--skip-test-db"])
    start = folder / "start.sql"
    start.write_text(
        "CREATE DATABASE people CHARACTER SET utf8mb4;\n"
        "CREATE USER tester@'127.0.0.1' IDENTIFIED BY 'secret';\n"
        "GRANT ALL ON people.* TO tester@'127.0.0.1';\n",
        encoding="utf-8",
    )
    start.chmod(0o644)
    options = [
        *(f"--socket={data / 'socket'}", f"--pid-file={data / 'pid'}", "--bind-address=127.0.0.1"),
        *(
            f"--port={port}",
            f"--init-file={start}",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=0",
        ),
    ]
    with _running([*user, server, *own, *options], ready="ready for connections", folder="/"):
        yield {
            "conn_type": "mysql",
            "host": "127.0.0.1",
            "port": port,
            "login": "tester",
            "password": "secret",
            "schema": "people",
            "extra": {"charset": "utf8mb4"},
        }


class RedisServer:
    """
    A Redis on a free port of loopback, without files; it can be killed and started again in between.

    :ivar port: where it listens.
    """

    def __init__(self, folder):
        self._program = _program("redis-server", places=("usr/bin/redis-server",), packages=("redis-server",))
        self._folder = folder
        self.port = _free_port()
        self._server = None

    def start(self):
        """Start it, with nothing in it, and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._server = subprocess.Popen(
            [*_ordinary(self._folder, "nobody"), self._program, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
        )
        deadline = time.monotonic() + LONGEST_START
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise NoServerError(f"redis-server ended with {self._server.poll()}")
            time.sleep(0.02)

    def kill(self):
        """Kill it; what it knew is gone."""
        self._server.kill()
        self._server.wait(30)

    def end(self):
        """Kill it, also when it hangs."""
        if self._server is not None and self._server.poll() is None:
            self.thaw()
            self.kill()

    def freeze(self):
        """Let it hang: connections are open, and nothing is answered."""
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self):
        """Let it go on after :meth:`freeze`."""
        self._server.send_signal(signal.SIGCONT)

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as one:
                one.sendall(b"PING\r\n")
                return one.recv(5) == b"+PONG"
        except OSError:
            return False


@contextmanager
def redis_server(folder):
    """Run Redis; gives the :class:`RedisServer`."""
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.end()
