# SPDX-License-Identifier: Apache-2.0
"""The one door to the meaning of every code a receipt, or the sensor's ``errors``, can hold."""

from __future__ import annotations

from typing import Final

from airflow_provider_aliyunsms.codes.lookup import CodeInfo, look_up_code
from airflow_provider_aliyunsms.codes.local import LOCAL_CODES

__all__ = ["LOCAL_CODES", "CodeInfo", "explain"]

_OURS: Final = {info.code: info for info in LOCAL_CODES}
_GLOBE: Final = "BatchSendMessageToGlobe"


def explain(code: str | None, *, api: str = "SendBatchSms") -> CodeInfo:
    """
    Say what a code means and what to do; one that nobody knows is explained as unknown, never an error.

    :param code: ``code`` of a receipt, or a key of ``errors``; None, as in the receipt of an accepted message,
        means ``OK``.
    :param api: ``api`` of the campaign's result; a few codes mean something else in the other API.
    """
    if not code:
        code = "OK"
    return _OURS.get(code) or look_up_code(code, globe=api == _GLOBE)
