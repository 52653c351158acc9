# SPDX-License-Identifier: Apache-2.0
"""Measure a task's ``execute``: hooks for any operator, so that all are measured alike."""

from __future__ import annotations

import json
import time
from pathlib import Path

from benchkit.usage import cpu_seconds, peak_mb

_BEFORE = {}


def begin(_context):
    _BEFORE.update(at=time.monotonic(), cpu=cpu_seconds())


def end(context, result):
    """Write what ``execute`` took; the file appears complete or not at all."""
    figures = {
        "seconds": time.monotonic() - _BEFORE["at"],
        "cpu_seconds": cpu_seconds() - _BEFORE["cpu"],
        "peak_mb": peak_mb(),
        "accepted": result["accepted"],
    }
    path = Path(context["dag_run"].conf["result"])
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(figures))
    beside.rename(path)


MEASURED = {"task_id": "send", "pre_execute": begin, "post_execute": end}
