# SPDX-License-Identifier: Apache-2.0
"""The gateway's time is known as exactly as a header of whole seconds allows."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_aliyunsms.api.client import AliyunSmsClient
from airflow_provider_aliyunsms.api.credentials import Credentials, static_credentials
from airflow_provider_aliyunsms.api.endpoints import parse_endpoint
from airflow_provider_aliyunsms.api.gateway_clock import GatewayClock
from airflow_provider_aliyunsms.api.transport import Transport
from airflow_provider_aliyunsms.products import CHINA, GLOBE
from airflow_provider_aliyunsms.simulator.server import running

EPOCH = 1_767_323_045.0


def test_no_time_is_known_before_a_response_has_told_it():
    assert GatewayClock().at(100.0) is None


@given(
    ahead=st.floats(-900, 900),
    fraction=st.floats(0, 0.999),
    there=st.floats(0, 3),
    back=st.floats(0, 3),
)
def test_it_is_right_to_a_second_and_half_of_the_way(ahead, fraction, there, back):
    clock = GatewayClock()
    sent = 500.0 + fraction
    theirs = EPOCH + ahead + fraction + there
    clock.observe(formatdate(int(theirs), usegmt=True), sent=sent, received=sent + there + back)
    true_now = theirs + back
    assert abs(clock.at(sent + there + back) - true_now) <= 0.5 + (there + back) / 2 + 1e-3


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 02 Jan 1970", "1767323045", "-1", "9" * 400])
def test_a_header_that_is_no_date_changes_nothing(date):
    clock = GatewayClock()
    clock.observe(date, sent=1.0, received=2.0)
    assert clock.at(2.0) is None
    clock.observe(formatdate(EPOCH, usegmt=True), sent=3.0, received=3.0)
    before = clock.at(10.0)
    clock.observe(date, sent=20.0, received=20.0)
    assert clock.at(10.0) == before


def test_it_does_not_go_to_and_fro_within_what_a_header_can_tell():
    clock = GatewayClock()
    clock.observe(formatdate(EPOCH, usegmt=True), sent=100.0, received=100.0)
    first = clock.at(100.0)
    # Two seconds later by our clock, three by the header: a second is what a header hides.
    clock.observe(formatdate(EPOCH + 3, usegmt=True), sent=102.0, received=102.0)
    assert clock.at(100.0) == first


def test_a_clock_that_is_set_at_the_gateway_is_followed():
    clock = GatewayClock()
    clock.observe(formatdate(EPOCH, usegmt=True), sent=100.0, received=100.0)
    clock.observe(formatdate(EPOCH + 60, usegmt=True), sent=102.0, received=102.0)
    assert clock.at(102.0) == EPOCH + 60.5


@pytest.mark.parametrize("product", [CHINA, GLOBE])
def test_the_time_is_known_before_the_first_call(product):
    """Without it the first window would be dated by this machine, and nothing of it could be replayed."""
    with running() as simulator:
        endpoint = parse_endpoint(simulator.url)
        client = AliyunSmsClient(
            credentials=static_credentials(Credentials("testid", "testsecret")),
            china=endpoint,
            globe=endpoint,
            transport=Transport(),
        )
        client.sync_clock(product=product)
        assert client.gateway_time(product=product) == pytest.approx(time.time(), abs=5)
        client.close()
