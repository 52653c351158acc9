# SPDX-License-Identifier: Apache-2.0
"""What every cell and the page must show, whichever API it is about."""

from __future__ import annotations

from collections import Counter

from faultmatrix import page


def check_promise(cell, *, seen):
    """Fail when a cell broke a promise, ended open without need, or did not meet its misbehaviour at all."""
    assert seen.problems == []
    assert seen.strays == []
    assert seen.complete or cell.may_end_unknown, f"{cell} ended as {seen.ends}"
    planned = Counter()
    for wish in cell.wishes:
        planned[wish["fault"]] += wish.get("times", 1) or 1
    assert not planned - Counter(seen.played), f"planned {planned}, played {seen.played}"


def check_page(api, *, text, write):
    """Write the table of an API, or fail when the page shows another one."""
    if write:
        page.write_section(api, text)
    assert page.read_section(api) == text, f"Look at the difference, then run: {page.COMMAND}"
    assert page.read_introduction() == page.INTRODUCTION, f"Run: {page.COMMAND}"
