# SPDX-License-Identifier: Apache-2.0
"""Receipts: one row per recipient, written as JSON lines and read back by the delivery sensor."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_aliyunsms.exceptions import AudienceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_aliyunsms.audience.spool import ReceiptRow

INLINE_LIMIT = 100
"""Campaigns up to this size carry their receipts in the XCom; larger ones leave them in a file."""

NUMBER_FIELDS = {"SendBatchSms": "phone_number", "BatchSendMessageToGlobe": "to"}
ID_FIELDS = {"SendBatchSms": "biz_id", "BatchSendMessageToGlobe": "message_id"}


def as_receipts(*, rows: Iterable[ReceiptRow], api: str, at: str) -> Iterator[dict[str, Any]]:
    """
    Yield one receipt per recipient, in the order of the audience.

    :param rows: who and what became of it.
    :param api: names the fields as that API does.
    :param at: the time for those that never came to be sent.
    """
    number_field, id_field = NUMBER_FIELDS[api], ID_FIELDS[api]
    for row in rows:
        yield {
            number_field: row.number,
            "outcome": row.outcome,
            "code": row.code,
            id_field: row.biz_id if id_field == "biz_id" else row.message_id,
            "out_id": row.out_id,
            "time": row.time or at,
        }


def write_json_lines(*, receipts: Iterable[Mapping[str, Any]], stream: IO[bytes]) -> int:
    """Write one JSON object a line and return their number."""
    written = 0
    for receipt in receipts:
        stream.write(json.dumps(receipt, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        written += 1
    return written


def read_json_lines(*, stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    """
    Read what :func:`write_json_lines` wrote.

    :raises AudienceError: naming the line, never its content.
    """
    for number, line in enumerate(stream, start=1):
        try:
            receipt = json.loads(line)
        except ValueError:
            raise AudienceError(
                "the receipts file has a line that is not JSON",
                row=number,
                advice="The file was cut or edited: clear the send task, it rebuilds the receipts without sending.",
            ) from None
        yield receipt
