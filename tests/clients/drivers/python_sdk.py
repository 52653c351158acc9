# SPDX-License-Identifier: Apache-2.0
"""The generated SDKs of both APIs: alibabacloud-dysmsapi20170525 and alibabacloud-dysmsapi20180501."""

from __future__ import annotations

import re

from alibabacloud_dysmsapi20170525 import client as china_client
from alibabacloud_dysmsapi20170525 import models as china_models
from alibabacloud_dysmsapi20180501 import client as globe_client
from alibabacloud_dysmsapi20180501 import models as globe_models
from alibabacloud_tea_openapi.models import Config
from lines import is_globe, serve


def call(wish):
    action = wish["action"]
    client, models = (globe_client, globe_models) if is_globe(action) else (china_client, china_models)
    scheme, _, host = wish["url"].partition("://")
    config = Config(
        access_key_id=wish["key"],
        access_key_secret=wish["secret"],
        security_token=wish["token"],
        endpoint=host,
        protocol=scheme,
    )
    request = getattr(models, f"{action}Request")().from_map(wish["parameters"])
    method = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
    return getattr(client.Client(config), method)(request).body.to_map()


serve(call)
