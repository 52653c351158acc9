# SPDX-License-Identifier: Apache-2.0
"""
Count the messages of the inbox by campaign, and find those whose phone had the same text before.

The counts are made when somebody asks for them, from where they were left the last time, so that a simulator that
nobody looks at pays nothing for them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.simulator.numbers import behaviour_of
from airflow_provider_aliyunsms.simulator.parts import count_parts

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.simulator.memory import Message, State
    from airflow_provider_aliyunsms.simulator.replies import Api

AT_ONCE: Final = 1000
"""Messages that are read before the gateway's requests have their turn again."""


@dataclass(slots=True, kw_only=True, eq=False)
class Campaign:
    """
    The messages of one template under one signature, or of one Globe sender, from one account.

    The gateway is told no more of a campaign: the out ids of its calls have nothing in common.

    :param phones: the different numbers among its messages.
    :param surplus: the messages whose phone had the same text before, from whatever campaign.
    :param delivered: the messages that were delivered when :meth:`Index.catch_up` ran last; so is ``failed``.
    :param first_at: the time of its first message in seconds since the epoch; ``last_at`` is that of its last one.
    """

    campaign_id: str
    api: Api
    template_code: str | None
    sender: str | None
    sign_name: str
    account: str
    messages: int = 0
    phones: int = 0
    parts: int = 0
    surplus: int = 0
    delivered: int = 0
    failed: int = 0
    first_at: float = 0.0
    last_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class _Earlier:
    """What a phone with several messages got: the first message with each text, and the campaigns."""

    texts: dict[str, int] = field(default_factory=dict)
    campaigns: set[Campaign] = field(default_factory=set)


class Index:
    """
    The counts of one simulator's inbox, as of the last :meth:`catch_up`.

    Takes about 100 bytes for each phone with several messages, and as much for each message without a receipt.

    :param state: whose inbox is counted; it is only read.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        # Two requests must not count the same messages: catching up has pauses.
        self._lock = asyncio.Lock()
        self._basis: tuple[object, ...] = ()
        self._restarts = 0
        self._forget()

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes when positions or counts begin anew."""
        return self._restarts, self._state.inbox.generation

    def _forget(self) -> None:
        self.position = 0
        self.surplus = 0
        self.surplus_to: Counter[str] = Counter()
        self._campaigns: dict[tuple[object, ...], Campaign] = {}
        self._first_of: dict[tuple[str, int], int] = {}
        self._earlier: dict[str, _Earlier] = {}
        self._waiting: defaultdict[float, deque[tuple[float, Campaign, bool]]] = defaultdict(deque)

    async def catch_up(self) -> None:
        """
        Count what has come since the last call, and the receipts that are due.

        Costs a few microseconds for each new message, in portions between which the gateway goes on. Counts anew
        after the inbox was emptied or the delivery delay was changed.
        """
        async with self._lock:
            target = len(self._state.inbox)
            while True:
                self._begin_anew_if_needed()
                end = min(self.position + AT_ONCE, target, len(self._state.inbox))
                for message in self._state.inbox.part(self.position, end):
                    self._add(message)
                self.position = max(end, self.position)
                if self.position >= min(target, len(self._state.inbox)):
                    break
                await asyncio.sleep(0)
            await self._settle()

    def campaigns(self) -> list[Campaign]:
        """Return the campaigns, the one with the newest message first."""
        return sorted(self._campaigns.values(), key=lambda one: one.last_at, reverse=True)

    def campaign_of(self, message: Message) -> Campaign:
        """Return the campaign of a message, which is made when there is none."""
        submission = message.submission
        # A Globe request has no template, and a China request no sender.
        name = submission.template_code or submission.sender
        key = (submission.api, name, message.sign_name, submission.account)
        campaign = self._campaigns.get(key)
        if campaign is None:
            campaign = self._campaigns[key] = Campaign(
                campaign_id=hashlib.blake2b(repr(key).encode(), digest_size=6).hexdigest(),
                api=submission.api,
                template_code=submission.template_code,
                sender=submission.sender,
                sign_name=message.sign_name,
                account=submission.account,
                first_at=submission.accepted_at,
            )
        return campaign

    def first_of(self, message: Message) -> int | None:
        """Return which message to this number had the same text first; None when this one is the first."""
        return self._first_of.get((message.number, message.nth)) if message.nth > 1 else None

    def _begin_anew_if_needed(self) -> None:
        options = self._state.options
        basis = (self._state.inbox.generation, options.delivery_delay, options.clock_offset)
        if basis != self._basis:
            self._basis = basis
            self._restarts += 1
            self._forget()

    def _add(self, message: Message) -> None:
        campaign = self.campaign_of(message)
        campaign.messages += 1
        campaign.parts += count_parts(message.content, api=message.submission.api)
        campaign.last_at = message.submission.accepted_at
        if message.nth == 1:
            campaign.phones += 1
        else:
            self._add_repeated(message, campaign)
        behaviour = behaviour_of(number=message.number, carrier_error=message.carrier_error)
        if behaviour.err_code is not None:
            waiting = (message.submission.accepted_at, campaign, behaviour.err_code == "DELIVERED")
            self._waiting[behaviour.slowness].append(waiting)

    def _add_repeated(self, message: Message, campaign: Campaign) -> None:
        earlier = self._earlier.get(message.number)
        if earlier is None:
            earlier = self._earlier[message.number] = _Earlier()
            if message.previous is not None:
                earlier.texts[message.previous.content] = message.previous.nth
                earlier.campaigns.add(self.campaign_of(message.previous))
        first = earlier.texts.setdefault(message.content, message.nth)
        if first != message.nth:
            self._first_of[(message.number, message.nth)] = first
            self.surplus_to[message.number] += 1
            self.surplus += 1
            campaign.surplus += 1
        if campaign not in earlier.campaigns:
            earlier.campaigns.add(campaign)
            campaign.phones += 1

    async def _settle(self) -> None:
        """Count the receipts that are due; each queue is in the order of time."""
        now, delay = self._state.now(), self._state.options.delivery_delay
        counted = 0
        for slowness, queue in list(self._waiting.items()):
            while queue and queue[0][0] + delay * slowness <= now:
                _, campaign, is_delivered = queue.popleft()
                if is_delivered:
                    campaign.delivered += 1
                else:
                    campaign.failed += 1
                counted += 1
                if counted % (10 * AT_ONCE) == 0:
                    await asyncio.sleep(0)
