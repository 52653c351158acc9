# SPDX-License-Identifier: Apache-2.0
"""What came out of one combination, read from pytest's report."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """
    One Airflow on one Python.

    :param outcome: ``passed``, ``failed``, ``not supported`` (by this Airflow), ``not available here`` (the Python).
    :param seconds: with making the environment.
    :param measured: what -> how it works there.
    """

    airflow: str
    python: str
    outcome: str
    tests: int = 0
    failures: tuple[str, ...] = ()
    seconds: float = 0.0
    measured: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say it in a cell of a table."""
        if self.outcome == "passed":
            return f"{self.tests} passed, {self.seconds:.0f} s"
        if self.outcome == "failed":
            return f"**{len(self.failures)} of {self.tests} failed**, {self.seconds:.0f} s"
        return self.outcome


def read(report: Path, *, airflow: str, python: str, seconds: float) -> Result:
    """Read a report; without one, or without a test in it, the combination has failed."""
    if not report.exists():
        return Result(airflow, python, "failed", failures=("no test ran",), seconds=seconds)
    cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - the same
    failures = tuple(
        case.get("name", "?")
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    )
    measured = [json.loads(note.get("value", "")) for case in cases for note in case.iter("property")]
    return Result(
        airflow=airflow,
        python=python,
        outcome="passed" if cases and not failures else "failed",
        tests=len(cases),
        failures=failures,
        seconds=seconds,
        measured=dict(measured),
    )
