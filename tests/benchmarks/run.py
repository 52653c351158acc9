# SPDX-License-Identifier: Apache-2.0
"""
Run the benchmarks one after the other and write tables, figures and plots to ``docs/``: ``make bench``.

Options are environment variables: ``BENCH_QUICK=1`` for small sizes, ``BENCH_ONLY=call,sensor`` for some of
them, ``BENCH_ONLY=pacing,machines,guards`` for those that are not run otherwise, ``BENCH_SIZES=10000,100000`` for
other campaigns, ``BENCH_FULL=0`` without one million recipients at 200 ms, ``BENCH_10M=0`` without the memory of ten
million, ``BENCH_OUT=folder`` to write elsewhere.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from benchkit.machine import machine
from benchkit.page import page, tables
from benchkit.report import say
from benchkit.settings import Settings

CHECKOUT = Path(__file__).parents[2]


def keep_bytecode():
    """Let every process find its modules compiled, as those of an installed package are."""
    # Without this, where the environment forbids it, each process would compile all of Airflow before it begins,
    # and what a process imports would cost many times as much as in a deployment.
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ["PYTHONPYCACHEPREFIX"] = str(CHECKOUT / ".scratch-bench" / "bytecode")


def main():
    keep_bytecode()
    settings = Settings.from_environment()
    out = Path(
        os.environ.get("BENCH_OUT") or (CHECKOUT / ".scratch-bench" if settings.quick else CHECKOUT / "docs")
    )
    (out / "bench").mkdir(parents=True, exist_ok=True)
    kept = out / "bench" / "results.json"
    # a run replaces its parts and keeps the others
    results = json.loads(kept.read_text()) if kept.exists() else {}
    began = time.monotonic()
    for name in settings.only:
        say(f"== {name}")
        measured = importlib.import_module(f"bench_{name}").run(settings)
        results[name] = measured | {"machine": machine(), "quick": settings.quick}
        kept.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    from benchkit.plots import draw

    draw(results, folder=out / "bench")
    (out / "performance.md").write_text(page(results), encoding="utf-8")
    print(tables(results))
    say(f"done in {(time.monotonic() - began) / 60:.1f} minutes: {out / 'performance.md'}")


if __name__ == "__main__":
    main()
