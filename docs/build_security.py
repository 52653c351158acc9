# SPDX-License-Identifier: Apache-2.0
"""Write the table "What holds phone numbers" of ``docs/security.md`` from the list of the privacy test."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- places: begin -->", "<!-- places: end -->"

sys.path.insert(0, str(ROOT / "tests" / "privacy"))


def written(page: str) -> str:
    """Return the page with the table as it has to be."""
    from places import table

    start, stop = page.index(BEGIN) + len(BEGIN), page.index(END)
    return f"{page[:start]}\n{table()}\n{page[stop:]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
