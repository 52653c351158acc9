# SPDX-License-Identifier: Apache-2.0
import os

from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_dysmsapi20170525.models import SendSmsRequest
from alibabacloud_tea_openapi.models import Config

config = Config(
    access_key_id="testid",
    access_key_secret="testsecret",
    endpoint=os.environ.get("SMS_ENDPOINT", "127.0.0.1:8025"),
    protocol="http",
)
request = SendSmsRequest(
    phone_numbers="13800001234",
    sign_name="阿里云",
    template_code="SMS_152550005",
    template_param='{"code": "1234"}',
)
print(Client(config).send_sms(request).body.code)
