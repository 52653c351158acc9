# SPDX-License-Identifier: Apache-2.0
"""Memory does not grow with the audience; a small version of what ``make bench`` measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

# Python's own objects alone: what grows with the audience would be among them, and they are the same on every
# machine; SQLite's cache grows as well, up to a fixed size.
PEAK = """
import json, sys, tempfile, tracemalloc
from pathlib import Path
from benchkit.engine import campaign
from benchkit.sample import write_csv
from benchkit.servers import bare_server

def peak(url, size):
    with tempfile.TemporaryDirectory() as folder:
        audience = write_csv(Path(folder) / "audience.csv", size)
        tracemalloc.start()
        accepted = campaign(url=url, audience=audience, folder=folder, ledger=True)["accepted"]
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert accepted == size
        return found

with bare_server() as server:
    peak(server.url, 100)
    print(json.dumps([peak(server.url, size) for size in (15_000, 45_000)]))
"""


@pytest.mark.slow
def test_three_times_the_audience_needs_hardly_more_memory():
    done = subprocess.run(
        [sys.executable, "-c", PEAK],
        cwd=BENCHMARKS,
        env={"PYTHONPATH": os.pathsep.join([str(BENCHMARKS), str(BENCHMARKS.parents[1])]), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    small, large = json.loads(done.stdout)
    # From about ten thousand on, the recipients under way are as many as there can be. Thirty thousand more kept
    # as the smallest of objects would be 3 MB, as they are 15 MB.
    assert large - small < 2e6, (small, large)
