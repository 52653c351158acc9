# SPDX-License-Identifier: Apache-2.0
"""Run a module of the kit in a process of its own and read the figures that it prints."""

from __future__ import annotations

import json
import subprocess
import sys

from benchkit.servers import KIT


def figures_of(module, *arguments, environment=None, before=(), quiet=False, timeout=1800):
    """
    Run ``python -m benchkit.<module>`` and return the JSON of the last line it prints.

    :param environment: environment variables, instead of those of this process.
    :param before: the words of a command that starts it, such as ``strace``.
    :param quiet: show what it logs only if it fails.
    """
    command = [*before, sys.executable, "-m", f"benchkit.{module}", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=KIT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        timeout=timeout,
    )
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}\n{(done.stderr or '')[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])
