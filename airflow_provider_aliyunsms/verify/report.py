# SPDX-License-Identifier: Apache-2.0
"""Write the facts of an experiment as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms import __version__
from airflow_provider_aliyunsms.private_files import file_beside
from airflow_provider_aliyunsms.verify.experiment import MOST_MESSAGES
from airflow_provider_aliyunsms.verify.facts import Result, exit_code

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_provider_aliyunsms.verify.facts import Fact
    from airflow_provider_aliyunsms.verify.observations import Observations

FORMAT: Final = 1
"""Counts up when a name in the JSON report changes its meaning."""

_WIDTHS: Final = (30, 38, 32, 13)
_HEADINGS: Final = ("fact", "seen", "the provider assumes", "result")


def table(facts: Sequence[Fact]) -> list[str]:
    """Return the facts as lines of a table, with what to do below each fact that needs it."""
    lines = [_row([[heading] for heading in _HEADINGS]), _row([["-" * width] for width in _WIDTHS])]
    told: set[str] = set()
    for fact in facts:
        cells = (fact.fact, fact.seen, fact.assumed, fact.result.value)
        wrapped = [
            textwrap.wrap(cell, width, break_on_hyphens=False)
            for cell, width in zip(cells, _WIDTHS, strict=True)
        ]
        for index in range(max(map(len, wrapped))):
            lines.append(_row([cell[index : index + 1] for cell in wrapped]))
        # The answer that ended the experiment is the reason of several facts; its advice is the same.
        if fact.advice and fact.advice not in told:
            told.add(fact.advice)
            lines += textwrap.wrap(
                fact.advice, sum(_WIDTHS), initial_indent="  -> ", subsequent_indent="     "
            )
        lines.append("")
    return lines


def closing(facts: Sequence[Fact], seen: Observations) -> list[str]:
    """Return the lines below the table: how many messages there were, what to set, and the result as a whole."""
    lines = [f"Messages accepted by the gateway: {seen.accepted}."]
    if seen.perhaps:
        lines.append(f"Perhaps accepted besides: {seen.perhaps}. Look on the phone and in the console.")
    settings = merged_settings(facts)
    if settings:
        lines.append("Set on the send operators:")
        lines += [f"    {name}={value:.0f}," for name, value in settings.items()]
    counts = {result: sum(fact.result is result for fact in facts) for result in Result}
    lines.append(", ".join(f"{result.value}: {count}" for result, count in counts.items()))
    return lines


def merged_settings(facts: Sequence[Fact]) -> dict[str, float]:
    """Return the parameters that the facts ask for, each with the largest value."""
    merged: dict[str, float] = {}
    for fact in facts:
        for name, value in fact.settings.items():
            merged[name] = max(value, merged.get(name, value))
    return merged


def as_json(facts: Sequence[Fact], seen: Observations) -> dict[str, Any]:
    """Return the report for programs; it holds no phone number, text, variable or secret."""
    return {
        "format": FORMAT,
        "provider": __version__,
        "api": seen.product,
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "exit_code": exit_code(facts),
        "messages": {"accepted": seen.accepted, "perhaps": seen.perhaps, "at_most": MOST_MESSAGES},
        "settings": merged_settings(facts),
        "facts": [asdict(fact) for fact in facts],
        "observations": asdict(seen),
    }


def write_report(path: Path, report: dict[str, Any]) -> None:
    """
    Write a report for its owner only; a file that was there before is replaced.

    :raises OSError: it cannot be written.
    """
    with file_beside(path) as (beside, stream):
        stream.write(json.dumps(report, indent=2, ensure_ascii=False).encode())
        stream.flush()
        beside.replace(path)


def _row(cells: Sequence[Sequence[str]]) -> str:
    texts = ("".join(cell).ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    return "  ".join(texts).rstrip()
