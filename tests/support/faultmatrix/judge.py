# SPDX-License-Identifier: Apache-2.0
"""The promise, checked against what the gateway itself counted."""

from __future__ import annotations

from collections import Counter

from faultmatrix.campaigns import CHUNK_SIZE

OUTCOMES = ("accepted", "rejected", "skipped", "unknown")


def nobody_twice(*, phones):
    """Give what is wrong when a phone got more than one message."""
    surplus = sum(count - 1 for count in phones.values())
    return [f"{surplus} messages too many"] if surplus else []


def honest(*, summary, phones, audience, poison):
    """
    Give what is wrong with a summary and its receipts, seen from the gateway's side.

    :param phones: messages per number, as the gateway counted them.
    :param poison: the numbers that the gateway refuses: nobody else may end as rejected.
    """
    receipts = [(_number_of(receipt), receipt["outcome"]) for receipt in summary["receipts"]]
    tally = Counter(outcome for _, outcome in receipts)
    problems = []
    if sum(summary[word] for word in OUTCOMES) != summary["total"] or summary["total"] != len(audience):
        problems.append("the outcomes do not add up")
    if any(tally[word] != summary[word] for word in OUTCOMES):
        problems.append(f"receipts {dict(tally)} contradict the summary")
    if sorted(number for number, _ in receipts) != sorted(audience):
        problems.append("not exactly one receipt for everybody")
    for number, outcome in receipts:
        has = phones.get(number, 0) > 0
        if has and outcome not in ("accepted", "unknown"):
            problems.append(f"a message the gateway has is reported as {outcome}")
        if outcome == "accepted" and not has:
            problems.append("reported as accepted, but the gateway has no message")
        if outcome == "rejected" and number not in poison:
            problems.append("somebody is rejected whom the gateway would accept")
    return problems


def fates(summary):
    """
    Give the fate of every chunk, in the order of the audience.

    ``found``: accepted, but without the id that only the lost answer named.
    """
    words = []
    for receipt in summary["receipts"]:
        named = receipt.get("biz_id") or receipt.get("message_id")
        words.append("found" if receipt["outcome"] == "accepted" and not named else receipt["outcome"])
    return [_in_short(words[start : start + CHUNK_SIZE]) for start in range(0, len(words), CHUNK_SIZE)]


def hit_fate(chunks):
    """Give the fate of the chunks that were hit: whatever differs from the plain ``accepted`` of all others."""
    return " / ".join(sorted(set(chunks) - {"accepted"})) or "accepted"


def _in_short(words):
    counts = Counter(words)
    if len(counts) == 1:
        return words[0]
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()) if word != "accepted")


def _number_of(receipt):
    return (receipt.get("phone_number") or receipt["to"]).lstrip("+")
