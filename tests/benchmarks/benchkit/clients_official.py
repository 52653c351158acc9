# SPDX-License-Identifier: Apache-2.0
"""The official SDK's client; apart from the others, whose imports a process that only loops would not have."""

from __future__ import annotations

from urllib.parse import urlsplit

from alibabacloud_dysmsapi20170525 import models
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_tea_openapi.models import Config
from benchkit.sample import TEMPLATE_CODE, as_json


def official_sdk(url, *, most_connections=32):
    """Return the official SDK's client."""
    config = Config(
        access_key_id="testid",
        access_key_secret="testsecret",
        endpoint=urlsplit(url).netloc,
        protocol="http",
        max_idle_conns=most_connections,
    )
    return Client(config)


def official_request(batch):
    """Encode one call for the official SDK."""
    numbers, signs, params = batch
    return models.SendBatchSmsRequest(
        phone_number_json=as_json(numbers),
        sign_name_json=as_json(signs),
        template_code=TEMPLATE_CODE,
        template_param_json=as_json(params),
    )


def send_official(client, batch):
    answer = client.send_batch_sms(official_request(batch)).body
    if answer.code != "OK":
        raise RuntimeError(answer.code)


async def send_official_async(client, batch):
    answer = (await client.send_batch_sms_async(official_request(batch))).body
    if answer.code != "OK":
        raise RuntimeError(answer.code)
