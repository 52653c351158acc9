# SPDX-License-Identifier: Apache-2.0
"""The table at the end, and the messages as the phones show them."""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_aliyunsms.audience.phone_numbers import mask_number
from airflow_provider_aliyunsms.codes.lookup import explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results import Campaign
    from screen import Screen

NAMES = 32
NUMBERS = 9


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line of the table.

    :param depth: how far it is indented.
    :param numbers: one for each campaign.
    :param meaning: plain words.
    """

    depth: int
    name: str
    numbers: tuple[int, ...]
    meaning: str = ""


def show(screen: Screen, campaigns: list[Campaign]) -> None:
    """Show what became of every recipient, a column for each campaign."""
    titles = "".join(f"{campaign.title:>{NUMBERS}}" for campaign in campaigns)
    screen.say(screen.bold(f"  {'':<{NAMES}}{titles}"))
    for line in _lines(campaigns):
        for text in _laid_out(line, screen):
            screen.say(text)


def show_phones(screen: Screen, campaigns: list[Campaign], *, each: int = 3) -> None:
    """Show the first messages of each campaign."""
    for campaign in campaigns:
        screen.say()
        screen.say(screen.bold(f"  On the phones, {campaign.title}"))
        for message in campaign.messages[:each]:
            screen.say(f"    {mask_number(message['number'])}  {screen.dim(_sender(message))}")
            screen.say(f"    | {message['content']}")


def show_guards(screen: Screen, *, usual: dict[str, Any], stopped: dict[str, Any]) -> None:
    """Show what the guards of the third campaign decided, in both of its runs."""
    for title, sent in (("as usual", usual), ("with ten times as many people", stopped)):
        screen.say()
        screen.say(
            screen.bold(f"  A campaign that judges itself, {title}: ")
            + f"{sent['accepted']:,} of {sent['total']:,} sent"
        )
        for record in sent["guards"]:
            text = f"{record['guard']:<13} {record['decision']:<5} {record['reason']}"
            first, *rest = textwrap.wrap(text, screen.width - 6)
            screen.say(f"    {first}")
            for more in rest:
                screen.say(f"    {'':<20}{more}")


def _sender(message: dict[str, Any]) -> str:
    at = message["accepted_at"][11:19]
    return f"{at}  from {message['sender_id']}" if message["sender_id"] else at


def _lines(campaigns: list[Campaign]) -> Iterator[Line]:
    def counts(name: str, *, of: str = "send") -> tuple[int, ...]:
        return tuple(getattr(campaign, of)[name] for campaign in campaigns)

    apis = [campaign.send["api"] for campaign in campaigns]
    yield Line(0, "recipients in the file", counts("total"))
    yield Line(1, "accepted", counts("accepted"), "the gateway took the message and charges for it")
    for verdict, meaning in (
        ("delivered", "the phone has it"),
        ("failed", "the carrier could not deliver it"),
        ("pending", "no receipt before the sensor's deadline"),
    ):
        yield Line(2, verdict, counts(verdict, of="delivered"), meaning)
        if verdict == "failed":
            yield from _reasons(3, [Counter(campaign.delivered["errors"]) for campaign in campaigns], apis)
    for outcome, meaning in (
        ("rejected", "not sent, by us or by the gateway, and why"),
        ("skipped", "not sent, because it was not needed"),
        ("unknown", "nobody can tell whether it was sent"),
    ):
        yield Line(1, outcome, counts(outcome), meaning)
        yield from _reasons(2, [campaign.reasons(outcome) for campaign in campaigns], apis)


def _reasons(depth: int, counters: list[Counter[str]], apis: list[str]) -> Iterator[Line]:
    total = Counter[str]()
    api_of: dict[str, str] = {}
    for counter, api in zip(counters, apis, strict=True):
        total.update(counter)
        api_of |= dict.fromkeys(counter, api)
    for code, _ in total.most_common():
        numbers = tuple(counter[code] for counter in counters)
        yield Line(depth, code, numbers, explain(code, api=api_of[code]).meaning)


def _laid_out(line: Line, screen: Screen) -> Iterator[str]:
    # a code that one campaign has and the other has not is no number at all
    none = "-" if line.depth > 1 else "0"
    numbers = "".join(f"{f'{number:,}' if number else none:>{NUMBERS}}" for number in line.numbers)
    name = "  " * line.depth + line.name
    left = f"  {name:<{NAMES}}{numbers}"
    first, *rest = textwrap.wrap(line.meaning, max(24, screen.width - len(left) - 4)) or [""]
    text = f"{left}   {screen.dim(first)}" if first else left
    yield text if line.depth > 1 else screen.bold(left) + text[len(left) :]
    for more in rest:
        yield " " * len(left) + f"   {screen.dim(more)}"
