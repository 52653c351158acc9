# SPDX-License-Identifier: Apache-2.0
"""The facts of a campaign for tests of guards: a real spool, and surroundings a test holds in its hand."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.rules import ChinaRules, GlobeRules
from airflow_provider_aliyunsms.audience.sources import read_blocks
from airflow_provider_aliyunsms.audience.spool import Settlement, Spool
from airflow_provider_aliyunsms.campaign.guards import Facts
from airflow_provider_aliyunsms.campaign.ports import Template
from airflow_provider_aliyunsms.products import CHINA

NOON = datetime(2026, 6, 3, 4, 0, tzinfo=UTC)
"""Noon of a Wednesday in Shanghai."""


class KnownTemplate:
    """A vendor that knows one template, under every code; None for a vendor that knows none."""

    def __init__(self, text):
        self.text = text

    def template(self, *, code):
        if self.text is None:
            return None
        return Template(code=code, text=self.text, status="approved", kind="notification")

    def signature(self, *, name):
        return None


class EarlierRun:
    """Surroundings that know the summary of one earlier run; an error is raised."""

    def __init__(self, summary):
        self.summary = summary

    def last_run(self):
        if isinstance(self.summary, Exception):
            raise self.summary
        return self.summary


def mainland(count):
    """Numbers that nobody has been given."""
    return [f"1380000{position:04d}" for position in range(count)]


@contextmanager
def guard_facts(items, *, product=CHINA, rules=None, now=NOON, template=None, **more):
    """
    Load an audience into a spool and yield its facts; ``facts.spool`` is for :func:`settle`.

    :param items: numbers or rows.
    :param now: a moment; ``facts.set_now`` changes it.
    :param template: China: the text of the template as the vendor has it; None for a vendor that has none.
    """
    moment = [now]
    if rules is None:
        rules = (
            ChinaRules(sign_name="阿里云", template_param={"code": "1"}, international=True)
            if product is CHINA
            else GlobeRules(message="Hello", template_param=None, refused_regions=())
        )
    with Spool() as spool:
        spool.load(
            read_blocks(items, number_field=product.number_field, open_binary=open),
            rules=rules,
            keys_of=lambda numbers, contents: recipient_keys(
                campaign_id="campaign", numbers=numbers, contents=contents, dedupe="content"
            ),
        )
        if product is CHINA:
            more = {"template_code": "SMS_1", "vendor": KnownTemplate(template), **more}
        facts = Facts(
            campaign_id="campaign", product=product, spool=spool, now=lambda: moment[0].timestamp(), **more
        )
        facts.spool = spool
        facts.set_now = lambda when: moment.__setitem__(0, when)
        yield facts


def settle(facts, count, outcome="accepted"):
    """Give the first pending recipients an outcome, as a call for them would."""
    keys = []
    for batch in facts.spool.unsettled(batch=1):
        if len(keys) == count:
            break
        keys += batch.keys
    facts.spool.settle(
        out_id="out", biz_id="biz", time="2026-01-02T03:04:05Z", settlements=[Settlement(keys, outcome)]
    )


def codes_of(facts):
    """Outcome and code of every row, in order."""
    return [(run.outcome, run.code) for run in facts.spool.receipts() for _ in run.numbers]
