# SPDX-License-Identifier: Apache-2.0
"""The older core SDK, aliyun-python-sdk-core, with any action by its name."""

from __future__ import annotations

import json

from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.http.protocol_type import HTTP, HTTPS
from aliyunsdkcore.request import CommonRequest
from lines import is_globe, serve


def call(wish):
    # the SDK knows its own constants only, not equal texts
    scheme, _, host = wish["url"].partition("://")
    credential = (
        StsTokenCredential(wish["key"], wish["secret"], wish["token"])
        if wish["token"]
        else AccessKeyCredential(wish["key"], wish["secret"])
    )
    client = AcsClient(region_id="cn-hangzhou", credential=credential)
    version = "2018-05-01" if is_globe(wish["action"]) else "2017-05-25"
    request = CommonRequest(domain=host, version=version, action_name=wish["action"])
    request.set_accept_format("json")
    request.set_method("POST")
    request.set_protocol_type(HTTPS if scheme == "https" else HTTP)
    for name, value in wish["parameters"].items():
        request.add_query_param(name, value)
    return json.loads(client.do_action_with_exception(request))


serve(call)
