# SPDX-License-Identifier: Apache-2.0
"""The result of the long version, as lines for the terminal and as a part of a page of the documentation."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime
from statistics import median

BEGIN, END = "<!-- written by make distributed-test -->", "<!-- end -->"


def summary(lines):
    """Sum it all up in one sentence."""
    verdicts = [verdict for line in lines for verdict in line.verdicts]
    return (
        f"{sum(len(line.blows) for line in lines)} blows, "
        f"{sum(verdict.sendable for verdict in verdicts)} recipients: "
        f"{sum(verdict.duplicates for verdict in verdicts)} duplicates, "
        f"{sum(verdict.losses for verdict in verdicts)} losses, "
        f"{sum(verdict.unknown for verdict in verdicts)} unknown, "
        f"{sum(line.trouble is not None for line in lines)} lines with trouble."
    )


def as_text(line):
    """Show one line on the terminal."""
    end = "ok" if line.trouble is None else f"TROUBLE: {line.trouble}"
    return f"{line.name} [{line.ledger}]: {len(line.blows)} blows, {line.tries} tries, {line.seconds:.0f} s: {end}"


def as_page(*, lines, places, versions, seed, stats, limits, redelivered):
    """Return what the run has to say, in Markdown."""
    return "\n".join(
        [
            f"Run on {datetime.now(UTC):%Y-%m-%d}, seed {seed}, {', '.join(versions)}.\n",
            f"**{summary(lines)}** {redelivered} tasks were given out a second time while they ran, and refused.\n",
            *_table(
                [
                    "campaign",
                    "ledger",
                    "recipients",
                    "blows",
                    "tries",
                    "duplicates",
                    "losses",
                    "unknown",
                    "seconds",
                    "result",
                ],
                [_row(line) for line in lines],
            ),
            "\n`back` is the time until another try of the struck send ran; most of it is Airflow's wait for a "
            "heartbeat, 20 s here.\n",
            *_table(["what happened", "times", "back: median, longest"], _blows(lines)),
            "\n| one pace for all | limit | most calls in one second |",
            "| --- | --- | --- |",
            *(
                f"| {action} | {limit} | {stats['worst_second'].get(action, 0)} |"
                for action, limit in limits.items()
            ),
            "",
            *_table(["places on one machine's disk", "result"], [[name, result] for name, result in places]),
        ]
    )


def put_into(text, part):
    """Return a page with the part between its two marks replaced."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError("the page has no place for the result")
    return pattern.sub(lambda _: f"{BEGIN}\n\n{part}\n\n{END}", text)


def _row(line):
    total = {
        name: sum(getattr(verdict, name) for verdict in line.verdicts)
        for name in ("sendable", "duplicates", "losses", "unknown")
    }
    counts = (
        total["sendable"],
        len(line.blows),
        line.tries,
        total["duplicates"],
        total["losses"],
        total["unknown"],
    )
    result = "as promised" if line.trouble is None else f"**{line.trouble}**"
    return [line.name, line.ledger, *counts, f"{line.seconds:.0f}", result]


def _blows(lines):
    found = defaultdict(list)
    for line in lines:
        for blow in line.blows:
            found[blow.kind].append(blow.back)
    for kind, times in sorted(found.items()):
        known = [each for each in times if each is not None]
        yield [kind, len(times), f"{median(known):.0f} s, {max(known):.0f} s" if known else "its try went on"]


def _table(heads, rows):
    def row(cells):
        return "| " + " | ".join(str(cell) for cell in cells) + " |"

    return [row(heads), row(["---"] * len(heads)), *(row(each) for each in rows)]
