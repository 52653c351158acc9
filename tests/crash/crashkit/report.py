# SPDX-License-Identifier: Apache-2.0
"""The result of the long version, as a table for the terminal and as a page of the documentation."""

from __future__ import annotations

from datetime import UTC, datetime
from statistics import median

INTRODUCTION = """\
# Crash test

Written by `make crash-test` (`tests/crash/long.py`); do not edit. Real processes on loopback: Airflow with scheduler,
API server, DAG processor and LocalExecutor, and the simulator of the gateway, which answers every send call after
{latency} s, half of the calls before and half of them after it has accepted the messages. While a campaign runs, its
processes are killed at random moments: before the first message, in the middle of sending, while a retry looks for
evidence, after the last message and before the XCom. The judge is the simulator's own count per phone number.

**Duplicates** are messages beyond the first to one number. **Losses** are numbers without a message that the task
does not report as `unknown` either. For every line the four outcomes of the XCom add up to the audience, agree with
the receipts, and nobody is reported as accepted whom the gateway did not accept. China has no `unknown`. Globe cannot
be looked up: the one call that was in flight when the task died can stay `unknown`; it is never sent again.
"""

HEADS = [
    *("campaign", "Airflow", "recipients", "kills", "tries"),
    *("duplicates", "losses", "unknown", "seconds", "result"),
]

EXPLANATION = """
`alive` is how long the task's process outlived the blow, `back` the time until the next try made its first call.
Where the supervisor dies with the task, Airflow 3 notices by the missing heartbeat, here after 20 s; with a
`ledger_path` a try that finds no good-bye of the one before waits 30 s for its orphan.
"""


def summary_line(lines):
    """Sum it all up in one sentence."""
    judged = [line.verdict for line in lines if line.verdict is not None]
    return (
        f"{sum(len(line.kills) for line in lines)} kills, "
        f"{sum(not line.kills for line in lines)} other scenarios, "
        f"{sum(verdict.sendable for verdict in judged)} recipients: "
        f"{sum(verdict.duplicates for verdict in judged)} duplicates, "
        f"{sum(verdict.losses for verdict in judged)} losses, "
        f"{sum(line.trouble is not None for line in lines)} lines with trouble."
    )


def as_text(line):
    """Show one line on the terminal."""
    verdict = line.verdict
    facts = (
        "not judged"
        if verdict is None
        else (
            f"{verdict.sendable} recipients, {verdict.duplicates} duplicates, {verdict.losses} losses, "
            f"{verdict.unknown} unknown"
        )
    )
    end = "ok" if line.trouble is None else f"TROUBLE: {line.trouble}"
    counts = f"{len(line.kills)} kills, {line.tries} tries"
    return f"{line.name} [{line.airflow}]: {counts}, {facts}, {line.seconds:.0f} s: {end}"


def as_page(*, lines, versions, seed, latency, private):
    """Return the page ``docs/crash-test.md``."""
    return "\n".join(
        [
            INTRODUCTION.format(latency=latency),
            f"Run on {datetime.now(UTC):%Y-%m-%d}, seed {seed}, {', '.join(versions)}.\n",
            f"**{summary_line(lines)}** {_unknown(lines)} {_privacy(private)}\n",
            "## Kills by kind\n",
            *_kinds(lines),
            EXPLANATION,
            "## Campaigns and scenarios\n",
            *_lines(lines),
            "\nRepeat it with `make crash-test`, or `python tests/crash/long.py --seed SEED` for the same moments.",
            "",
        ]
    )


def _unknown(lines):
    judged = [line.verdict for line in lines if line.verdict is not None]
    unsent = sum(verdict.unknown_unsent for verdict in judged)
    count = sum(verdict.unknown for verdict in judged)
    return f"Of {count} `unknown` recipients {count - unsent} had got one message and {unsent} none."


def _privacy(found):
    if found:
        return f"Phone numbers were found in {len(found)} files: {', '.join(found[:5])}."
    return "No phone number was found in Airflow's database and logs."


def _kinds(lines):
    kills = [(line.airflow, kill) for line in lines for kill in line.kills]
    rows = []
    for key in sorted({(airflow, kill.kind) for airflow, kill in kills}):
        found = [kill for airflow, kill in kills if (airflow, kill.kind) == key]
        rows.append(
            [
                *key,
                len(found),
                _range([kill.orphan for kill in found]),
                _range([kill.recovered for kill in found]),
            ]
        )
    return _table(["Airflow", "kill", "times", "alive: median, longest", "back: median, longest"], rows)


def _lines(lines):
    rows = []
    for line in lines:
        verdict = line.verdict
        facts = ("-",) * 3 if verdict is None else (verdict.duplicates, verdict.losses, verdict.unknown)
        size = "-" if verdict is None else verdict.sendable
        result = "as promised" if line.trouble is None else f"**{line.trouble}**"
        counts = (size, len(line.kills), line.tries)
        rows.append([line.name, line.airflow, *counts, *facts, f"{line.seconds:.0f}", result])
    return _table(HEADS, rows)


def _table(heads, rows):
    def row(cells):
        return "| " + " | ".join(str(cell) for cell in cells) + " |"

    return [row(heads), row(["---"] * len(heads)), *(row(each) for each in rows)]


def _range(seconds):
    return f"{median(seconds):.1f} s, {max(seconds):.1f} s"
