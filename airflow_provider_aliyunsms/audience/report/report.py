# SPDX-License-Identifier: Apache-2.0
"""Make the report on a loaded audience, and write it for a log, a screen or a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.facts import FIRST_PLACES, LEFT_OUT, VARIABLE
from airflow_provider_aliyunsms.audience.rows import field_label
from airflow_provider_aliyunsms.codes import LocalCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_aliyunsms.audience.facts import SourceFacts
    from airflow_provider_aliyunsms.audience.report.parts import PartsCount
    from airflow_provider_aliyunsms.audience.spool import RejectionGroup, Spool

REJECTED, NOTE = "rejected: ", "note: "
TO_LOOK_AT = (REJECTED, NOTE)
"""The beginning of the lines of a report that a person should look at."""

_MOST_GROUPS = 20
_MOST_COLUMNS = 40
# Codes of a variable: the column may be one that the template does not use at all.
_OF_VARIABLES = {LocalCode.EMPTY_VARIABLE, LocalCode.VARIABLE_TOO_LONG, LocalCode.INVALID_VARIABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceReport:
    """
    The description of a loaded audience. It holds no number, text or value of a row.

    :param facts: what the source turned out to be.
    :param rows: the number of rows.
    :param ready: how many of them can be sent to.
    :param duplicates: how many repeat an earlier row and are skipped.
    :param groups: the rejected rows by code and column, the largest groups first.
    :param several: how many numbers are to receive several messages that differ; None when it was not counted.
    :param parts: the parts of the messages; None when the text is not known.
    """

    facts: SourceFacts
    rows: int
    ready: int
    duplicates: int
    groups: Sequence[RejectionGroup]
    several: int | None = None
    parts: PartsCount | None = None

    @classmethod
    def of(
        cls, spool: Spool, *, facts: SourceFacts, several: int | None = None, parts: PartsCount | None = None
    ) -> AudienceReport:
        """
        Return the report on a loaded spool.

        :param parts: takes the parts of the messages, which costs a pass over all of them; None to leave them out.
        """
        if parts is not None:
            for members in spool.members():
                for content in members.contents:
                    parts.add(content)
        return cls(
            facts=facts,
            rows=spool.total,
            ready=spool.ready,
            duplicates=spool.local_errors().get(LocalCode.DUPLICATE.value, 0),
            groups=spool.rejection_groups(groups=_MOST_GROUPS, rows=FIRST_PLACES),
            several=several,
            parts=parts,
        )

    @property
    def rejected(self) -> int:
        """The number of rows that are rejected."""
        return self.rows - self.ready - self.duplicates

    @property
    def needs_a_look(self) -> bool:
        """Whether there is something that a person should see: rejected rows or findings."""
        return bool(self.rejected or self.facts.findings or self.several)

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        facts = self.facts
        details = [facts.format or "list", *(f"{name} {value}" for name, value in facts.details.items())]
        lines = [f"format: {', '.join(details)}"]
        if facts.columns:
            lines.append(f"columns: {self._columns()}")
        lines.append(
            f"rows: {self.rows}, ready: {self.ready}, rejected: {self.rejected}, duplicates: {self.duplicates}"
        )
        lines += [self._group_line(group) for group in self.groups]
        lines += [
            f"{NOTE}{places.count} x {what} ({_listed(places.first, places.count, self._place)})"
            for what, places in facts.findings.items()
        ]
        if self.several:
            lines.append(
                f"{NOTE}{self.several} numbers get several messages that differ; dedupe='phone' sends the first"
            )
        if self.parts is not None:
            lines.append(_parts_line(self.parts))
        return lines

    def figures(self) -> dict[str, Any]:
        """Return the key figures for a result; the same audience always gives the same."""
        found: dict[str, Any] = {"format": self.facts.format}
        variables = [field_label(each.name) for each in self.facts.columns if each.use.startswith(VARIABLE)]
        if variables:
            found["variables"] = variables[:_MOST_COLUMNS]
        if self.groups:
            found["rejected"] = [
                {
                    "code": group.code,
                    "field": group.field,
                    "reason": group.first[0].reason,
                    "count": group.count,
                    f"{self._place}s": self._places(group),
                }
                for group in self.groups
            ]
        if self.facts.findings:
            found["notes"] = {what: places.count for what, places in self.facts.findings.items()}
        if self.several:
            found["several_contents"] = self.several
        if self.parts is not None:
            found["parts"] = self.parts.parts
        return found

    @property
    def _place(self) -> str:
        return "line" if self.facts.by_line else "row"

    def _places(self, group: RejectionGroup) -> list[int]:
        return [row.row if row.line is None or not self.facts.by_line else row.line for row in group.first]

    def _columns(self) -> str:
        shown = [
            f"'{each.name}' ({each.use})" if each.use != each.name else f"'{each.name}'"
            for each in self.facts.columns[:_MOST_COLUMNS]
        ]
        more = len(self.facts.columns) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more else "")

    def _group_line(self, group: RejectionGroup) -> str:
        where = _listed(self._places(group), group.count, self._place)
        line = f"{REJECTED}{group.count} x {group.code} in '{group.field}' ({where}): {group.first[0].reason}"
        is_column = any(each.name == group.field and each.use != LEFT_OUT for each in self.facts.columns)
        if group.code in _OF_VARIABLES and is_column:
            line += f'; if the template does not use it: column_mapping={{"{group.field}": None}}'
        return line


def _listed(places: Sequence[int], count: int, word: str) -> str:
    more = ", ..." if count > len(places) else ""
    return f"{word}{'s' if count > 1 else ''} {', '.join(map(str, places))}{more}"


def _parts_line(parts: PartsCount) -> str:
    line = f"parts: {parts.parts} to be billed for {parts.messages} messages, {parts.longest} at most for one"
    if parts.missing:
        line += f"; without a value: {', '.join(field_label(name) for name in sorted(parts.missing))}"
    return line
