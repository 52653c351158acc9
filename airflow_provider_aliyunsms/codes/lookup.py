# SPDX-License-Identifier: Apache-2.0
"""The door to the code tables: what a code means, what it allows, what to do next."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from airflow_provider_aliyunsms.codes.carrier import RECEIPT_CODES
from airflow_provider_aliyunsms.codes.china import CHINA_CODES, DOOMED_CODES
from airflow_provider_aliyunsms.codes.gateway import GATEWAY_CODES
from airflow_provider_aliyunsms.codes.globe import GLOBE_CODES, OLD_GLOBE_CODES
from airflow_provider_aliyunsms.codes.local import LOCAL_CODES
from airflow_provider_aliyunsms.codes.model import CodeClass, CodeInfo
from airflow_provider_aliyunsms.products import CHINA, GLOBE, PRODUCTS, Product

__all__ = ["CodeClass", "CodeInfo", "all_codes", "explain", "look_up_code", "tidy_code"]

_PREFIX: Final = re.compile(r"^is[vp]\.", re.IGNORECASE)
_NOT_A_CODE: Final = re.compile(r"[^A-Za-z0-9_.:\-]+")
_LONG_DIGITS: Final = re.compile(r"\d{6,}")
_LONGEST_CODE: Final = 80


def _key(code: str) -> str:
    return _PREFIX.sub("", code.strip()).upper()


# The two products give a few bare names different meanings, so each comes first in its own view.
_CHINA_FIRST: Final = (
    *CHINA_CODES,
    *DOOMED_CODES,
    *GATEWAY_CODES,
    *RECEIPT_CODES,
    *GLOBE_CODES,
    *OLD_GLOBE_CODES,
)
_GLOBE_FIRST: Final = (*GLOBE_CODES, *OLD_GLOBE_CODES, *_CHINA_FIRST)
_CHINA_VIEW: Final = {_key(info.code): info for info in reversed(_CHINA_FIRST)}
_GLOBE_VIEW: Final = {_key(info.code): info for info in reversed(_GLOBE_FIRST)}

# Families the gateway documents by pattern; each stands for the row of the same class.
_FAMILIES: Final = (
    (re.compile(r"^THROTTLING\."), "THROTTLING"),
    (re.compile(r"^MISSING[A-Z0-9.]+$"), "MISSINGPARAMETER"),
    (re.compile(r"^INVALIDPARAMETER[.:]?[A-Z0-9._]*$"), "INVALIDPARAMETER"),
    (
        re.compile(r"^INVALID(?!ACCESSKEY|SECURITYTOKEN|TIMESTAMP|SIGNATURE)[A-Z0-9]+(\.[A-Z0-9]+)?$"),
        "INVALIDPARAMETER",
    ),
)


def tidy_code(code: str) -> str:
    """
    Make a code that came over the wire fit for logs and errors.

    :param code: whatever stood where a code belongs.
    :return: at most 80 characters of a code's alphabet, long runs of digits blotted out; "UNREADABLE"
        when nothing is left.
    """
    tidy = _LONG_DIGITS.sub("****", _NOT_A_CODE.sub("_", code.strip()))[:_LONGEST_CODE]
    return tidy.strip("_") or "UNREADABLE"


def look_up_code(code: str, *, http_status: int = 200, product: Product = CHINA) -> CodeInfo:
    """
    Say what a code means and allows.

    An unknown code is ambiguous: whatever is not proven to be a refusal may have been accepted. The same
    holds for "OK" under an error status.

    :param code: ``Code``, ``ResponseCode`` or ``ErrCode`` in any case, with or without ``isv.`` / ``isp.``.
    :param http_status: the status of the answer that carried it; families of gateway codes need a 4xx to be
        believed.
    :param product: whose API answered; a few bare names mean something else in the other.
    """
    key = _key(code)
    view = _GLOBE_VIEW if product is GLOBE else _CHINA_VIEW
    known = view.get(key)
    if known is None and (kin := _kin(key, http_status=http_status, view=view)):
        known = replace(kin, code=tidy_code(code))
    if known is None or (known.code_class is CodeClass.ACCEPTED and http_status >= 300):
        return _unknown(code)
    return known


def all_codes() -> tuple[CodeInfo, ...]:
    """Every row of the tables once, China first; for the documentation and the simulator."""
    return _CHINA_FIRST


def _kin(key: str, *, http_status: int, view: dict[str, CodeInfo]) -> CodeInfo | None:
    if key.startswith("SENDERID_BL"):  # the page shows only the beginning of this code
        return view["SENDERID_BL"]
    if not 400 <= http_status < 500:
        return None
    return next((view[name] for pattern, name in _FAMILIES if pattern.match(key)), None)


def _unknown(code: str) -> CodeInfo:
    return CodeInfo(
        tidy_code(code),
        CodeClass.AMBIGUOUS,
        "The API answered with an unknown code; the request may or may not have been accepted.",
        "Look the code up in the API's documentation; do not send again without evidence.",
        "接口返回了未知代码，请求可能已被受理，也可能没有。",
        "请在接口文档中查询该代码；没有未受理的证据之前请勿重发。",
    )


__all__ = ["LOCAL_CODES", "CodeInfo", "explain"]

_OURS: Final = {info.code: info for info in LOCAL_CODES}


def explain(code: str | None, *, api: str = CHINA.action) -> CodeInfo:
    """
    Say what a code means and what to do; one that nobody knows is explained as unknown, never an error.

    :param code: ``code`` of a receipt, or a key of ``errors``; None, as in the receipt of an accepted message,
        means ``OK``.
    :param api: ``api`` of the campaign's result; a few codes mean something else in the other API.
    """
    if not code:
        code = "OK"
    return _OURS.get(code) or look_up_code(code, product=PRODUCTS.get(api, CHINA))
