# SPDX-License-Identifier: Apache-2.0
"""Look up a code in the tables: the conclusion that it allows, its meaning and the next step."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, Literal

from airflow_provider_aliyunsms.codes.carrier import RECEIPT_CODES
from airflow_provider_aliyunsms.codes.china import CHINA_CODES, DOOMED_CODES
from airflow_provider_aliyunsms.codes.gateway import GATEWAY_CODES
from airflow_provider_aliyunsms.codes.globe import GLOBE_CODES, OLD_GLOBE_CODES
from airflow_provider_aliyunsms.codes.local import LOCAL_CODES
from airflow_provider_aliyunsms.codes.model import CodeClass, CodeInfo
from airflow_provider_aliyunsms.products import CHINA, GLOBE, PRODUCTS, Product

_PREFIX: Final = re.compile(r"^is[vp]\.", re.IGNORECASE)
_NOT_A_CODE: Final = re.compile(r"[^A-Za-z0-9_.:\-]+")
_LONG_DIGITS: Final = re.compile(r"\d{6,}")
_LONGEST_CODE: Final = 80


def _key(code: str) -> str:
    return _PREFIX.sub("", code.strip()).upper()


# A few bare names mean different things in the two products, so each product's codes come first in its own view.
_CHINA_FIRST: Final = (
    *CHINA_CODES,
    *DOOMED_CODES,
    *GATEWAY_CODES,
    *RECEIPT_CODES,
    *GLOBE_CODES,
    *OLD_GLOBE_CODES,
)
_GLOBE_FIRST: Final = (*GLOBE_CODES, *OLD_GLOBE_CODES, *_CHINA_FIRST)
# Reversed, because the last of two rows with the same key stays in a dict, and here the first one must.
_CHINA_VIEW: Final = {_key(info.code): info for info in reversed(_CHINA_FIRST)}
_GLOBE_VIEW: Final = {_key(info.code): info for info in reversed(_GLOBE_FIRST)}

# The gateway documents some codes only as a pattern; a code that matches one takes the class and texts of the row
# named beside it. The names that the last pattern excludes are no parameters, so they stay ambiguous unless a table
# holds them.
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
    Return a code from outside in a form that is fit for logs and errors.

    :param code: the text that stood in the place of a code.
    :returns: at most 80 characters that a code can have, with every run of six digits or more, which may be a phone
        number, replaced by ``****``; "UNREADABLE" when nothing is left.
    """
    tidy = _LONG_DIGITS.sub("****", _NOT_A_CODE.sub("_", code.strip()))[:_LONGEST_CODE]
    return tidy.strip("_") or "UNREADABLE"


def look_up_code(code: str, *, http_status: int = 200, product: Product = CHINA) -> CodeInfo:
    """
    Return the class, the meaning and the advice of a code of the vendor.

    An unknown code is ambiguous, because a request that is not proven to be refused may have been accepted. The same
    holds for "OK" under an HTTP error status.

    :param code: ``Code``, ``ResponseCode`` or ``ErrCode`` in any case, with or without ``isv.`` / ``isp.``.
    :param http_status: the status of the response that carried it; a code that is known by its pattern only is
        believed with a 4xx status only.
    :param product: the product whose API sent it; a few bare names mean something else in the other one.
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
    """Return every row of the vendor's tables once, those for China first; the documentation lists them."""
    return _CHINA_FIRST


def _kin(key: str, *, http_status: int, view: dict[str, CodeInfo]) -> CodeInfo | None:
    if key.startswith("SENDERID_BL"):  # the vendor's page shows only the beginning of this code
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


_OURS: Final = {info.code: info for info in LOCAL_CODES}


_SIGNATURE_CODES: Final = frozenset(
    {
        "SMS_SIGNATURE_ILLEGAL",
        "SMS_SIGN_NAME_ILLEGAL",
        "SMS_SIGN_ILLEGAL",
        "SIGN_STATE_ILLEGAL",
        "SIGN_NAME_ILLEGAL",
        "SIGN_SOURCE_ILLEGAL",
        "SIGNATURE_BLACKLIST",
        "SMS_SIGNATURE_SCENE_ILLEGAL",
    }
)
_TEMPLATE_CODES: Final = frozenset({"SMS_TEMPLATE_ILLEGAL", "SMS_CONTENT_MISMATCH_TEMPLATE_TYPE"})


_EXAMPLE: Final = "dysms action, for example dysms:SendBatchSms"
_EXAMPLE_ZH: Final = "dysms 权限，例如 dysms:SendBatchSms"


def with_action(info: CodeInfo, action: str) -> CodeInfo:
    """Return a row whose advice names the action that was called, where it gives one as an example."""
    if _EXAMPLE not in info.advice:
        return info
    return replace(
        info,
        advice=info.advice.replace(_EXAMPLE, f"action dysms:{action}"),
        advice_zh=info.advice_zh.replace(_EXAMPLE_ZH, f"权限 dysms:{action}"),
    )


def explain(code: str | None, *, api: str = CHINA.action, action: str | None = None) -> CodeInfo:
    """
    Return the class, the meaning and the advice of a code of the vendor or of this package.

    It never fails: a code that no table holds is explained as unknown.

    :param code: ``code`` of a receipt, or a key of ``errors``; None, as in the receipt of an accepted message,
        means ``OK``.
    :param api: ``api`` of the campaign's result; a few codes mean something else in the other API.
    :param action: the API call that the code came from, if not ``api``: what a missing permission is needed for.
    """
    if not code:
        code = "OK"
    found = _OURS.get(code) or look_up_code(code, product=PRODUCTS.get(api, CHINA))
    return with_action(found, action or api)


def concerns(code: str | None) -> Literal["signature", "template"] | None:
    """
    Return what a code that dooms a campaign is about, where single rows may be at fault; None otherwise.

    :param code: the code of a refused send.
    """
    key = _key(code or "")
    if key in _SIGNATURE_CODES:
        return "signature"
    return "template" if key in _TEMPLATE_CODES else None
