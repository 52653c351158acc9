# SPDX-License-Identifier: Apache-2.0
"""
Make the tables of ``docs/compatibility.md`` from the reports that ``nox`` left in ``build/compat``.

    python compat/page.py [--write]

Prints the tables; the exit status is 0 when every combination that ran has passed, and at least one ran.
"""

from __future__ import annotations

import json
import sys
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPORTS = ROOT / "build" / "compat"
PAGE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- written by make compat: begin -->", "<!-- written by make compat: end -->"


@dataclass(frozen=True)
class Cell:
    """
    One Airflow on one Python.

    :param text: what the table shows.
    :param passed: None where nothing ran.
    :param measured: what -> how it works there.
    """

    text: str
    passed: bool | None
    measured: dict[str, str]


def main() -> int:
    """Print the tables, and write them into the page if asked to."""
    matrix = tomllib.loads((ROOT / "compat" / "matrix.toml").read_text(encoding="utf-8"))
    cells = {
        (each["version"], python): _cell(each, python)
        for each in matrix["airflow"]
        for python in matrix["pythons"]
    }
    ran = {place: cell for place, cell in cells.items() if cell.passed is not None}
    tables = f"{_combinations(cells)}\n\n## What works where\n\n{_features(ran)}"
    sys.stdout.write(tables + "\n")
    if "--write" in sys.argv:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")
    return int(not ran or not all(cell.passed for cell in ran.values()))


def _cell(airflow: dict[str, list[str]], python: str) -> Cell:
    if python not in airflow["pythons"]:
        return Cell("not supported", None, {})
    report = REPORTS / f"{airflow['version']}-py{python}.xml"
    if not report.exists():
        return Cell("not run here", None, {})
    suite = ET.parse(report).getroot()  # noqa: S314 - our own file
    cases = list(suite.iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    measured = dict(json.loads(note.get("value", "")) for case in cases for note in case.iter("property"))
    seconds = sum(float(case.get("time", 0)) for case in cases)
    text = f"{len(cases)} passed, {seconds:.0f} s" if cases and not failed else f"**{len(failed)} failed**"
    return Cell(text, bool(cases) and not failed, measured)


def _combinations(cells: dict[tuple[str, str], Cell]) -> str:
    airflows = list(dict.fromkeys(airflow for airflow, _ in cells))
    pythons = list(dict.fromkeys(python for _, python in cells))
    rows = [[name, *(cells[name, python].text for python in pythons)] for name in airflows]
    return _table(["Airflow", *(f"Python {python}" for python in pythons)], rows)


def _features(ran: dict[tuple[str, str], Cell]) -> str:
    """Show what works by Airflow; where its Pythons differ, each of them."""
    airflows = list(dict.fromkeys(airflow for airflow, _ in ran))
    whats = list(dict.fromkeys(what for cell in ran.values() for what in cell.measured))
    rows = [[what, *(_how(ran, airflow, what) for airflow in airflows)] for what in whats]
    return _table(["", *airflows], rows)


def _how(ran: dict[tuple[str, str], Cell], airflow: str, what: str) -> str:
    found = {
        python: cell.measured.get(what, "failed") for (name, python), cell in ran.items() if name == airflow
    }
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return ", ".join(f"{python}: {how}" for python, how in found.items())


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    sys.exit(main())
