# SPDX-License-Identifier: Apache-2.0
"""The sender ID of an international message."""

from __future__ import annotations

import re

from airflow_provider_aliyunsms.exceptions import ConfigurationError

_SENDER_ID = re.compile(r"[0-9]{1,15}|[0-9A-Za-z]{1,11}")


def check_sender_id(text: str) -> None:
    """
    Refuse a sender ID the API would refuse; whether it is an approved one only the API knows.

    :param text: digits and letters: at most 11 with letters, at most 15 of digits alone.
    :raises ConfigurationError: when it is anything else.

    See https://www.alibabacloud.com/help/en/sms/api-batchsendmessagetoglobe
    """
    if not isinstance(text, str) or not _SENDER_ID.fullmatch(text):
        msg = "sender_id must be 1 to 11 digits and letters, or 1 to 15 digits, without spaces or signs."
        raise ConfigurationError(msg)
