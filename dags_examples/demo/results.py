# SPDX-License-Identifier: Apache-2.0
"""What a campaign returned, next to what the simulator saw: the two must say the same."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTCOMES = ("accepted", "rejected", "skipped", "unknown")
VERDICTS = ("delivered", "failed", "pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """
    One finished campaign.

    :param title: the column it has in the table.
    :param rows: rows of its file.
    :param send: the XCom of the send task.
    :param delivered: the XCom of the sensor.
    :param receipts: one for each row.
    :param messages: what the simulator has accepted for its API, oldest first.
    """

    title: str
    rows: int
    send: dict[str, Any]
    delivered: dict[str, Any]
    receipts: list[dict[str, Any]]
    messages: list[dict[str, Any]]

    def reasons(self, outcome: str) -> Counter[str]:
        """Count the codes of the receipts with an outcome."""
        return Counter(each["code"] or "?" for each in self.receipts if each["outcome"] == outcome)


def read(*, title: str, rows: int, result: Path, messages: list[dict[str, Any]], api: str) -> Campaign:
    """Put a campaign's parts together."""
    returned = json.loads(result.read_text(encoding="utf-8"))
    receipts = Path(returned["send"]["receipts_path"]).read_text(encoding="utf-8").splitlines()
    return Campaign(
        title=title,
        rows=rows,
        send=returned["send"],
        delivered=returned["delivered"],
        receipts=[json.loads(line) for line in receipts],
        messages=[message for message in reversed(messages) if message["api"] == api],
    )


def guarded(result: Path) -> dict[str, Any]:
    """Return what the send task of the third campaign left."""
    send: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))["send"]
    return send


def contradictions(campaign: Campaign) -> Iterator[str]:
    """Say in plain words what does not add up; nothing when all is well."""
    send, seen, title = campaign.send, campaign.delivered, campaign.title
    if not campaign.rows == send["total"] == len(campaign.receipts) == sum(send[name] for name in OUTCOMES):
        yield f"{title}: the file has {campaign.rows} rows, but the outcomes do not add up to that"
    if send["accepted"] != sum(seen[name] for name in VERDICTS):
        yield f"{title}: delivered, failed and pending do not add up to {send['accepted']} accepted"
    for outcome in OUTCOMES:
        in_receipts = sum(receipt["outcome"] == outcome for receipt in campaign.receipts)
        if in_receipts != send[outcome]:
            yield f"{title}: {send[outcome]} are {outcome}, but {in_receipts} receipts say so"
    if send["unknown"]:
        yield f"{title}: {send['unknown']} are unknown, though the simulator always answered"
    yield from _against_simulator(campaign)


def _against_simulator(campaign: Campaign) -> Iterator[str]:
    on_phones = Counter(message["number"] for message in campaign.messages)
    ours = Counter(
        receipt.get("phone_number") or receipt.get("to")
        for receipt in campaign.receipts
        if receipt["outcome"] == "accepted"
    )
    if twice := sum(times > 1 for times in on_phones.values()):
        yield f"{campaign.title}: {twice} phones got the message more than once"
    if missing := ours - on_phones:
        yield f"{campaign.title}: {missing.total()} receipts say accepted, but no phone has the message"
    if surplus := on_phones - ours:
        yield f"{campaign.title}: {surplus.total()} messages are on phones without a receipt that says accepted"
    verdicts = Counter(message["status"] for message in campaign.messages)
    for verdict in VERDICTS:
        if campaign.delivered[verdict] != verdicts[verdict]:
            counted = campaign.delivered[verdict]
            yield f"{campaign.title}: the sensor counted {counted} {verdict}, the simulator {verdicts[verdict]}"
