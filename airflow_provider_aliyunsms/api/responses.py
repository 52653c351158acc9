# SPDX-License-Identifier: Apache-2.0
"""
Parse the body of a response into fields, and raise the error that its code stands for.

The gateway sends JSON, as every request asks it to. Lists arrive as lists or as JSON in a string, numbers as numbers
or as strings, the code as ``Code`` or as ``ResponseCode``. Nothing in a response is trusted: a body that is not one
unambiguous JSON object within the bounds below is unreadable as a whole, and a field that cannot be read is None.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from airflow_provider_aliyunsms.api.connection import LARGEST_BODY
from airflow_provider_aliyunsms.codes import CodeClass, CodeInfo, look_up_code, tidy_code, with_action
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

MOST_NESTED: Final = 16
"""How deep objects and lists may stand in each other; known responses use three levels."""

_ID: Final = re.compile(r"[A-Za-z0-9^_.:@/+=-]{1,128}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LONGEST_LABEL: Final = 255
_MANY_DIGITS: Final = re.compile(r"[0-9]{7}")
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_NESTING: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')


def parse_body(body: bytes) -> ResponseFields | None:
    """
    Parse a response body, a JSON object, into a mapping.

    :param body: the whole body.
    :returns: its fields by name; None when it is no JSON object, is larger than
        :data:`~airflow_provider_aliyunsms.api.connection.LARGEST_BODY`, is nested deeper than :data:`MOST_NESTED`, or
        has a key twice, which different readers would read differently.
    """
    if len(body) > LARGEST_BODY:
        return None
    try:
        found = _parse(body.decode("utf-8-sig"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _parse(text: str) -> Any:
    """
    Return the value of one JSON text.

    :raises ValueError: it is no JSON, or not within the bounds.
    """
    # The depth comes first: Python's own parser recurses, and where it gives up depends on the version and the stack.
    if text.count("[") + text.count("{") > MOST_NESTED and _depth(text) > MOST_NESTED:
        raise ValueError("nested too deeply")
    return _DECODER.decode(text)


def _depth(text: str) -> int:
    depth = deepest = 0
    for found in _NESTING.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key occurs twice")
    return made


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no JSON number")
    return number


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_no_number)


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
    """Return the request id; None unless it looks like one, and like no phone number: it is going to be logged."""
    found = text_of(fields, "RequestId") or ""
    if not _REQUEST_ID.fullmatch(found):
        return None
    return found if _UUID.fullmatch(found) or not _MANY_DIGITS.search(found) else None


def id_of(fields: ResponseFields, name: str) -> str | None:
    """
    Return a field as an id that can be stored anywhere, one line of up to 128 plain characters, else None.

    An id that cannot be kept is no reason to doubt a response: the message was accepted, and has no id.
    """
    found = text_of(fields, name)
    return found if found is not None and _ID.fullmatch(found) else None


def ids_of(fields: ResponseFields, name: str) -> tuple[str | None, ...] | None:
    """
    Return a field as ids; it may arrive as a list or as JSON in a text.

    :returns: empty when the field is absent or blank; None when it is no list. An entry that :func:`id_of` would not
        return is None, so that the others keep their places.
    """
    entries = _list_of(fields, name)
    return None if entries is None else tuple(id_of({name: one}, name) for one in entries)


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


def label_of(fields: ResponseFields, name: str) -> str | None:
    """Return a field as one line of up to 255 printable characters, such as a date or a label, else None."""
    found = text_of(fields, name)
    return found if found is not None and len(found) <= _LONGEST_LABEL and found.isprintable() else None


def code_of(fields: ResponseFields, name: str) -> str | None:
    """Return a field as a code that is fit for logs and errors, as :func:`~.codes.tidy_code` makes it, or None."""
    found = text_of(fields, name)
    return None if found is None else tidy_code(found)


def texts_of(fields: ResponseFields, name: str) -> tuple[str, ...] | None:
    """
    Return a field as texts; it may arrive as a list or as JSON in a text.

    :returns: empty when the field is absent or blank; None when it, or one of its entries, cannot be read.
    """
    entries = _list_of(fields, name)
    if entries is None:
        return None
    texts = tuple(text_of({name: one}, name) for one in entries)
    readable = tuple(one for one in texts if one is not None)
    return readable if len(readable) == len(texts) else None


def mapping_of(fields: ResponseFields, name: str) -> Mapping[str, str]:
    """
    Return a field as texts by name; it may arrive as an object or as JSON in a text.

    :returns: empty when it is absent or something else; without the entries that are no texts.
    """
    value = fields.get(name)
    if isinstance(value, str):
        value = parse_body(value.encode(errors="replace"))
    if not isinstance(value, dict):
        return {}
    texts = {key: text_of(value, key) for key in value}
    return {key: text for key, text in texts.items() if text is not None}


def _list_of(fields: ResponseFields, name: str) -> list[Any] | None:
    value = fields.get(name)
    if isinstance(value, str) and value.strip():
        try:
            value = _parse(value)
        except ValueError:
            return None
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    return value if isinstance(value, list) else None


def rows_of(fields: ResponseFields, outer: str, inner: str) -> tuple[ResponseFields, ...] | None:
    """
    Return the rows of ``{outer: {inner: [...]}}``; a single row may stand there without a list around it.

    :returns: empty when there are no rows; None when they cannot be read.
    """
    holder = fields.get(outer)
    if isinstance(holder, str) and holder.strip():
        holder = parse_body(holder.encode(errors="replace"))
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


NONCE_USED: Final = "SignatureNonceUsed"
"""The code of an error that means that the gateway has seen this nonce before, however the gateway spelled it."""

UNREADABLE: Final = "UnreadableAnswer"
"""The code of an error after a response that cannot be read, or that has no code."""

_REFUSED: Final = (CodeClass.FLOW_CONTROL, CodeClass.RECIPIENT, CodeClass.REQUEST, CodeClass.CONTENT)
_THROTTLE: Final = re.compile(r"^(throttling(\..*)?|(is[vp]\.)?qps_limit_control)$", re.IGNORECASE)
_TOO_MANY: Final = 429
_LEVELS: Final = (
    (re.compile(r"分钟级|minute", re.IGNORECASE), "minute", "Send to it again in the next minute."),
    (re.compile(r"小时级|hour", re.IGNORECASE), "hour", "Send to it again in the next hour."),
    (re.compile(r"天级|\bday\b|daily", re.IGNORECASE), "day", "Send to it again after 24 hours."),
)
_LIMIT: Final = re.compile(r"(?:\bis\b|[:：为])\s*([1-9][0-9]{0,3})\s*$")
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
    info = look_up_code(
        raw,
        http_status=http.status,
        product=product,
        # A proxy may answer with JSON and a "Code" of its own; only the gateway names a request id.
        from_gateway=text_of(fields, "RequestId") is not None,
    )
    if info.code_class is CodeClass.ACCEPTED:
        return fields
    raise _error(http, fields=fields, raw=raw, info=info, action=action)


def is_no_record(error: ApiError, *, product: Product) -> bool:
    """Return whether a query call failed only because there is no such record, or not yet."""
    return error.code is not None and look_up_code(error.code, product=product).code_class is CodeClass.QUERY


def _error(http: HttpResponse, *, fields: ResponseFields, raw: str, info: CodeInfo, action: str) -> ApiError:
    kind, info = _kind(info), with_action(info, action)
    code = NONCE_USED if info.code_class is CodeClass.NONCE_USED else tidy_code(raw)
    what, advice = _with_limit(info, message=response_message(fields))
    text = f"{action}: {what}"
    request_id = request_id_of(fields)
    if kind is NotSentError and (_THROTTLE.match(raw) or http.status == _TOO_MANY):
        return ThrottledError(
            text,
            code=code,
            request_id=request_id,
            advice=advice,
            http_status=http.status,
            retry_after=_retry_after(http),
        )
    return kind(text, code=code, request_id=request_id, advice=advice, http_status=http.status)


def _with_limit(info: CodeInfo, *, message: str) -> tuple[str, str]:
    """Return meaning and advice of a code, with the limit that stands in the API's message, and no more of it."""
    # The rest of the message may quote the number or a value.
    if info.code_class is CodeClass.FLOW_CONTROL:
        for pattern, level, wait in _LEVELS:
            if pattern.search(message):
                return f"{info.meaning} (limit: {level})", wait
    if info.code.upper().endswith("PARAM_LENGTH_LIMIT") and (found := _LIMIT.search(message)):
        return (
            f"{info.meaning} (limit: {found[1]} characters)",
            f"Shorten it to {found[1]} characters. {info.advice}",
        )
    return info.meaning, info.advice


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
