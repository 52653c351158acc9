# SPDX-License-Identifier: Apache-2.0
"""
Parse the body of a response into fields, and raise the error that its code stands for.

The gateway sends JSON, and XML for some of its error pages. Lists arrive as lists or as JSON in a string, numbers as
numbers or as strings, the code as ``Code`` or as ``ResponseCode``. Nothing in a response is trusted: a field that
cannot be read is None.
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
"""The fields of a response by name, as they were parsed and not checked yet."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
# Any declaration, such as DOCTYPE or ENTITY; comments and CDATA sections are harmless.
_DECLARATION: Final = re.compile(r"<!(?!--|\[CDATA\[)")


def parse_body(body: bytes) -> ResponseFields | None:
    """
    Parse a response body, a JSON object or an XML document, into a mapping.

    :param body: the whole body.
    :returns: its fields by name; None when it is neither, or is XML with a DOCTYPE or an ENTITY.
    """
    try:
        text = body.decode("utf-8-sig").strip()
        found = _from_xml(text) if text.startswith("<") else json.loads(text)
    except (ValueError, RecursionError, ElementTree.ParseError):
        return None
    return found if isinstance(found, dict) else None


def response_code(fields: ResponseFields, *, product: Product = CHINA) -> str | None:
    """
    Return the code of a response.

    It is read under the name that this API should use, then under the name that the other API uses.

    :param fields: the fields of the response.
    :param product: the product whose API sent it.
    :returns: the code; None when there is none.
    """
    names = ("ResponseCode", "Code") if product is GLOBE else ("Code", "ResponseCode")
    return next((code for name in names if (code := text_of(fields, name))), None)


def response_message(fields: ResponseFields) -> str:
    """Return the API's own message, or an empty text; it may quote a number, so it must not be shown or logged."""
    return text_of(fields, "Message") or text_of(fields, "ResponseDescription") or ""


def request_id_of(fields: ResponseFields) -> str | None:
    """Return the request id; None unless it looks like one, because it is going to be logged."""
    found = text_of(fields, "RequestId") or ""
    return found if _REQUEST_ID.fullmatch(found) else None


def text_of(fields: ResponseFields, name: str) -> str | None:
    """Return a field as a text; whole numbers become texts, a blank text and anything else None."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return (value.strip() or None) if isinstance(value, str) else None


def number_of(fields: ResponseFields, name: str) -> int | None:
    """Return a field as a whole number, which may arrive as a number or as a text; None when it is neither."""
    found = text_of(fields, name)
    return int(found) if found is not None and _WHOLE_NUMBER.fullmatch(found) else None


def texts_of(fields: ResponseFields, name: str) -> tuple[str, ...] | None:
    """
    Return a field as texts; it may arrive as a list or as JSON in a text.

    :returns: empty when the field is absent or blank; None when it, or one of its entries, cannot be read.
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
    Return the rows of ``{outer: {inner: [...]}}``.

    In XML a single row arrives as the row itself, without a list around it.

    :returns: empty when there are no rows; None when they cannot be read.
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
    # Entities can make a small document huge, or have the parser read files. No response of this API has any.
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
"""The code of an error that means that the gateway has seen this nonce before, however the gateway spelled it."""

UNREADABLE: Final = "UnreadableAnswer"
"""The code of an error after a response that cannot be read, or that has no code."""

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
    Return the fields of a response whose code is OK, and raise an error for any other response.

    The code in the body decides; the HTTP status only confirms it. A response that does not prove a refusal is
    ambiguous. The API's own text never gets into an error, for it may quote numbers and variables.

    :param http: the response.
    :param action: the API's action, for the error's text.
    :param product: the product whose API sent the response.
    :raises ApiError: the subclass that the code stands for.
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
    """Return whether a query call failed only because there is no such record, or not yet."""
    return error.code is not None and look_up_code(error.code, product=product).code_class is CodeClass.QUERY


def _error(http: HttpResponse, *, fields: ResponseFields, raw: str, info: CodeInfo, action: str) -> ApiError:
    kind = _kind(info)
    code = NONCE_USED if info.code_class is CodeClass.NONCE_USED else tidy_code(raw)
    what, advice = info.meaning, info.advice
    if info.code_class is CodeClass.FLOW_CONTROL:
        # Only the level of the limit is taken from the API's message: the rest of it may quote the number.
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
    """Return the seconds that ``x-acs-retry-after``, in milliseconds, asks to wait; a malformed value is None."""
    found = str(http.headers.get("x-acs-retry-after") or "").strip()
    if not (found.isascii() and found.isdigit()) or len(found) > len(str(_LONGEST_WAIT_MS)):
        return None
    milliseconds = min(int(found), _LONGEST_WAIT_MS)
    return milliseconds / 1000 if milliseconds else None
