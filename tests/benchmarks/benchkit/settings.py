# SPDX-License-Identifier: Apache-2.0
"""What ``make bench`` was asked to do; every option is an environment variable."""

from __future__ import annotations

import os
from dataclasses import dataclass

NAMES = (
    "call",
    "campaign",
    "small",
    "parse",
    "loading",
    "stages",
    "memory",
    "sensor",
    "resume",
)
"""What one run measures."""

WHEN_NAMED = ("pacing", "machines", "guards")
"""What is measured only when ``BENCH_ONLY`` names it: it takes long, and half an hour is enough for one run."""


def _flag(name, *, default=""):
    return os.environ.get(name, default) not in ("", "0")


@dataclass(frozen=True)
class Settings:
    """
    Options of one run.

    :ivar quick: small sizes everywhere; for trying the scripts, not for figures.
    :ivar only: which benchmarks to run; by default all of ``NAMES``.
    :ivar sizes: recipients of the campaigns in Airflow.
    :ivar ten_million: measure the memory of ten million recipients too.
    :ivar full: run one million recipients at 200 ms as well, which takes five minutes.
    """

    quick: bool
    only: tuple[str, ...]
    sizes: tuple[int, ...]
    ten_million: bool
    full: bool

    @classmethod
    def from_environment(cls):
        quick = _flag("BENCH_QUICK")
        sizes = os.environ.get("BENCH_SIZES") or ("1000,10000" if quick else "10000,100000,1000000")
        only = tuple(os.environ.get("BENCH_ONLY", "").split(",")) if os.environ.get("BENCH_ONLY") else NAMES
        return cls(
            quick=quick,
            only=only,
            sizes=tuple(int(size) for size in sizes.split(",")),
            ten_million=_flag("BENCH_10M", default="0" if quick else "1"),
            full=_flag("BENCH_FULL", default="0" if quick else "1"),
        )
