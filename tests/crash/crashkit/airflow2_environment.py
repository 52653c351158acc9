# SPDX-License-Identifier: Apache-2.0
"""An environment with the oldest supported Airflow, built by uv from the package index as it was at its time."""

from __future__ import annotations

import subprocess
from pathlib import Path

VERSION = "2.11.2"
CUT_OFF = "2026-03-20"
"""The day as of which packages are taken: an old Airflow breaks on newer FastAPI and pydantic."""

COMPAT = "apache-airflow-providers-common-compat"
COMPAT_CUT_OFF = "2026-11-22"
ROOT = Path(__file__).parents[3]


def build(folder):
    """
    Build it and return its interpreter; takes seconds when uv's cache is warm.

    :raises subprocess.CalledProcessError: without uv or without a package index.
    """
    python = Path(folder) / "bin" / "python"
    _run("uv", "venv", "--quiet", "--python", "3.11", str(folder))
    _run(
        *("uv", "pip", "install", "--quiet", "--python", str(python), "--exclude-newer", CUT_OFF),
        *("--exclude-newer-package", f"{COMPAT}={COMPAT_CUT_OFF}", f"apache-airflow=={VERSION}"),
        *(f"{COMPAT}>=1.23", "phonenumbers>=8.13", "requests>=2.32", "tenacity>=8.3"),
    )
    _run("uv", "pip", "install", "--quiet", "--python", str(python), "--no-deps", "--editable", str(ROOT))
    return python


def _run(*command):
    subprocess.run(command, check=True, timeout=900)
