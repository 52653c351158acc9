# SPDX-License-Identifier: Apache-2.0
"""The verdict on one campaign: the simulator's count per number, the XCom and the receipts must tell one story."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

OUTCOMES = ("accepted", "rejected", "skipped", "unknown")


@dataclass(frozen=True)
class Verdict:
    """
    What became of one audience.

    :param duplicates: messages beyond the first, over all numbers.
    :param losses: numbers that got no message and are not reported as ``unknown`` either.
    :param unknown: recipients whose fate nobody knows, and the task says so.
    :param unknown_unsent: those of them that got no message.
    :param complaints: everything that does not add up, without a number in it.
    """

    sendable: int
    duplicates: int
    losses: int
    unknown: int
    unknown_unsent: int
    complaints: tuple[str, ...]

    @property
    def clean(self):
        return not self.complaints


def judge(*, audience, accepted, state, summary, receipts_path, most_unknown=0):
    """
    Compare what the gateway accepted with what the task reports.

    :param accepted: messages per number, as the gateway counts them.
    :param state: the state in which the run ended.
    :param summary: the XCom.
    :param most_unknown: recipients that may be reported as unknown.
    """
    receipts = _read(receipts_path)
    outcomes = {row[audience.number_field]: row["outcome"] for row in receipts if row["outcome"] != "skipped"}
    unknown = {number for number in audience.everybody if outcomes.get(number) == "unknown"}
    duplicates = sum(count - 1 for count in accepted.values())
    lost = audience.sendable - set(accepted) - unknown
    complaints = [
        *_about_sending(audience=audience, accepted=accepted, duplicates=duplicates, lost=lost),
        *_about_summary(audience=audience, summary=summary, unknown=len(unknown)),
        *_about_receipts(audience=audience, accepted=accepted, summary=summary, receipts=receipts),
    ]
    if state != ("failed" if unknown else "success"):
        complaints.append(f"the run ended as {state} with {len(unknown)} unknown")
    if len(unknown) > most_unknown:
        complaints.append(f"{len(unknown)} unknown, at most {most_unknown} were to be expected")
    return Verdict(
        sendable=len(audience.sendable),
        duplicates=duplicates,
        losses=len(lost),
        unknown=len(unknown),
        unknown_unsent=len(unknown - set(accepted)),
        complaints=tuple(complaints),
    )


def leaks(*, folder, audiences):
    """Name the files below a folder, database and logs, in which a phone number of an audience stands."""
    numbers = {number.encode() for audience in audiences for number in audience.everybody}
    own = {Path(audience.path) for audience in audiences}
    found = []
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and path not in own and path.suffix not in (".jsonl", ".csv"):
            digits = re.findall(rb"(?<![0-9])[0-9]{11}(?![0-9])", path.read_bytes())
            if not numbers.isdisjoint(digits):
                found.append(str(path.relative_to(folder)))
    return found


def _about_sending(*, audience, accepted, duplicates, lost):
    if duplicates:
        yield f"{duplicates} messages too many: {_shape(accepted)}"
    if lost:
        yield f"{len(lost)} recipients lost"
    if not set(accepted) <= audience.sendable:
        yield "somebody who is refused, or not in the audience, got a message"


def _about_summary(*, audience, summary, unknown):
    if summary is None:
        yield "there is no XCom"
        return
    if sum(summary[name] for name in OUTCOMES) != audience.total or summary["total"] != audience.total:
        yield f"the outcomes do not add up to {audience.total}: {[summary[name] for name in OUTCOMES]}"
    expected = {
        "accepted": len(audience.sendable) - unknown,
        "rejected": len(audience.refused) + audience.broken,
        "skipped": audience.repeated,
        "unknown": unknown,
    }
    told = {name: summary[name] for name in OUTCOMES}
    if told != expected:
        yield f"the XCom says {told}, not {expected}"


def _about_receipts(*, audience, accepted, summary, receipts):
    counts = Counter(row["outcome"] for row in receipts)
    if summary is not None and any(counts[name] != summary[name] for name in OUTCOMES):
        yield f"receipts and XCom differ: {dict(counts)}"
    claimed = [row[audience.number_field] for row in receipts if row["outcome"] == "accepted"]
    if len(claimed) != len(set(claimed)) or not set(claimed) <= set(accepted):
        yield "a receipt says accepted, the gateway does not"
    rejected = {row[audience.number_field] for row in receipts if row["outcome"] == "rejected"}
    if rejected & set(accepted):
        yield "a receipt says rejected, the gateway accepted"


def _read(path):
    path = Path(path)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _shape(accepted):
    """Say how many numbers got how many messages."""
    return dict(Counter(accepted.values()))
