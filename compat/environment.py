# SPDX-License-Identifier: Apache-2.0
"""An environment as an installation would have it: a locked Airflow and our wheel."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class BuildError(Exception):
    """The environment, or the wheel, could not be made."""


def build_wheel(folder: Path, *, root: Path) -> Path:
    """Build the wheel of the checkout; everything it needs is in the environment that runs this."""
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=root)
    (wheel,) = folder.glob("*.whl")
    return wheel


@contextlib.contextmanager
def made(folder: Path, *, python: str, lock: Path, wheel: Path) -> Iterator[Path]:
    """
    Make an environment, give its interpreter, and remove it.

    :raises BuildError: neither uv nor pip could install what the lock names.
    """
    try:
        try:
            interpreter = _by_uv(folder, python=python, lock=lock, wheel=wheel)
        except BuildError:
            # uv may not know the index that pip is configured for
            interpreter = _by_pip(folder, python=python, lock=lock, wheel=wheel)
        yield interpreter
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _by_uv(folder: Path, *, python: str, lock: Path, wheel: Path) -> Path:
    uv = [sys.executable, "-m", "uv"]
    interpreter = folder / "bin" / "python"
    install = [*uv, "pip", "install", "--quiet", "--no-deps", "--python", str(interpreter)]
    _run([*uv, "venv", "--quiet", "--clear", "--python", python, str(folder)])
    _run([*install, "--requirement", str(lock)])
    _run([*install, str(wheel)])
    return interpreter


def _by_pip(folder: Path, *, python: str, lock: Path, wheel: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    interpreter = folder / "bin" / "python"
    install = [str(interpreter), "-m", "pip", "install", "--quiet", "--no-deps"]
    _run([python, "-m", "venv", str(folder)])
    _run([*install, "--requirement", str(lock)])
    _run([*install, str(wheel)])
    return interpreter


def _run(command: list[str], *, cwd: Path | None = None) -> None:
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"{' '.join(command[:6])} ... failed:\n{done.stdout}")
