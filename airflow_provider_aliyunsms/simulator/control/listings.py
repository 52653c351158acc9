# SPDX-License-Identifier: Apache-2.0
"""Find messages by number, text, id, campaign and delivery, and list the phones that got them."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.simulator.control.index import AT_ONCE
from airflow_provider_aliyunsms.simulator.numbers import behaviour_of, canonical_number

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from airflow_provider_aliyunsms.simulator.control.index import Index
    from airflow_provider_aliyunsms.simulator.memory import Message, State, Submission
    from airflow_provider_aliyunsms.simulator.numbers import DeliveryWord

_MOST_KEPT: Final = 4
_GROUPED_DIGITS: Final = re.compile(r"\+?[0-9][0-9 \-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """
    What a message must have to be found; what is left out may be anything.

    :param text: part of the number, the text, the signature or one of the ids, in any case.
    :param status: the delivery as it is now.
    :param campaign: the id of its campaign.
    :param surplus: whether only messages are found whose phone had the same text before.
    """

    text: str = ""
    status: DeliveryWord | None = None
    campaign: str | None = None
    surplus: bool = False


@dataclass(slots=True)
class Listing:
    """
    The phones that a search finds, by their number; the one with the newest message that was found is last.

    :param messages: how many messages were found.
    """

    phones: dict[str, Message] = field(default_factory=dict)
    messages: int = 0
    position: int = 0

    def page(self, *, offset: int, limit: int) -> list[Message]:
        """Return, for some phones, the newest message that was found, newest first."""
        return list(islice(reversed(self.phones.values()), offset, offset + limit))


class Listings:
    """
    Search the inbox.

    A search reads all messages once, about half a microsecond for each. The last few are kept, and read only what has
    come since; one for a delivery state is not, because time changes what it finds.

    :param state: whose inbox is searched.
    :param index: the counts of the same inbox; caught up by each search.
    """

    def __init__(self, state: State, *, index: Index) -> None:
        self._state = state
        self._index = index
        self._lock = asyncio.Lock()
        self._kept: OrderedDict[Search, Listing] = OrderedDict()
        self._stamp = index.stamp

    async def find(self, search: Search) -> Listing:
        """Return the phones that a search finds now."""
        async with self._lock:
            listing = None
            while listing is None:
                await self._index.catch_up()
                listing = await self._read_up(search)
            return listing

    async def matching(self, search: Search) -> AsyncIterator[list[Message]]:
        """Yield all messages that a search finds, oldest first, in portions; ends early when the inbox is emptied."""
        await self._index.catch_up()
        matches = self._matcher(search)
        generation, target = self._state.inbox.generation, self._index.position
        for start in range(0, target, AT_ONCE):
            if self._state.inbox.generation != generation:
                return
            end = min(start + AT_ONCE, target)
            yield [message for message in self._state.inbox.part(start, end) if matches(message)]
            await asyncio.sleep(0)

    async def _read_up(self, search: Search) -> Listing | None:
        """Return what a search finds, None when the counts that it needs began anew meanwhile."""
        listing = self._kept_or_new(search)
        matches = self._matcher(search)
        # Not beyond what is counted: later messages may have a text that their phone had before.
        stamp, target = self._index.stamp, self._index.position
        while listing.position < target:
            self._read(listing, matches, end=min(listing.position + AT_ONCE, target))
            await asyncio.sleep(0)
            if self._index.stamp != stamp:
                return None
        return listing

    def _kept_or_new(self, search: Search) -> Listing:
        if self._stamp != self._index.stamp:
            self._kept.clear()
            self._stamp = self._index.stamp
        if search.status is not None:
            return Listing()
        listing = self._kept.setdefault(search, Listing())
        self._kept.move_to_end(search)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return listing

    def _read(self, listing: Listing, matches: Callable[[Message], bool], *, end: int) -> None:
        phones = listing.phones
        for message in self._state.inbox.part(listing.position, end):
            if matches(message):
                # Taken out first, so that the phone moves to the end.
                phones.pop(message.number, None)
                phones[message.number] = message
                listing.messages += 1
        listing.position = end

    def _matcher(self, search: Search) -> Callable[[Message], bool]:
        """Return a test for a message; made of those parts alone that the search names."""
        tests: list[Callable[[Message], bool]] = []
        index = self._index
        if search.surplus:
            tests.append(lambda message: index.first_of(message) is not None)
        if search.campaign is not None:
            tests.append(lambda message: index.campaign_of(message).campaign_id == search.campaign)
        if search.text.strip():
            tests.append(_text_test(search.text.strip()))
        if search.status is not None:
            # The costliest one comes last.
            tests.append(self._status_test(search.status))
        if not tests:
            return _any_message
        return tests[0] if len(tests) == 1 else lambda message: all(test(message) for test in tests)

    def _status_test(self, status: DeliveryWord) -> Callable[[Message], bool]:
        now, delay = self._state.now(), self._state.options.delivery_delay

        def matches(message: Message) -> bool:
            behaviour = behaviour_of(number=message.number, carrier_error=message.carrier_error)
            return status == behaviour.verdict_after(
                now - message.submission.accepted_at, delivery_delay=delay
            )

        return matches


def _any_message(_: Message) -> bool:
    return True


def _text_test(text: str) -> Callable[[Message], bool]:
    wanted = text.lower()
    # A number may be typed as people write it: +86 138 0000 1234.
    plain = re.sub(r"[ \-]", "", text) if _GROUPED_DIGITS.fullmatch(text) else text
    number = canonical_number(plain) or plain
    # Texts in Chinese have no case, and lower() costs as much as the search.
    has_case = wanted != text.upper()
    of_submission = _SubmissionTest(wanted)

    def matches(message: Message) -> bool:
        content = message.content.lower() if has_case else message.content
        return (
            number in message.number
            or wanted in content
            or of_submission(message.submission)
            or (message.message_id is not None and wanted in message.message_id.lower())
        )

    return matches


class _SubmissionTest:
    """Search the ids of requests; the messages of one request come one after the other and share the result."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._last: Submission | None = None
        self._found = False

    def __call__(self, submission: Submission) -> bool:
        if submission is not self._last:
            names = (submission.label, submission.biz_id, submission.template_code, submission.sender)
            self._found = any(self._wanted in name.lower() for name in names if name)
            self._last = submission
        return self._found
