# SPDX-License-Identifier: Apache-2.0
"""
Tell who listens what has changed, as server-sent events.

There is no queue: each listener has a position in the inbox, and an event holds what has come since, or the newest of
it and how many were left out. So one that is slow costs no memory and gets fewer, larger steps.

Written without a library: the known one replaces a method of every uvicorn server in the process, and cuts streams
off at the end where these end by themselves.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from airflow_provider_aliyunsms.simulator.control.views import summarize, view_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from airflow_provider_aliyunsms.simulator.control.index import Index
    from airflow_provider_aliyunsms.simulator.memory import State

MOST_LISTENERS: Final = 50
MOST_IN_EVENT: Final = 50
"""Messages in one event; the page asks for those that it shows, so that it needs no more."""

_SILENCE_S: Final = 15.0
"""After so long without an event a comment is sent, by which both ends learn that the other one has gone."""

_PAUSE_S: Final = 0.25
"""Time between two events. Looked at by a clock, so that accepting a message costs nothing for the listeners."""


class Events:
    """
    The event streams of one simulator.

    :param state: what is looked at, four times a second for each listener.
    :param stopping: set when the server shuts down; ends all streams at once.
    """

    def __init__(self, state: State, *, index: Index, stopping: asyncio.Event) -> None:
        self._state = state
        self._index = index
        self._stopping = stopping
        # Positions of an earlier process mean nothing here, even if its inbox was as long.
        self._process = secrets.token_hex(4)
        self._listeners = 0

    @property
    def is_full(self) -> bool:
        """Whether there are as many listeners as there may be."""
        return self._listeners >= MOST_LISTENERS

    async def listen(
        self, *, last_id: str | None, is_gone: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[str]:
        """
        Yield one event at once and one after each change, until the server stops or the listener has gone.

        :param is_gone: returns whether the listener has closed its connection.
        :param last_id: the id of the last event that the listener got before its connection broke; the first event
            then holds what has come since.
        """
        self._listeners += 1
        try:
            position = self._position_of(last_id)
            seen: tuple[int, ...] = ()
            spoken = time.monotonic()
            while not (self._stopping.is_set() or await is_gone()):
                version = self._version()
                if version != seen:
                    # Emptied since: what is in the inbox now is all new.
                    position = 0 if seen and version[0] != seen[0] else position
                    seen = version
                    await self._index.catch_up()
                    event, position = self._event(position)
                    spoken = time.monotonic()
                    yield event
                elif time.monotonic() - spoken > _SILENCE_S:
                    spoken = time.monotonic()
                    yield ": still here\n\n"
                await self._pause()
        finally:
            self._listeners -= 1

    def _version(self) -> tuple[int, ...]:
        state = self._state
        return (
            state.inbox.generation,
            len(state.inbox),
            state.requests.total(),
            state.refused.total(),
            state.faults.played.total(),
            state.faults.open_count,
            state.changes,
        )

    def _event(self, position: int) -> tuple[str, int]:
        end = len(self._state.inbox)
        start = max(position, end - MOST_IN_EVENT)
        shown = [asdict(view_message(self._state, one)) for one in self._state.inbox.part(start, end)]
        data = {
            "messages": shown,
            "left_out": max(0, start - position),
            "changes": self._state.changes,
            "summary": asdict(summarize(self._state, index=self._index)),
        }
        event_id = f"{self._process}-{self._state.inbox.generation}-{end}"
        # JSON holds no line break, which would end the data.
        return f"id: {event_id}\nevent: change\ndata: {json.dumps(data, ensure_ascii=False)}\n\n", end

    def _position_of(self, last_id: str | None) -> int:
        """Return where a listener goes on: at the end if it is new, at the start if its position means nothing."""
        end = len(self._state.inbox)
        if not last_id:
            return end
        process, _, rest = last_id.partition("-")
        generation, _, position = rest.partition("-")
        if (process, generation) != (self._process, str(self._state.inbox.generation)):
            return 0
        return min(int(position), end) if position.isdecimal() and len(position) < 16 else 0

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), timeout=_PAUSE_S)
        except TimeoutError:
            return
