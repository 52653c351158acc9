# SPDX-License-Identifier: Apache-2.0
"""An environment with the oldest supported Airflow, built by uv from the package index as it was at its time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

VERSION = "2.11.2"
CUT_OFF = "2026-03-20"
"""The day as of which packages are taken: an old Airflow breaks on newer FastAPI and pydantic."""

COMPAT = "apache-airflow-providers-common-compat"
COMPAT_CUT_OFF = "2026-11-22"
NOT_KNOWN = (3, 13)
"""The first Python that this Airflow does not run on."""

ROOT = Path(__file__).parents[3]


def build(folder):
    """
    Build it and return its interpreter; takes seconds when uv's cache is warm.

    :raises subprocess.CalledProcessError: without uv or without a package index.
    """
    python = Path(folder) / "bin" / "python"
    _run(
        "uv",
        "venv",
        "--quiet",
        "--python",
        sys.executable if sys.version_info < NOT_KNOWN else "3.12",
        str(folder),
    )
    _run(
        *("uv", "pip", "install", "--quiet", "--python", str(python), "--exclude-newer", CUT_OFF),
        *("--exclude-newer-package", f"{COMPAT}={COMPAT_CUT_OFF}"),
        *(f"apache-airflow=={VERSION}", "--editable", str(ROOT)),
    )
    return python


def _run(*command):
    subprocess.run(command, check=True, timeout=900)
