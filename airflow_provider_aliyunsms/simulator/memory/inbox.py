# SPDX-License-Identifier: Apache-2.0
"""Hold every accepted message, by phone number and by message id."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_aliyunsms.simulator.options import FIRST_ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_aliyunsms.simulator.replies import Api


_BYTES_PER_MESSAGE = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """
    One accepted request: the values that all its messages share.

    :param biz_id: the id of the request; China only.
    :param label: the request's ``OutId`` or ``TaskId``.
    :param accepted_at: seconds since the epoch.
    :param account: the account that sent them.
    """

    api: Api
    action: str
    biz_id: str | None
    label: str | None
    template_code: str | None
    sender: str | None
    accepted_at: float
    account: str = FIRST_ACCOUNT


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """
    One accepted message to one phone number.

    :param number: the phone number in its canonical spelling.
    :param message_id: Globe only.
    :param previous: the message before it to the same number, which links the messages to a number without a list for
        each.
    :param nth: the count of messages to this number, up to and including this one.
    :param sign_name: the signature; China only.
    :param carrier_error: the code with which the carrier refuses the message; empty when the number decides.
    """

    submission: Submission
    number: str
    content: str
    message_id: str | None
    previous: Message | None
    nth: int
    sign_name: str = ""
    carrier_error: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Draft:
    """One message that is about to be accepted."""

    number: str
    content: str
    message_id: str | None = None
    sign_name: str = ""
    carrier_error: str = ""


class Inbox:
    """
    Hold all accepted messages.

    A message takes about half a kilobyte. A look-up by number or by message id is O(1). ``surplus`` counts the
    messages to numbers that had one before, ``size`` estimates the bytes of all. ``generation`` grows when the inbox
    is emptied: positions begin anew then.
    """

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._newest: dict[str, Message] = {}
        self._by_id: dict[str, Message] = {}
        self.surplus = 0
        self.size = 0
        self.generation = 0

    def accept(self, submission: Submission, drafts: Iterable[Draft]) -> None:
        """Add the messages of one request."""
        for draft in drafts:
            previous = self._newest.get(draft.number)
            nth = 1 if previous is None else previous.nth + 1
            message = Message(
                submission,
                draft.number,
                draft.content,
                draft.message_id,
                previous,
                nth,
                # A campaign has few signatures, and each request brings its own copies.
                sys.intern(draft.sign_name),
                draft.carrier_error,
            )
            self._messages.append(message)
            self._newest[draft.number] = message
            self.surplus += nth > 1
            self.size += _BYTES_PER_MESSAGE + 2 * len(draft.content)
            if draft.message_id is not None:
                self._by_id[draft.message_id] = message

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def distinct_numbers(self) -> int:
        """The count of phone numbers with at least one message."""
        return len(self._newest)

    def newest(self, *, limit: int, number: str | None = None) -> list[Message]:
        """Return up to ``limit`` messages, newest first, to one phone number or to all."""
        history = reversed(self._messages) if number is None else self.of(number)
        return list(islice(history, limit))

    def part(self, start: int, end: int) -> list[Message]:
        """Return the messages from one position up to another one, oldest first."""
        return self._messages[start:end]

    def newest_to(self, number: str) -> Message | None:
        """Return the newest message to a number, None for a number without messages."""
        return self._newest.get(number)

    def of(self, number: str) -> Iterator[Message]:
        """Yield the messages to one phone number, newest first."""
        message = self._newest.get(number)
        while message is not None:
            yield message
            message = message.previous

    def by_message_id(self, message_id: str) -> Message | None:
        """Return the Globe message with an id, or None."""
        return self._by_id.get(message_id)

    def counts(self, *, duplicates_only: bool = False) -> dict[str, int]:
        """Return the count of messages for each phone number; costs one pass over all numbers."""
        least = 2 if duplicates_only else 1
        return {number: newest.nth for number, newest in self._newest.items() if newest.nth >= least}

    def clear(self) -> None:
        """Remove all messages."""
        self._messages.clear()
        self._newest.clear()
        self._by_id.clear()
        self.surplus = 0
        self.size = 0
        self.generation += 1
