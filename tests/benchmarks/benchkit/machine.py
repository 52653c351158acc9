# SPDX-License-Identifier: Apache-2.0
"""On what machine, and with what, a figure was measured."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "apache-airflow",
    "requests",
    "urllib3",
    "alibabacloud-dysmsapi20170525",
    "alibabacloud-tea-openapi",
    "aliyun-python-sdk-core",
    "aiolimiter",
    "limits",
    "pyrate-limiter",
    "throttled-py",
)


def machine():
    """Describe this machine, its load and the versions of what was compared."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_after": round(os.getloadavg()[0], 1),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _cpu():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
