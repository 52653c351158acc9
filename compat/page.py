# SPDX-License-Identifier: Apache-2.0
"""The tables: on the screen, and between two marks of ``docs/compatibility.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from results import Result

PAGE = matrix.ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- written by make compat: begin -->", "<!-- written by make compat: end -->"


def combinations(results: Sequence[Result]) -> str:
    """Show Airflow by Python."""
    pythons = sorted({each.python for each in results}, key=_number)
    cells = {(each.airflow, each.python): str(each) for each in results}
    rows = [
        [airflow, *(cells.get((airflow, python), "") for python in pythons)] for airflow in _airflows(results)
    ]
    return _table(["Airflow", *(f"Python {python}" for python in pythons)], rows)


def features(results: Sequence[Result]) -> str:
    """Show what works by Airflow; where its Pythons differ, each of them."""
    airflows = [
        name for name in _airflows(results) if any(each.measured for each in results if each.airflow == name)
    ]
    whats = list(dict.fromkeys(what for each in results for what in each.measured))
    rows = [[what, *(_how(results, airflow, what) for airflow in airflows)] for what in whats]
    return _table(["", *airflows], rows)


def write(results: Sequence[Result]) -> None:
    """Put both tables into the page; the words around them stay."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    tables = f"{combinations(results)}\n\n## What works where\n\n{features(results)}"
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")


def _how(results: Sequence[Result], airflow: str, what: str) -> str:
    found = {
        each.python: each.measured.get(what, "failed")
        for each in results
        if each.airflow == airflow and each.tests
    }
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return ", ".join(f"{python}: {how}" for python, how in found.items())


def _airflows(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(each.airflow for each in results))


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
