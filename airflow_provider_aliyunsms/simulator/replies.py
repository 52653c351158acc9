# SPDX-License-Identifier: Apache-2.0
"""What the gateway says back: the three shapes of an answer, in JSON and XML."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from xml.sax.saxutils import escape

Api = Literal["china", "globe"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    Why a request is not carried out.

    :param status: 200 makes it a business answer of the API, anything else the gateway's own envelope.
    :param retry_after_ms: the hint of a throttling answer, in milliseconds.
    """

    code: str
    message: str
    status: int = 200
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer before it is encoded; ``code`` is what the statistics count."""

    code: str
    fields: Mapping[str, object]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def new_request_id() -> str:
    """Make an id in the shape the gateway uses."""
    return str(uuid.uuid4()).upper()


def china_reply(**fields: object) -> Reply:
    """Answer a 2017-05-25 call with success."""
    return Reply(code="OK", fields={"Code": "OK", "Message": "OK", "RequestId": new_request_id(), **fields})


def globe_reply(**fields: object) -> Reply:
    """Answer a 2018-05-01 call with success."""
    opening = {"ResponseCode": "OK", "ResponseDescription": "OK", "RequestId": new_request_id()}
    return Reply(code="OK", fields={**opening, **fields})


def refuse(refusal: Refusal, *, api: Api | None, host: str) -> Reply:
    """
    Put a refusal into the shape its sender uses.

    :param api: whose business answer it is; None for a request that named no known action.
    """
    if refusal.status != 200 or api is None:
        return _gateway_envelope(refusal, host=host)
    if api == "china":
        fields = {"Code": refusal.code, "Message": refusal.message}
    else:
        fields = {"ResponseCode": refusal.code, "ResponseDescription": refusal.message}
    return Reply(code=refusal.code, fields={**fields, "RequestId": new_request_id()})


def _gateway_envelope(refusal: Refusal, *, host: str) -> Reply:
    headers = {} if refusal.retry_after_ms is None else {"x-acs-retry-after": str(refusal.retry_after_ms)}
    fields = {
        "Code": refusal.code,
        "Message": refusal.message,
        "RequestId": new_request_id(),
        "HostId": host,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={refusal.code}&product=Dysmsapi",
    }
    return Reply(code=refusal.code, fields=fields, status=refusal.status, headers=headers)


def encode(reply: Reply, *, action: str, xml: bool) -> tuple[bytes, str]:
    """Give the body and its content type; costs one pass over the fields."""
    if not xml:
        body = json.dumps(reply.fields, ensure_ascii=False, separators=(",", ":"))
        return body.encode(), "application/json;charset=utf-8"
    root = f"{action}Response" if reply.status == 200 else "Error"
    text = f"<?xml version='1.0' encoding='UTF-8'?>{_element(root, reply.fields)}"
    return text.encode(), "text/xml;charset=utf-8"


def _element(name: str, value: object) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        inner = "".join(_element(str(key), item) for key, item in value.items())
    else:
        inner = "" if value is None else escape(str(value))
    return f"<{name}>{inner}</{name}>"
