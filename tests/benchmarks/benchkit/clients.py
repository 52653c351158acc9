# SPDX-License-Identifier: Apache-2.0
"""The clients that are compared, each as its own documentation shows it, all against one address."""

from __future__ import annotations

import json
from urllib.parse import urlencode, urlsplit

import requests
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from benchkit.sample import TEMPLATE_CODE, as_json


def send_ours(client, batch):
    numbers, signs, params = batch
    client.send_batch_sms(
        phone_numbers=numbers, sign_names=signs, template_code=TEMPLATE_CODE, template_params=params
    )


def legacy_core():
    """Return the client of the old SDK's core."""
    return AcsClient("testid", "testsecret", "cn-hangzhou")


def send_legacy(client, url, batch):
    numbers, signs, params = batch
    request = CommonRequest()
    request.set_accept_format("json")
    request.set_domain(urlsplit(url).netloc)
    request.set_method("POST")
    request.set_protocol_type("http")
    request.set_version("2017-05-25")
    request.set_action_name("SendBatchSms")
    request.add_body_params("PhoneNumberJson", as_json(numbers))
    request.add_body_params("SignNameJson", as_json(signs))
    request.add_body_params("TemplateCode", TEMPLATE_CODE)
    request.add_body_params("TemplateParamJson", as_json(params))
    answer = json.loads(client.do_action_with_exception(request))
    if answer["Code"] != "OK":
        raise RuntimeError(answer["Code"])


def ready_body(batch):
    """Encode a body once; what remains for the floor is only to send it."""
    numbers, signs, params = batch
    form = {
        "PhoneNumberJson": as_json(numbers),
        "SignNameJson": as_json(signs),
        "TemplateCode": TEMPLATE_CODE,
        "TemplateParamJson": as_json(params),
    }
    return urlencode(form).encode()


def floor_session():
    """Return a plain session."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Content-Type"] = "application/x-www-form-urlencoded"
    return session


def send_floor(session, url, body):
    answer = session.post(url, data=body, timeout=10).json()
    if answer["Code"] != "OK":
        raise RuntimeError(answer["Code"])
