# SPDX-License-Identifier: Apache-2.0
"""What this process has used so far."""

from __future__ import annotations

import resource
from pathlib import Path


def cpu_seconds():
    """Return user and system time of all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mb():
    """Return the highest resident memory; VmHWM, because ru_maxrss of a forked process begins with its parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
