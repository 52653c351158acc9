# SPDX-License-Identifier: Apache-2.0
"""Every accepted message, in plain lists and dicts: the simulated phones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_aliyunsms.simulator.replies import Api


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """
    What the messages of one accepted request share.

    :param biz_id: China only.
    :param label: ``OutId`` or ``TaskId``.
    :param accepted_at: Unix seconds.
    """

    api: Api
    action: str
    biz_id: str | None
    label: str | None
    template_code: str | None
    sender: str | None
    accepted_at: float


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """
    One text on one phone.

    :param number: canonical spelling.
    :param message_id: Globe only.
    :param previous: the message the same phone got before, which makes a phone's history a chain without an
        extra list per number.
    :param nth: how many messages this phone has got with this one.
    """

    submission: Submission
    number: str
    content: str
    message_id: str | None
    previous: Message | None
    nth: int


@dataclass(frozen=True, slots=True, repr=False)
class Draft:
    """A message about to be accepted."""

    number: str
    content: str
    message_id: str | None = None


class Inbox:
    """All accepted messages; about half a kilobyte each, look-ups by number and message id are O(1)."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._newest: dict[str, Message] = {}
        self._by_id: dict[str, Message] = {}
        self.surplus = 0

    def accept(self, submission: Submission, drafts: Iterable[Draft]) -> None:
        """Put the messages of one request on their phones."""
        for draft in drafts:
            previous = self._newest.get(draft.number)
            nth = 1 if previous is None else previous.nth + 1
            message = Message(submission, draft.number, draft.content, draft.message_id, previous, nth)
            self._messages.append(message)
            self._newest[draft.number] = message
            self.surplus += nth > 1
            if draft.message_id is not None:
                self._by_id[draft.message_id] = message

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def distinct_numbers(self) -> int:
        """How many phones got at least one message."""
        return len(self._newest)

    def newest(self, *, limit: int, number: str | None = None) -> list[Message]:
        """Give the newest messages first, of one phone or of all."""
        history = reversed(self._messages) if number is None else self.of(number)
        return list(islice(history, limit))

    def of(self, number: str) -> Iterator[Message]:
        """Walk through one phone's messages, newest first."""
        message = self._newest.get(number)
        while message is not None:
            yield message
            message = message.previous

    def by_message_id(self, message_id: str) -> Message | None:
        """Find a Globe message."""
        return self._by_id.get(message_id)

    def counts(self, *, duplicates_only: bool = False) -> dict[str, int]:
        """Count the messages per phone; costs one pass over all phones."""
        least = 2 if duplicates_only else 1
        return {number: newest.nth for number, newest in self._newest.items() if newest.nth >= least}

    def clear(self) -> None:
        """Forget all."""
        self._messages.clear()
        self._newest.clear()
        self._by_id.clear()
        self.surplus = 0
