# SPDX-License-Identifier: Apache-2.0
"""Build the gateway's replies in their three forms (China, Globe, gateway) and encode them as JSON or XML."""

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
    The refusal of a request.

    :param code: the API's or the gateway's code.
    :param message: the text for the client.
    :param status: the HTTP status; 200 for a business refusal in the form of the API, any other for the gateway's own
        envelope.
    :param retry_after_ms: the time to wait that a throttling response names, in milliseconds.
    """

    code: str
    message: str
    status: int = 200
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response before it is encoded; the statistics count its ``code``."""

    code: str
    fields: Mapping[str, object]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def new_request_id() -> str:
    """Return a new request id in the form the gateway uses."""
    return str(uuid.uuid4()).upper()


def china_reply(**fields: object) -> Reply:
    """Return the reply to a successful 2017-05-25 call, with its own fields added."""
    return Reply(code="OK", fields={"Code": "OK", "Message": "OK", "RequestId": new_request_id(), **fields})


def globe_reply(**fields: object) -> Reply:
    """Return the reply to a successful 2018-05-01 call, with its own fields added."""
    opening = {"ResponseCode": "OK", "ResponseDescription": "OK", "RequestId": new_request_id()}
    return Reply(code="OK", fields={**opening, **fields})


def refuse(refusal: Refusal, *, api: Api | None, host: str) -> Reply:
    """
    Return a refusal as a reply, in the form of the API or of the gateway.

    :param api: the API whose form a business refusal takes; None for a request that named no known action.
    :param host: the host that the client addressed, repeated in the gateway's envelope.
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
    """Return the body of a reply and its content type; costs one pass over the fields."""
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
