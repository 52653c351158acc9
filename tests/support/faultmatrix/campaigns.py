# SPDX-License-Identifier: Apache-2.0
"""Campaigns of five calls over real HTTP: the whole engine, the real channels and client, and no Airflow."""

from __future__ import annotations

import time

from faultmatrix.columns import CHUNKS, SETTLE_TIME
from faultmatrix.rows import CHINA, READ_TIMEOUT

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.endpoints import parse_endpoint
from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.audience.rules.china import ChinaRules
from airflow_provider_aliyunsms.audience.rules.globe import GlobeRules
from airflow_provider_aliyunsms.audience.sources.read import read_blocks
from airflow_provider_aliyunsms.campaign.admission import AudienceLimits
from airflow_provider_aliyunsms.campaign.channels.china import ChinaChannel
from airflow_provider_aliyunsms.campaign.channels.globe import GlobeChannel
from airflow_provider_aliyunsms.campaign.ledger import MemoryStore, Occasion
from airflow_provider_aliyunsms.campaign.plan import Plan
from airflow_provider_aliyunsms.campaign.policy import SendPolicy
from airflow_provider_aliyunsms.campaign.run import Campaign

CHUNK_SIZE = 3
EVIDENCE_WAIT = 10.0
"""Time for a look after 2 and one after 6 seconds, and far from the third: what a cell sees does not flicker."""

_PREFIX = {"china": "13800", "globe": "447400"}


def audience_of(cell):
    """Give the fifteen numbers of a cell's campaign; a poisoned row has its number in every chunk it hits."""
    numbers = [f"{_PREFIX[cell.api]}{10_000 + index:06}" for index in range(CHUNKS * CHUNK_SIZE)]
    for number, index in zip(poison_of(cell), cell.column.hit, strict=False):
        numbers[index * CHUNK_SIZE + 1] = number
    return numbers


def poison_of(cell):
    """Give the numbers the gateway will never accept."""
    if not cell.row.poison:
        return []
    return [f"{_PREFIX[cell.api]}{index:02}{cell.row.poison}" for index in cell.column.hit]


class SkippingClock:
    """
    The clock of the machine and of the gateway, but nobody waits: whoever sleeps finds that the time has passed.

    :param before_skip: called before time is skipped, to let the gateway finish what it has begun.
    """

    def __init__(self, *, simulator, before_skip=None):
        self._simulator = simulator
        self._skipped = 0.0
        self._before_skip = before_skip

    def now(self):
        return time.time() + self._skipped

    def monotonic(self):
        return time.monotonic() + self._skipped

    def sleep(self, seconds):
        if self._before_skip is not None:
            self._before_skip()
        self._skipped += max(seconds, 0.01)
        self._simulator.options(clock_offset=self._skipped)


class SmallCampaign:
    """
    Fifteen people in five calls, tried as often as one likes; every try is a process of its own but for the store.

    :param cell: says which API, how many calls at once, and how soon the client gives up reading.
    """

    def __init__(self, *, cell, simulator, clock):
        self._cell = cell
        self._simulator = simulator
        self._clock = clock
        self._store = MemoryStore()
        self._tries = 0

    def run(self):
        """Run one try and return its summary, receipts included."""
        self._tries += 1
        client = self._client()
        try:
            return Campaign(plan=self._plan(client), clock=self._clock).run().summary
        finally:
            client.close()

    def _plan(self, client):
        china = self._cell.api == CHINA
        if china:
            rules = ChinaRules(sign_name="测试", template_param=None)
            channel = ChinaChannel(client=client, template_code="SMS_1")
        else:
            rules = GlobeRules(message="hello", template_param=None)
            channel = GlobeChannel(client=client)
        field = "phone_number" if china else "to"
        return Plan(
            campaign_id="matrix",
            blocks=read_blocks(audience_of(self._cell), number_field=field, open_binary=open),
            rules=rules,
            dedupe="content",
            channel=channel,
            store=self._store,
            fenced=False,
            policy=SendPolicy(
                chunk_size=CHUNK_SIZE,
                max_concurrency=self._cell.column.at_once,
                settle_time=SETTLE_TIME,
                evidence_wait=EVIDENCE_WAIT,
            ),
            limits=AudienceLimits(),
            keep_receipts=lambda receipts, _total: {"receipts": list(receipts)},
            stop_reason=lambda: None,
            occasion=Occasion(first_try=self._tries == 1),
        )

    def _client(self):
        endpoint = parse_endpoint(self._simulator.url)
        late = self._cell.row.late
        return AliyunSmsClient(
            credentials=static_credentials(Credentials("testid", "testsecret")),
            china=endpoint,
            globe=endpoint,
            transport=Transport(read_timeout=READ_TIMEOUT if late else 30.0),
            read_retries=ReadRetries(attempts=1 if late else 2, first_wait=0.01, longest_wait=0.02),
            clock=self._clock.monotonic,
        )
