# SPDX-License-Identifier: Apache-2.0
"""
From the bytes of an answer to its fields, without trusting either.

The gateway answers JSON, some of its error pages XML. Lists arrive as lists or as JSON in a string, numbers
as numbers or as strings, the code as ``Code`` or as ``ResponseCode``. Whatever cannot be read is None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from xml.etree import ElementTree

from airflow_provider_aliyunsms.codes import CodeClass, CodeInfo, look_up_code, tidy_code
from airflow_provider_aliyunsms.exceptions import (
    AmbiguousOutcomeError,
    ApiError,
    CampaignDoomedError,
    NotSentError,
    RequestRefusedError,
    ThrottledError,
)
from airflow_provider_aliyunsms.products import CHINA, GLOBE

if TYPE_CHECKING:
    from airflow_provider_aliyunsms.api.transport import HttpResponse
    from airflow_provider_aliyunsms.products import Product


ResponseFields: TypeAlias = Mapping[str, Any]

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_DECLARATION: Final = re.compile(r"<!(?!--|\[CDATA\[)")


def parse_body(body: bytes) -> ResponseFields | None:
    """
    Read a body as a JSON object or as an XML document.

    :param body: the whole body.
    :return: its fields, or None when it is neither, or holds a DOCTYPE or an ENTITY.
    """
    try:
        text = body.decode("utf-8-sig").strip()
        found = _from_xml(text) if text.startswith("<") else json.loads(text)
    except (ValueError, RecursionError, ElementTree.ParseError):
        return None
    return found if isinstance(found, dict) else None


def response_code(fields: ResponseFields, *, product: Product = CHINA) -> str | None:
    """
    Find the code, under the name this API should use or the other API's.

    :param answer: the fields.
    :param product: whose API answered.
    """
    names = ("ResponseCode", "Code") if product is GLOBE else ("Code", "ResponseCode")
    return next((code for name in names if (code := text_of(fields, name))), None)


def response_message(fields: ResponseFields) -> str:
    """Find the API's own text; it may quote a number, so it must not be shown."""
    return text_of(fields, "Message") or text_of(fields, "ResponseDescription") or ""


def request_id_of(fields: ResponseFields) -> str | None:
    """Find the request id; None unless it looks like one, because it is going to be logged."""
    found = text_of(fields, "RequestId") or ""
    return found if _REQUEST_ID.fullmatch(found) else None


def text_of(fields: ResponseFields, name: str) -> str | None:
    """Read a text; numbers become texts, blanks and anything else None."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return (value.strip() or None) if isinstance(value, str) else None


def number_of(fields: ResponseFields, name: str) -> int | None:
    """Read a whole number, written as a number or as a text."""
    found = text_of(fields, name)
    return int(found) if found is not None and _WHOLE_NUMBER.fullmatch(found) else None


def texts_of(fields: ResponseFields, name: str) -> tuple[str, ...] | None:
    """
    Read a list of texts, written as a list or as JSON in a text.

    :return: empty when the field is absent or blank, None when it cannot be read.
    """
    value = fields.get(name)
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if value is None or value == "":
        return ()
    if not isinstance(value, list):
        return () if isinstance(value, str) and not value.strip() else None
    texts = tuple(text_of({name: one}, name) for one in value)
    readable = tuple(one for one in texts if one is not None)
    return readable if len(readable) == len(texts) else None


def rows_of(fields: ResponseFields, outer: str, inner: str) -> tuple[ResponseFields, ...] | None:
    """
    Read the rows of ``{outer: {inner: [...]}}``; XML shows a single row without its list.

    :return: empty when there are none, None when they cannot be read.
    """
    holder = fields.get(outer)
    if isinstance(holder, str) and holder.strip():
        holder = parse_body(holder.encode())
        if holder is None:
            return None
    if not holder:
        return ()
    rows = holder.get(inner) if isinstance(holder, dict) else holder
    if isinstance(rows, dict):
        rows = [rows]
    if rows is None or rows == "":
        return ()
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    return tuple(rows)


def _from_xml(text: str) -> Any:
    # Entities are how small XML becomes large or reads files, and no answer of this API has any.
    if _DECLARATION.search(text):
        return None
    return _fields(ElementTree.fromstring(text))  # noqa: S314 - no document type, so no entities


def _fields(element: ElementTree.Element) -> Any:
    if not len(element):
        return (element.text or "").strip()
    fields: dict[str, Any] = {}
    for child in element:
        name = child.tag.rpartition("}")[2]
        value = _fields(child)
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return fields


NONCE_USED: Final = "SignatureNonceUsed"
UNREADABLE: Final = "UnreadableAnswer"

_REFUSED: Final = (CodeClass.FLOW_CONTROL, CodeClass.RECIPIENT, CodeClass.REQUEST, CodeClass.CONTENT)
_THROTTLE: Final = re.compile(r"^(throttling(\..*)?|(is[vp]\.)?qps_limit_control)$", re.IGNORECASE)
_LEVELS: Final = (
    (re.compile(r"分钟级|minute", re.IGNORECASE), "minute", "Send to it again in the next minute."),
    (re.compile(r"小时级|hour", re.IGNORECASE), "hour", "Send to it again in the next hour."),
    (re.compile(r"天级|\bday\b|daily", re.IGNORECASE), "day", "Send to it again after 24 hours."),
)
_LONGEST_WAIT_MS: Final = 3_600_000


def accepted_fields(http: HttpResponse, *, action: str, product: Product) -> ResponseFields:
    """
    Return the fields of an answer whose code is OK, raise the error of any other.

    The code in the body decides; the HTTP status only confirms. Whatever is not proven to be a refusal is
    ambiguous. The API's own text never gets into an error, for it may quote numbers and variables.

    :param http: the answer.
    :param action: the API's action, for the error's text.
    :param product: whose API answered.
    :raises ApiError: the subclass its code asks for.
    """
    fields = parse_body(http.body)
    raw = response_code(fields, product=product) if fields is not None else None
    if fields is None or raw is None:
        raise AmbiguousOutcomeError(
            f"{action}: the answer (HTTP {http.status}) cannot be read.",
            code=UNREADABLE,
            http_status=http.status,
            request_id=request_id_of(fields) if fields is not None else None,
            advice="Do not send it again before a look-up shows that nothing was accepted.",
        )
    info = look_up_code(raw, http_status=http.status, product=product)
    if info.code_class is CodeClass.ACCEPTED:
        return fields
    raise _error(http, fields=fields, raw=raw, info=info, action=action)


def is_no_record(error: ApiError, *, product: Product) -> bool:
    """Whether a query call failed only because there is no such record, or not yet."""
    return error.code is not None and look_up_code(error.code, product=product).code_class is CodeClass.QUERY


def _error(http: HttpResponse, *, fields: ResponseFields, raw: str, info: CodeInfo, action: str) -> ApiError:
    kind = _kind(info)
    code = NONCE_USED if info.code_class is CodeClass.NONCE_USED else tidy_code(raw)
    what, advice = info.meaning, info.advice
    if info.code_class is CodeClass.FLOW_CONTROL:
        for pattern, level, wait in _LEVELS:
            if pattern.search(response_message(fields)):
                what, advice = f"{what} (limit: {level})", wait
                break
    text = f"{action}: {what}"
    request_id = request_id_of(fields)
    if kind is NotSentError and _THROTTLE.match(raw):
        return ThrottledError(
            text,
            code=code,
            request_id=request_id,
            advice=advice,
            http_status=http.status,
            retry_after=_retry_after(http),
        )
    return kind(text, code=code, request_id=request_id, advice=advice, http_status=http.status)


def _kind(info: CodeInfo) -> type[ApiError]:
    if info.code_class is CodeClass.RETRY:
        return NotSentError
    if info.code_class in _REFUSED:
        return RequestRefusedError
    return CampaignDoomedError if info.code_class is CodeClass.DOOMED else AmbiguousOutcomeError


def _retry_after(http: HttpResponse) -> float | None:
    """Read ``x-acs-retry-after``, a whole number of milliseconds; nonsense counts as absent."""
    found = str(http.headers.get("x-acs-retry-after") or "").strip()
    if not (found.isascii() and found.isdigit()) or len(found) > len(str(_LONGEST_WAIT_MS)):
        return None
    milliseconds = min(int(found), _LONGEST_WAIT_MS)
    return milliseconds / 1000 if milliseconds else None
