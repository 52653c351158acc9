# SPDX-License-Identifier: Apache-2.0
"""
Find out whether all recipients of one template have the same variables.

The template is the same for all, so a row that lacks a variable is refused by the gateway, together with the other
rows of its call; to isolate it costs calls and waits. An empty cell is found row by row; a key that is absent can be
told only when all rows are known.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.audience.rows import field_label
from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMED = 5
"""Variables that an error names at most."""

_MOST_SETS = 1000
"""Different sets of variables that are told apart; more are no variables but data."""


class VariableNames:
    """Count which variables the recipients of an audience have; it holds names, no values."""

    def __init__(self) -> None:
        # By the names in the order in which they came, because sorting them for each row would cost too much.
        self._sets: Counter[tuple[str, ...]] = Counter()

    def note(self, names: Iterable[str], *, rows: int = 1) -> None:
        """Count rows with these variables."""
        found = tuple(names)
        if rows and (found in self._sets or len(self._sets) < _MOST_SETS):
            self._sets[found] += rows

    def check(self) -> None:
        """
        Refuse an audience whose rows do not have the same variables.

        :raises AudienceError: it names the variables that some rows lack, with their counts.
        """
        counts: Counter[str] = Counter()
        total = 0
        for names, rows in self._sets.items():
            total += rows
            counts.update(dict.fromkeys({*names}, rows))
        differing = sorted(name for name, rows in counts.items() if rows < total)
        if not differing:
            return
        named = ", ".join(f"'{field_label(name)}' in {counts[name]}" for name in differing[:_NAMED])
        more = len(differing) - _NAMED
        raise AudienceError(
            f"the rows do not all have the same template variables; of {total} rows there is {named}"
            f"{f' (and {more} more)' if more > 0 else ''}",
            advice="Nothing was sent now. Give every row each variable of the template, or give template_param a "
            "default; leave out what the template does not have with columns=[...].",
        )
