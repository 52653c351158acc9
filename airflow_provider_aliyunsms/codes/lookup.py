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

# The gateway documents some codes only as a pattern, and spells others in several ways; a code that matches one takes
# the class and texts of the row named beside it. The order matters: what concerns key, clock, permission or endpoint
# dooms the campaign, and must not be taken for a malformed parameter, which is one recipient's refusal.
_FAMILIES: Final = (
    (re.compile(r"^THROTTLING\b|^TOOMANYREQUESTS?\b|REQUESTLIMITEXCEEDED"), "THROTTLING"),
    # A nonce that was seen is evidence of the first copy. Taken for a refusal, it would lead to a second message.
    (
        re.compile(r".*NONCE.*(USED|DUPLICATE|REPEAT|REPLAY|EXIST)|.*(USED|DUPLICATE|REPEAT)\w*NONCE"),
        "SIGNATURENONCEUSED",
    ),
    (
        re.compile(
            r"^(INVALID|ILLEGAL|EXPIRED)?[._]?TIME_?STAMP|REQUESTTIMETOOSKEWED|^(REQUEST|SIGNATURE)_?EXPIRED"
        ),
        "INVALIDTIMESTAMP",
    ),
    (re.compile(r"^(INVALID|ILLEGAL|EXPIRED)DATE$"), "INVALIDTIMESTAMP"),
    (
        re.compile(r".*(SECURITY|STS)_?TOKEN.*EXPIRED|^EXPIRED.*TOKEN|^TOKEN\.?EXPIRED"),
        "INVALIDSECURITYTOKEN.EXPIRED",
    ),
    (re.compile(r"^MISSING\.?SECURITY_?TOKEN"), "MISSINGSECURITYTOKEN"),
    (re.compile(r"^(INVALID|ILLEGAL)\.?(SECURITY|STS)_?TOKEN"), "INVALIDSECURITYTOKEN"),
    (re.compile(r"^MISSING\.?ACCESS_?KEY"), "MISSINGACCESSKEYID"),
    (re.compile(r"^(INVALID|ILLEGAL|INACTIVE)\.?ACCESS_?KEY_?SECRET"), "INVALIDACCESSKEYSECRET"),
    (re.compile(r"^(INVALID|ILLEGAL|INACTIVE)\.?ACCESS_?KEY"), "INVALIDACCESSKEYID"),
    (re.compile(r"^MISSING\.?(SIGNATURE|TIME_?STAMP|DATE\b)"), "MISSINGSIGNATURE"),
    (re.compile(r"^(INVALID|ILLEGAL)\.?SIGNATURE(?!NONCE)|^SIGNATUREDOESNOTMATCH\b"), "INVALIDSIGNATURE"),
    (
        re.compile(r"^(USER|ACCOUNT)[._]?(IS)?(DISABL|FROZEN|LOCK|BLOCK|ABNORMAL|NOTEXIST)"),
        "ACCOUNT_ABNORMAL",
    ),
    (re.compile(r"^FORBIDDEN\b|^NOPERMISSION\b"), "NOPERMISSION"),
    (re.compile(r"^ACCESSDENIED\b|^ACCESSFORBIDDEN\b"), "ACCESSDENIED"),
    (re.compile(r"^UNAUTHORIZED\b|^NOTAUTHORIZED\b"), "UNAUTHORIZED"),
    (re.compile(r"^(INVALID|MISSING)\.?(REGION|ENDPOINT)"), "INVALIDREGIONID"),
    (re.compile(r"^(INVALID|MISSING)\.?(ACTION|API|PRODUCT)\b"), "INVALIDACTION.NOTFOUND"),
    (re.compile(r"^(INVALID|MISSING)\.?VERSION\b"), "INVALIDVERSION"),
    (re.compile(r"^MISSING[A-Z0-9.]+$"), "MISSINGPARAMETER"),
    (re.compile(r"^INVALIDPARAMETER[.:]?[A-Z0-9._]*$"), "INVALIDPARAMETER"),
    (re.compile(r"^INVALID(?!SIGNATURE|NONCE)[A-Z0-9]+(\.[A-Z0-9]+)?$"), "INVALIDPARAMETER"),
)

# What carriers and old channels write into records of accepted messages: DB:0141, MK:0001, LT:0001.
_RAW_CARRIER_CODE: Final = re.compile(
    r"^[A-Z]{2,4}[:_-]?\d{2,5}$|^(REJECTD|UNKNOWN|EXPIRED|DELETED|ACCEPTD)$"
)

_NOT_AN_ANSWER: Final = (408, 499)
"""Statuses below 500 after which the request may have been passed on all the same."""

_UNDER_WAY: Final = (409, 423, 425)
"""Statuses that speak of another copy or of something that is under way; with an unknown code they prove nothing."""

_FOR_ALL: Final = (401, 402, 403, 404, 405, 406, 410, 411, 415)
"""Statuses that are not about the contents of a request, so that every other call would be refused as well."""

_TOO_MANY: Final = 429

# Trouble behind the gateway, or with a nonce: the request, or its first copy, may have been passed on.
_MAY_HAVE_PASSED: Final = re.compile(
    r"NONCE|INTERNAL|SYSTEM_?(ERROR|BUSY|FAIL)|SERV(ICE|ER)_?(IS_?)?(ERROR|BUSY|UNAVAILABLE)|TIME_?OUT|TIMED_?OUT"
    r"|UNAVAILABLE|UNKNOWN_?ERROR|BACKEND|UPSTREAM"
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


def look_up_code(
    code: str, *, http_status: int = 200, product: Product = CHINA, from_gateway: bool = False
) -> CodeInfo:
    """
    Return the class, the meaning and the advice of a code of the vendor.

    An unknown code is ambiguous, because a request that is not proven to be refused may have been accepted; only the
    gateway's own response with a 4xx status proves it (docs/decisions/unknown-codes.md). "OK" under an HTTP error
    status is ambiguous as well.

    :param code: ``Code``, ``ResponseCode`` or ``ErrCode`` in any case, with or without ``isv.`` / ``isp.``.
    :param http_status: the status of the response that carried it; a code that is known by its pattern only is
        believed with a 4xx status only.
    :param product: the product whose API sent it; a few bare names mean something else in the other one.
    :param from_gateway: the response was the gateway's own, with a request id, and not that of a proxy.
    """
    found = _find(code, http_status=http_status, product=product)
    if found is not None and not (found.code_class is CodeClass.ACCEPTED and http_status >= 300):
        return found
    if found is None and from_gateway and _refuses(code, http_status=http_status):
        return _refused(code, http_status=http_status)
    return _unknown(code)


def all_codes() -> tuple[CodeInfo, ...]:
    """Return every row of the vendor's tables once, those for China first; the documentation lists them."""
    return _CHINA_FIRST


def _find(code: str, *, http_status: int, product: Product) -> CodeInfo | None:
    key = _key(code)
    view = _GLOBE_VIEW if product is GLOBE else _CHINA_VIEW
    known = view.get(key)
    if known is None and (kin := _kin(key, http_status=http_status, view=view)):
        return replace(kin, code=tidy_code(code))
    return known


def _kin(key: str, *, http_status: int, view: dict[str, CodeInfo]) -> CodeInfo | None:
    if key.startswith("SENDERID_BL"):  # the vendor's page shows only the beginning of this code
        return view["SENDERID_BL"]
    if not _is_refusal(http_status):
        return None
    return next((view[name] for pattern, name in _FAMILIES if pattern.match(key)), None)


def _is_refusal(http_status: int) -> bool:
    return 400 <= http_status < 500 and http_status not in _NOT_AN_ANSWER


def _refuses(code: str, *, http_status: int) -> bool:
    """Return whether a response with a code that is in no table proves that nothing was accepted."""
    # "isp." names a fault of the platform, which may have had the request by then.
    return (
        _is_refusal(http_status)
        and http_status not in _UNDER_WAY
        and not code.strip().lower().startswith("isp.")
        and not _MAY_HAVE_PASSED.search(_key(code))
    )


def _refused(code: str, *, http_status: int) -> CodeInfo:
    if http_status == _TOO_MANY:
        return replace(_CHINA_VIEW["THROTTLING"], code=tidy_code(code))
    return CodeInfo(
        tidy_code(code),
        CodeClass.DOOMED if http_status in _FOR_ALL else CodeClass.REQUEST,
        "The gateway refused the request with a code that no documentation known here explains.",
        "Look the code up in the API's documentation, or ask support with the request id.",
        "网关拒绝了请求，返回的代码在已知文档中没有说明。",
        "请在接口文档中查询该代码，或凭 RequestId 联系客服。",
    )


def _from_carrier(code: str) -> CodeInfo:
    return CodeInfo(
        tidy_code(code),
        CodeClass.DELIVERY_FAILED,
        "The gateway accepted the message, and the carrier did not deliver it; this is the carrier's own code.",
        "Ask support what the code means; send again only if the text and the number are in order.",
        "网关已受理短信，但运营商未能送达；这是运营商的原始代码。",
        "请向客服咨询该代码的含义；确认内容和号码无误后再发送。",
    )


def _unknown(code: str) -> CodeInfo:
    return CodeInfo(
        tidy_code(code),
        CodeClass.AMBIGUOUS,
        "The API answered with an unknown code; alone it does not tell whether the request was accepted.",
        "Look the code up in the API's documentation; do not send again without evidence.",
        "接口返回了未知代码，仅凭该代码无法判断请求是否已被受理。",
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
_EXTENSION_CODES: Final = frozenset({"EXTEND_CODE_ERROR", "ONE_CODE_MULTIPLE_SIGN", "CODE_ERROR"})
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
    code = code or "OK"
    # As for a refusal: here a code is explained, and nothing is concluded from it.
    found = _OURS.get(code) or _find(code, http_status=400, product=PRODUCTS.get(api, CHINA))
    if found is None:
        return _from_carrier(code) if _RAW_CARRIER_CODE.match(_key(code)) else _unknown(code)
    return found if action is None else with_action(found, action)


OPT_OUT_CODES: Final = frozenset(
    {"isv.BLACK_KEY_CONTROL_LIMIT", "isv.CUSTOMER_REFUSED", "MOBILE_IN_BLACK", "USER_REJECT"}
)
"""
The codes, as the tables spell them, that say of a number that its owner opted out, or that it is on a blacklist.

The first two are refusals of a send, the others stand in delivery reports. A bare name may mean something else in the
other API, so :func:`is_opt_out` is how to ask.
"""


def is_opt_out(code: str | None, *, api: str = CHINA.action) -> bool:
    """
    Return whether a code says that the owner of the number opted out, or that the number is on a blacklist.

    :param code: ``code`` of a receipt or of a delivery, in any spelling.
    :param api: ``api`` of the campaign's result.
    """
    return explain(code, api=api).code in OPT_OUT_CODES


def is_expired_token(code: str | None) -> bool:
    """Return whether the code of a refused call says that its security token has expired, in any spelling."""
    key = _key(code or "")
    kin = _kin(key, http_status=400, view=_CHINA_VIEW)
    return key == _EXPIRED or kin is _CHINA_VIEW[_EXPIRED]


_EXPIRED: Final = "INVALIDSECURITYTOKEN.EXPIRED"


def concerns(code: str | None) -> Literal["signature", "extension", "template"] | None:
    """
    Return what a code that dooms a campaign is about, where single rows may be at fault; None otherwise.

    :param code: the code of a refused send.
    """
    key = _key(code or "")
    if key in _SIGNATURE_CODES:
        return "signature"
    if key in _EXTENSION_CODES:
        return "extension"
    return "template" if key in _TEMPLATE_CODES else None
