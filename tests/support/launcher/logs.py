# SPDX-License-Identifier: Apache-2.0
"""What a task logged, as sentences to search: the package divides them into lines that Airflow's page shows whole."""

from __future__ import annotations

import json
import re

_BEFORE_TEXT = re.compile(r"^\[[^\]]*\] \{[^}]*\} [A-Z]+ - ")
"""Time, place and level as Airflow 2 writes them."""


def sentences(log):
    """
    Return the texts of all lines, joined by spaces.

    :param log: the file of a task, as JSON lines of Airflow 3 or lines of Airflow 2.
    """
    return " ".join(" ".join(_text_of(line) for line in log.splitlines()).split())


def _text_of(line):
    try:
        entry = json.loads(line)
    except ValueError:
        return _BEFORE_TEXT.sub("", line)
    return str(entry.get("event", line)) if isinstance(entry, dict) else line
