# SPDX-License-Identifier: Apache-2.0
"""Write what the clients did into the tables of ``docs/simulator-clients.md``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "simulator-clients.md"
BEGIN, END = "<!-- written by make clients-test: begin -->", "<!-- written by make clients-test: end -->"


@dataclass
class Record:
    """
    What one client did.

    :param wire: how its requests look.
    :param calls: call -> cell.
    :param errors: what went wrong -> cell.
    """

    label: str
    packages: str
    wire: str
    calls: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def tables(records, *, runtimes):
    """Return the generated part of the page."""
    return "\n\n".join(
        [
            f"Tried with {runtimes}.",
            _table(
                ["client", "packages", "its `SendSms`"],
                [[each.label, each.packages, each.wire] for each in records],
            ),
            "## Calls",
            _table(
                ["", *(each.label for each in records)],
                [[call, *(each.calls[call] for each in records)] for call in records[0].calls],
            ),
            "## Errors",
            _table(
                ["what went wrong", "what the clients make of it"],
                [[error, _by_client(records, error)] for error in records[0].errors],
            ),
        ]
    )


def write(text):
    """Replace the generated part of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _by_client(records, error):
    """Name what the clients did with one error, together those that did the same."""
    same = {}
    for each in records:
        same.setdefault(each.errors[error], []).append(each.label)
    return "<br>".join(f"{cell}: {', '.join(labels)}" for cell, labels in same.items() if cell != "-")


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
