# SPDX-License-Identifier: Apache-2.0
"""Find the Pythons of the matrix on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PROBE = (
    "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2], '%d.%d.%d' % sys.version_info[:3])"
)


def find(wanted: Sequence[str], *, named: Sequence[str]) -> dict[str, str]:
    """
    Look for interpreters that can make environments.

    :param wanted: versions, such as ``3.11``.
    :param named: commands or paths to look at, and at no others; when empty, ``python3.11`` and the like on the
        path, the Python that runs this, and what uv knows of.
    :return: version -> command, without those that are not here.
    """
    found: dict[str, str] = {}
    for command in named or _candidates(wanted):
        version = _version(command)
        if version in wanted:
            found.setdefault(version, command)
    return found


def _candidates(wanted: Sequence[str]) -> Iterator[str]:
    yield getattr(sys, "_base_executable", sys.executable)
    folders = os.get_exec_path()
    for version in wanted:
        # each of them: the first may be a stand-in that runs nothing
        for folder in folders:
            if command := shutil.which(f"python{version}", path=folder):
                yield command
        if command := _output([sys.executable, "-m", "uv", "python", "find", "--no-project", version]):
            yield command


def _version(command: str) -> str:
    return _output([command, "-I", "-c", _PROBE]).partition(" ")[0]


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - commands the user named or has on the path
            command, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
