# SPDX-License-Identifier: Apache-2.0
"""Queries against a gateway that never comes to an end: bounded pages, a deadline, and a flag that is obeyed."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
from local_server import http_answer, local_servers

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.retrying import ReadRetries
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.audience.recipients import Members, Recipient
from airflow_provider_aliyunsms.campaign.channels import ChinaChannel
from airflow_provider_aliyunsms.campaign.channels.china import MOST_PAGES, SAMPLE
from airflow_provider_aliyunsms.campaign.chunks import make_chunk
from airflow_provider_aliyunsms.campaign.ports import Evidence, Fate, Tracked

NOON = datetime(2026, 1, 2, 4, 0, tzinfo=UTC)
OUR_OUT_ID = "afours"


def page(*, rows, total):
    details = {"SmsSendDetailDTO": rows}
    return http_answer(json.dumps({"Code": "OK", "TotalCount": total, "SmsSendDetailDTOs": details}).encode())


def row(out_id, **changes):
    return {"OutId": out_id, "SendStatus": 3, "ErrCode": "DELIVERED", "PhoneNum": "1"} | changes


class Records:
    """A gateway whose pages a function makes; it counts the queries."""

    def __init__(self, make_page):
        self._make_page = make_page
        self.queries = 0

    def __call__(self, connection, server):
        while (request := server.take(connection)) is not None:
            self.queries += 1
            form = {name: values[0] for name, values in parse_qs(request[2].decode()).items()}
            connection.sendall(self._make_page(int(form["CurrentPage"])))


@pytest.fixture
def channel_to():
    with local_servers() as start:
        opened = []

        def make(behaviour, **options):
            server = start(behaviour)
            client = AliyunSmsClient(
                credentials=static_credentials(Credentials("testid", "testsecret")),
                china=server.endpoint,
                globe=server.endpoint,
                transport=Transport(connect_timeout=2.0, read_timeout=2.0),
                read_retries=ReadRetries(attempts=1),
            )
            opened.append(client)
            return ChinaChannel(client=client, template_code="SMS_1", now=lambda: NOON, **options)

        yield make
        for client in opened:
            client.close()


def chunk_of(count=5):
    people = [
        (
            n,
            Recipient(number=f"1380000{n:04d}", sign_name="阿里云"),
        )
        for n in range(1, count + 1)
    ]
    return make_chunk(campaign="c", members=Members.of(people))


def tracked(**changes):
    facts = {
        "number": "13800000001",
        "out_id": OUR_OUT_ID,
        "biz_id": None,
        "message_id": None,
        "accepted_at": NOON.timestamp(),
    }
    return Tracked(**(facts | changes))


def look_up(channel, *, since=None, count=5):
    """Give what a look-up of some recipients of a chunk shows."""
    return channel.look_up(
        chunk=chunk_of(count),
        since=NOON.timestamp() if since is None else since,
        until=NOON.timestamp(),
        turn=0,
        thorough=False,
    ).evidence


def endless(number):
    return page(rows=[row(f"another-{number}-{n}") for n in range(50)], total=10**9)


def test_endless_pages_prove_nothing_and_end(channel_to):
    records = Records(endless)
    assert look_up(channel_to(records)) is Evidence.INCONCLUSIVE
    assert records.queries == SAMPLE * MOST_PAGES


def test_endless_pages_leave_a_delivery_pending_and_end(channel_to):
    records = Records(endless)
    delivery = channel_to(records).status(message=tracked())
    assert (delivery.fate, delivery.code) == (Fate.PENDING, "NO_RECORD")
    assert records.queries == MOST_PAGES


def test_a_record_is_found_on_its_page_and_no_further_page_is_asked_for(channel_to):
    records = Records(lambda number: page(rows=[row(OUR_OUT_ID if number == 3 else "x")] * 50, total=10**9))
    assert channel_to(records).status(message=tracked()).fate is Fate.DELIVERED
    assert records.queries == 3


@pytest.mark.parametrize(("rows", "total"), [(3, 2), (0, 1), (1, 2)])
def test_a_count_that_differs_from_the_records_proves_nothing(channel_to, rows, total):
    records = Records(lambda number: page(rows=[row("x")] * rows if number == 1 else [], total=total))
    assert look_up(channel_to(records)) is Evidence.INCONCLUSIVE


def test_no_records_at_all_are_empty(channel_to):
    records = Records(lambda number: page(rows=[], total=0))
    assert look_up(channel_to(records)) is Evidence.EMPTY


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({"OutId": "", "SendDate": "2026-01-02 12:00:05"}, Evidence.INCONCLUSIVE),
        ({"OutId": None, "SendDate": "2026-01-02 12:01:00", "TemplateCode": "SMS_1"}, Evidence.INCONCLUSIVE),
        ({"OutId": "", "SendDate": "soon"}, Evidence.INCONCLUSIVE),
        ({"OutId": ""}, Evidence.INCONCLUSIVE),
        # Not of this request: another label, another template, another time.
        ({"OutId": "another", "SendDate": "2026-01-02 12:00:05"}, Evidence.EMPTY),
        ({"OutId": "", "SendDate": "2026-01-02 12:00:05", "TemplateCode": "SMS_2"}, Evidence.EMPTY),
        ({"OutId": "", "SendDate": "2026-01-02 09:00:00"}, Evidence.EMPTY),
    ],
)
def test_a_record_without_a_label_that_may_be_ours_proves_nothing(channel_to, changes, evidence):
    records = Records(lambda number: page(rows=[row("") | changes], total=1))
    assert look_up(channel_to(records)) is evidence


@pytest.mark.parametrize(("days", "evidence"), [(28, Evidence.EMPTY), (30, Evidence.INCONCLUSIVE)])
def test_what_the_gateway_does_not_keep_any_more_proves_nothing(channel_to, days, evidence):
    records = Records(lambda number: page(rows=[], total=0))
    assert look_up(channel_to(records), since=NOON.timestamp() - days * 86_400) is evidence


def test_a_look_up_obeys_the_flag_between_two_queries(channel_to):
    stop = threading.Event()

    def stop_at_the_second(number):
        if number == 2:
            stop.set()
        return endless(number)

    records = Records(stop_at_the_second)
    channel = channel_to(records, should_stop=stop.is_set)
    assert look_up(channel, count=1) is Evidence.INCONCLUSIVE
    assert records.queries == 2


def test_a_look_up_ends_at_its_deadline(channel_to):
    passed = iter(range(0, 10_000, 25))
    records = Records(endless)
    channel = channel_to(records, monotonic=lambda: float(next(passed)))
    assert look_up(channel, count=1) is Evidence.INCONCLUSIVE
    assert records.queries == 2


def test_a_flag_that_is_set_leaves_no_query(channel_to):
    records = Records(endless)
    channel = channel_to(records, should_stop=lambda: True)
    assert look_up(channel, since=0.0) is Evidence.INCONCLUSIVE
    assert records.queries == 0


def test_an_old_chunk_is_looked_up_within_a_minute_of_a_slow_gateway(channel_to):
    """Thirty dates and three numbers, each of them on endless pages."""
    records = Records(endless)
    started = time.monotonic()
    channel = channel_to(records)
    assert look_up(channel, since=0.0) is Evidence.INCONCLUSIVE
    assert time.monotonic() - started < 60
    assert records.queries <= SAMPLE * 30 * MOST_PAGES


@pytest.mark.parametrize("biz_id", ["13800000001", "x-13800000001-x", "8613800000003^0", "+8613800000002"])
def test_an_id_that_holds_a_number_of_the_request_is_not_kept(channel_to, biz_id):
    body = json.dumps({"Code": "OK", "BizId": biz_id}).encode()
    from airflow_provider_aliyunsms.api.signature import Envelope

    with local_servers() as start:

        def behave(connection, server):
            while server.take(connection) is not None:
                connection.sendall(http_answer(body))

        server = start(behave)
        with closing(
            AliyunSmsClient(
                credentials=static_credentials(Credentials("testid", "testsecret")),
                china=server.endpoint,
                globe=server.endpoint,
                transport=Transport(),
            )
        ) as client:
            outcome = ChinaChannel(client=client, template_code="SMS_1").submit(
                chunk=chunk_of(), envelope=Envelope.new()
            )
    assert (outcome.kind.value, outcome.biz_id) == ("accepted", None)
