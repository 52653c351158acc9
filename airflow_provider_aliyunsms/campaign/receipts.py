# SPDX-License-Identifier: Apache-2.0
"""Receipts: one row per recipient; ``receipt_files`` writes them and reads them back for the delivery sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    for run in rows:
        ids = run.message_ids or [None] * len(run)
        for number, message_id in zip(run.numbers, ids):
            yield {
                number_field: number,
                "outcome": run.outcome,
                "code": run.code,
                id_field: run.biz_id if id_field == "biz_id" else message_id,
                "out_id": run.out_id,
                "time": run.time or at,
            }
