# SPDX-License-Identifier: Apache-2.0
"""Measure how long a DAG file with fifty campaigns takes to parse, beside files that need nothing but Airflow."""

from __future__ import annotations

import os
import statistics
import tempfile

from benchkit.children import figures_of
from benchkit.report import say

FILES = {
    "campaigns": "50 campaigns with their sensors",
    "plain_tasks": "50 tasks of Airflow's own",
    "nothing": "a DAG without a task",
}


def run(settings):
    """Parse each file in processes of its own, in turn."""
    rounds = 2 if settings.quick else 9
    with tempfile.TemporaryDirectory(prefix="bench-parse-") as home:
        spent = measure(FILES, rounds=rounds, home=home)
    rows = [
        {
            "file": FILES[name],
            "tasks": found[0]["tasks"],
            "ms": _median_ms(found, "seconds"),
            "cpu_ms": _median_ms(found, "cpu_seconds"),
        }
        for name, found in spent.items()
    ]
    more = {name: _difference_ms(spent, name) for name in FILES if name != "campaigns"}
    say(f"parse: {rows[0]['ms']} ms, {more['plain_tasks']['ms']} ms more than tasks of Airflow's own")
    return {"rounds": rounds, "rows": rows, "more_than": more}


def measure(names, *, rounds, home):
    """Return what the files of these names took, round by round."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    settings = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    paths = {f"parsed/{name}.py": name for name in names}
    found = figures_of("parsing", "--rounds", rounds, *paths, environment=clean | settings)
    return {paths[path]: figures for path, figures in found.items()}


def _median_ms(found, figure):
    return round(statistics.median(each[figure] for each in found) * 1000, 1)


def _difference_ms(spent, other):
    pairs = [*zip(spent["campaigns"], spent[other], strict=True)]
    return {
        name: round(statistics.median(a[figure] - b[figure] for a, b in pairs) * 1000, 1)
        for name, figure in (("ms", "seconds"), ("cpu_ms", "cpu_seconds"))
    }
