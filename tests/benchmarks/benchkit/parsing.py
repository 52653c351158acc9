# SPDX-License-Identifier: Apache-2.0
"""
Run DAG files in turn, each in a process forked from one that has imported ``airflow.sdk`` and nothing else::

    python -m benchkit.parsing --rounds 9 parsed/campaigns.py parsed/plain_tasks.py

So does Airflow's DAG processor. Prints what each file took, round by round, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import time

# The class itself, because the package imports what is asked for.
from airflow.sdk import DAG


def parse(path):
    """Run one file and return what it took and how many tasks it has."""
    began, cpu = time.perf_counter(), time.process_time()
    found = runpy.run_path(path)
    figures = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
    if [each for each in found.values() if isinstance(each, DAG)] != [found["dag"]]:
        raise RuntimeError(f"{path} has no DAG, or several")
    return figures | {"tasks": len(found["dag"].tasks)}


def parse_in_child(path):
    """Fork, run one file in the child, and return its figures: what it imports stays there."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(writer, json.dumps(parse(path)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        text = stream.read()
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"{path} cannot be parsed")
    return json.loads(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    found = {path: [] for path in options.files}
    # one round more: the first puts files and compiled modules into the cache
    for _ in range(options.rounds + 1):
        for path, figures in found.items():
            figures.append(parse_in_child(path))
    print(json.dumps({path: figures[1:] for path, figures in found.items()}))


if __name__ == "__main__":
    main()
