# SPDX-License-Identifier: Apache-2.0
"""docs/fault-matrix.md: written from what was seen, and compared with it."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from faultmatrix.cells import Cell, cells_of, is_possible
from faultmatrix.columns import COLUMNS
from faultmatrix.rows import CHINA, GLOBE, rows_of

from airflow_provider_aliyunsms import __version__

PAGE = Path(__file__).parents[3] / "docs" / "fault-matrix.md"
COMMAND = "python -m pytest tests/matrix --write-matrix"

TITLES = {CHINA: "China: `SendBatchSms`", GLOBE: "Globe: `BatchSendMessageToGlobe`"}

INTRODUCTION = f"""\
# Fault matrix

What becomes of a campaign when the gateway misbehaves: every fault of the [simulator](simulator.md) in every
position. Each cell is a campaign of five calls with three recipients each, over real HTTP, and up to three tries, as
Airflow's retries or a Clear would make them. After every try the gateway's own count is compared with what was
reported. In every cell:

- no phone got two messages, and the outcomes add up to the audience;
- whoever the gateway has a message for is reported as accepted or unknown, and nobody else as accepted;
- only a number the gateway refuses is rejected; the calls beside the fault are not affected;
- China ends with everybody accepted or truly rejected; Globe ends in `unknown` only where no evidence is possible.

This page is written by `{COMMAND}`. Without the option the same tests compare it with what
they see.

## How to read a cell

The fate of the recipients whose call was hit, after the first try; and, behind an arrow, after a later try that
changed it. Everybody else is accepted.

| word | meaning |
| --- | --- |
| accepted | the gateway took the call and said so |
| found | accepted; the answer was lost, but a look-up shows the record (so the receipts have no biz id) |
| 1 rejected | one number is refused, the other recipients of its call are accepted |
| unknown | nobody can say yet; nobody is sent to again, the task fails and says so |
| unknown ×2 | still unknown after the second try |
| stopped (code) | the try ended before its next call, which would have been refused as well; the arrow is a Clear |
| +2 | two send requests more than calls: replays of the identical one, halves, or new ones in place of one void |
| – | cannot happen, or see below |

A fault in a send happens once, in "two calls in a row" twice; look-ups that misbehave do so for the whole first
try, or two. The next try comes after `settle_time`, in the column of early retries after half of it. When the gateway
denies for longer than `settle_time` (10 minutes unless set otherwise) that it has a record, that is beyond what
evidence can do: its recipients would be sent to again.

Globe has no look-up. A request that the gateway has seen, but did not answer clearly, stays `unknown` there:
`resend_unknown=True` is for whoever would rather send twice than not at all.
"""


def cell_text(seen):
    """Write what a cell ended in."""
    runs = [(end, len(list(same))) for end, same in groupby(seen.ends)]
    words = [f"{end} ×{tries}" if tries > 1 else end for end, tries in runs[:-1]] + [runs[-1][0]]
    text = " → ".join(words)
    return f"{text} +{seen.extra}" if seen.extra else text


def section(api, *, observed):
    """Write the table of one API."""
    columns = COLUMNS[api]
    lines = [
        f"## {TITLES[api]}",
        "",
        f"| fault | what happens | {' | '.join(column.title for column in columns)} |",
        "| --- " * (len(columns) + 2) + "|",
    ]
    for row in rows_of(api):
        cells = [
            cell_text(observed[Cell(api, row, column)]) if is_possible(row, column) else "–"
            for column in columns
        ]
        lines.append(f"| `{row.name}` | {row.words} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def read_section(api):
    """Give the table of one API as the page has it; empty when there is none."""
    _, found, rest = _text().partition(f"## {TITLES[api]}\n")
    if not found:
        return ""
    return (found + rest.partition("\n## ")[0]).rstrip("\n") + "\n"


def read_introduction():
    """Give what stands above the tables, without the line that says when they were seen."""
    return _text().partition("\nSeen on ")[0]


def write_section(api, text):
    """Put the table of one API into the page, and the other one back as it was."""
    sections = {name: read_section(name) for name in (CHINA, GLOBE)} | {api: text}
    today = datetime.now(UTC).date().isoformat()
    count = len(cells_of(CHINA)) + len(cells_of(GLOBE))
    stamp = f"Seen on {today} in {count} cells, version {__version__}, Python {platform.python_version()}.\n"
    parts = [INTRODUCTION, stamp, *(part for part in sections.values() if part)]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def _text():
    return PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
