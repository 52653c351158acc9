# SPDX-License-Identifier: Apache-2.0
"""The classes for calls of the older SDK: aliyun-python-sdk-dysmsapi, which knows the China API."""

from __future__ import annotations

import importlib
import json

from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.http.protocol_type import HTTP, HTTPS
from lines import serve

PACKAGE = "aliyunsdkdysmsapi.request.v20170525"


def call(wish):
    name = f"{wish['action']}Request"
    if importlib.util.find_spec(f"{PACKAGE}.{name}") is None or wish["token"]:
        return None
    request = getattr(importlib.import_module(f"{PACKAGE}.{name}"), name)()
    # the SDK knows its own constants only, not equal texts
    scheme, _, host = wish["url"].partition("://")
    for field, value in wish["parameters"].items():
        if not hasattr(request, f"set_{field}"):
            request.add_query_param(field, value)
        else:
            getattr(request, f"set_{field}")(value)
    request.set_endpoint(host)
    request.set_protocol_type(HTTPS if scheme == "https" else HTTP)
    request.set_accept_format("json")
    client = AcsClient(wish["key"], wish["secret"], "cn-hangzhou")
    return json.loads(client.do_action_with_exception(request))


serve(call)
