# SPDX-License-Identifier: Apache-2.0
"""The page of the simulator's inbox, as a person uses it, and the messages it shows."""

from __future__ import annotations

import json
import time
import uuid

from airflow_provider_aliyunsms.simulator.memory import Draft, Submission

TEMPLATE = "SMS_152550005"
WORDS = "亲爱的${name}，您的会员券已到账，满100元减20元，请于11月30日前使用。拒收请回复R"
NAMES = ("王小明", "李女士", "陈先生", "刘阿姨", "赵同学", "孙经理", "周老师", "吴先生")


class InboxPage:
    """
    The page.

    :param page: a page of the browser.
    :param url: the simulator's address.
    """

    def __init__(self, page, url):
        self.page = page
        self.url = url
        self.errors = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))

    def go(self, place="phones"):
        self.page.goto(f"{self.url}/_simulator/#{place}")
        self.page.get_by_text("Live", exact=True).or_(self.page.get_by_text("实时", exact=True)).wait_for()
        return self

    @property
    def phones(self):
        """The rows on the left."""
        return self.page.get_by_role("list", name="Inbox").get_by_role("link")

    @property
    def bubbles(self):
        return self.page.locator(".bubble")

    def sum(self, name):
        return self.page.locator(f"#sums .sum-{name} b")


class Sender:
    """
    A client that is no part of the package, so that what the page shows came over the wire.

    It asks for the official SDK only when it is made: the rest of this folder does without.
    """

    def __init__(self, simulator):
        from alibabacloud_dysmsapi20170525.client import Client
        from alibabacloud_tea_openapi.models import Config

        settings = {"access_key_id": "testid", "access_key_secret": "testsecret", "protocol": "http"}
        self._client = Client(Config(endpoint=simulator.endpoint, **settings))

    def batch(self, *numbers, names=None, out_id=None, template=TEMPLATE, sign="云朵商店"):
        from alibabacloud_dysmsapi20170525 import models

        values = [
            {"name": name} for name in names or (NAMES[index % len(NAMES)] for index in range(len(numbers)))
        ]
        answer = self._client.send_batch_sms(
            models.SendBatchSmsRequest(
                phone_number_json=json.dumps(numbers),
                sign_name_json=json.dumps([sign] * len(numbers)),
                template_code=template,
                template_param_json=json.dumps(values, ensure_ascii=False),
                out_id=out_id or uuid.uuid4().hex[:12],
            )
        )
        return answer.body.code


def fill(state, *, messages):
    """Put messages into the memory of a simulator that does not serve yet, as many requests of a hundred would."""
    now = time.time()
    for chunk in range(messages // 100):
        submission = Submission(
            api="china",
            action="SendBatchSms",
            biz_id=f"{chunk}^0",
            label=f"af{chunk:026d}",
            template_code=f"SMS_{chunk % 5 + 1}",
            sender=None,
            accepted_at=now - 1000 + chunk / 1000,
        )
        rows = range(chunk * 100, chunk * 100 + 100)
        drafts = [
            Draft(f"138{row:08d}", f"【云朵商店】第{row}位会员，您好。", sign_name="云朵商店") for row in rows
        ]
        state.accept(submission, drafts)
