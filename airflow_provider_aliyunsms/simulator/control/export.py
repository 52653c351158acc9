# SPDX-License-Identifier: Apache-2.0
"""Write the messages that a search finds as CSV or as a JSON array, in portions."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_aliyunsms.simulator.control.views import moment, price
from airflow_provider_aliyunsms.simulator.parts import count_parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterator

    from airflow_provider_aliyunsms.simulator.control.index import Index
    from airflow_provider_aliyunsms.simulator.memory import Message, State, Submission

_IN_PORTION: Final = 200
_BYTE_ORDER_MARK: Final = "\ufeff"
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


async def csv_export(
    state: State, found: AsyncIterable[list[Message]], *, index: Index
) -> AsyncIterator[str]:
    """
    Yield a CSV file, as spreadsheets take it.

    A text that a spreadsheet would run as a formula gets an apostrophe before it. A byte order mark tells Excel that
    the file is UTF-8.

    :param found: the messages, in lists of any length.
    """
    rows = _Rows(state, index=index)
    yield _BYTE_ORDER_MARK + _csv_lines([list(rows.names)])
    async for messages in found:
        for portion in _portions(messages):
            yield _csv_lines([[_cell(value) for value in rows.of(one).values()] for one in portion])
            await asyncio.sleep(0)


async def json_export(
    state: State, found: AsyncIterable[list[Message]], *, index: Index
) -> AsyncIterator[str]:
    """Yield a JSON array with one object on each line; ``found`` are the messages, in lists of any length."""
    rows = _Rows(state, index=index)
    before = "[\n"
    async for messages in found:
        for portion in _portions(messages):
            yield before + ",\n".join(json.dumps(rows.of(one), ensure_ascii=False) for one in portion)
            before = ",\n"
            await asyncio.sleep(0)
    yield "[]\n" if before == "[\n" else "\n]\n"


class _Rows:
    """Make the exported fields of messages; those of a request are made once for all its messages."""

    def __init__(self, state: State, *, index: Index) -> None:
        self._state = state
        self._index = index
        self._last: Submission | None = None
        self._shared: dict[str, Any] = {}

    names: Final = (
        *("accepted_at", "api", "action", "template_code", "sender_id", "out_id", "task_id", "biz_id"),
        *("number", "content", "sign_name", "message_id", "status", "err_code", "receipt_at"),
        *("parts", "cost", "surplus"),
    )

    def of(self, message: Message) -> dict[str, Any]:
        submission = message.submission
        if submission is not self._last:
            self._last, self._shared = submission, _shared(submission)
        outcome = self._state.outcome(message)
        parts = count_parts(message.content, api=submission.api)
        return {
            **self._shared,
            "number": message.number,
            "content": message.content,
            "sign_name": message.sign_name or None,
            "message_id": message.message_id,
            "status": outcome.verdict,
            "err_code": outcome.err_code,
            "receipt_at": None if outcome.at is None else moment(outcome.at),
            "parts": parts,
            "cost": price(self._state, api=submission.api, parts=parts),
            "surplus": self._index.first_of(message) is not None,
        }


def _shared(submission: Submission) -> dict[str, Any]:
    is_china = submission.api == "china"
    return {
        "accepted_at": moment(submission.accepted_at),
        "api": submission.api,
        "action": submission.action,
        "template_code": submission.template_code,
        "sender_id": submission.sender,
        "out_id": submission.label if is_china else None,
        "task_id": None if is_china else submission.label,
        "biz_id": submission.biz_id,
    }


def _portions(messages: list[Message]) -> Iterator[list[Message]]:
    for start in range(0, len(messages), _IN_PORTION):
        yield messages[start : start + _IN_PORTION]


def _csv_lines(rows: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
