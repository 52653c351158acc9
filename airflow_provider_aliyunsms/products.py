# SPDX-License-Identifier: Apache-2.0
"""
Describe the two products that send batches: one for mainland China, one for the rest of the world.

Both share the same sending code. A difference between them is a field of :class:`Product`, or a class for each
(recipient rules, channel), and never a flag that is passed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """
    One product of Alibaba Cloud SMS, with the facts in which the two differ.

    :param action: the API call that sends a batch; also the ``api`` of a campaign's result.
    :param query_action: the API call that asks what became of a message; free.
    :param version: the version of its API; the versions differ in endpoint, codes and field names.
    :param number_field: the name of the phone number's field in audience and receipts.
    :param id_field: the name of the id's field in receipts.
    :param max_chunk_size: the largest number of recipients in one call.
    :param has_message_ids: whether the response holds one id for each recipient, instead of one for the call.
    :param can_look_up: whether the API can list by number and date what was sent.
    """

    action: str
    query_action: str
    version: str
    number_field: str
    id_field: str
    max_chunk_size: int
    has_message_ids: bool
    can_look_up: bool


CHINA: Final = Product(
    action="SendBatchSms",
    query_action="QuerySendDetails",
    version="2017-05-25",
    number_field="phone_number",
    id_field="biz_id",
    max_chunk_size=100,
    has_message_ids=False,
    can_look_up=True,
)
"""The product for mainland China: https://help.aliyun.com/document_detail/102364.html"""

GLOBE: Final = Product(
    action="BatchSendMessageToGlobe",
    query_action="QueryMessage",
    version="2018-05-01",
    number_field="to",
    id_field="message_id",
    max_chunk_size=1000,
    has_message_ids=True,
    can_look_up=False,
)
"""The product for other countries: https://www.alibabacloud.com/help/en/sms/api-batchsendmessagetoglobe"""

PRODUCTS: Final = {product.action: product for product in (CHINA, GLOBE)}
"""The products by their ``action``."""
