# SPDX-License-Identifier: Apache-2.0
"""Campaigns through ``airflow dags test``."""

from __future__ import annotations

import re

import pytest

NUMBERS = re.compile(r"1380001\d|1380002\d|65980005\d")


@pytest.fixture(scope="module")
def campaigns(airflow, gateway):
    gateway.reset()
    # late enough that each sensor has to wait
    gateway.deliver_after(8)
    run = airflow.dags_test("compat_campaigns")
    return run, gateway.counts()


@pytest.fixture(scope="module")
def results(airflow, campaigns):
    run, _ = campaigns
    assert run.states.get("write_down") == "success", run.output
    return airflow.result("compat_campaigns")


def test_the_run_succeeds(campaigns):
    run, _ = campaigns
    assert set(run.states.values()) == {"success"}, run.output


def test_every_phone_gets_one_message(campaigns):
    _, counts = campaigns
    assert set(counts.values()) == {1}
    assert len(counts) == 150 + 3 + 20


def test_the_senders_say_so(results, measured):
    assert (results["china"]["accepted"], results["china"]["requests"]) == (150, 2)
    assert [sent["accepted"] for sent in results["mapped"]] == [2, 1]
    assert results["globe"]["accepted"] == 20
    measured("Both senders, mapped tasks", "yes")


@pytest.mark.parametrize(("mode", "delivered"), [("poked", 150), ("rescheduled", 3), ("deferred", 20)])
def test_the_sensor_ends_alike_in_every_mode(results, mode, delivered, measured):
    assert (results[mode]["delivered"], results[mode]["pending"]) == (delivered, 0)
    measured("Delivery sensor: poke, reschedule, deferrable", "yes")


def test_two_of_the_modes_let_go_of_their_worker(campaigns, airflow):
    run, _ = campaigns
    assert airflow.reschedules() > 0
    assert "running trigger in line" in run.output


def test_rendered_templates_show_no_numbers(campaigns, measured):
    run, _ = campaigns
    assert "china: " in run.rendered
    assert "not shown" in run.rendered
    assert NUMBERS.search(run.rendered) is None
    measured("Numbers hidden in rendered templates and logs", "yes")


def test_the_logs_show_no_numbers_and_no_secret(campaigns):
    run, _ = campaigns
    assert "compat_campaigns" in run.output
    assert NUMBERS.search(run.output) is None
    assert "testsecret" not in run.output


@pytest.fixture(scope="module")
def interruptions(airflow, gateway):
    gateway.reset()
    gateway.delay(times=50, seconds=0.2)
    run = airflow.dags_test("compat_interruptions")
    return run, gateway.counts()


def test_nobody_is_sent_to_twice_by_a_retry(interruptions):
    _, counts = interruptions
    assert set(counts.values()) == {1}


def test_with_a_ledger_path_a_retry_goes_on_where_it_stopped(interruptions, measured):
    run, counts = interruptions
    assert run.states["with_ledger_path"] == "success", run.output
    assert run.tries["with_ledger_path"] > 1
    assert len([number for number in counts if number.startswith("1380003")]) == 60
    measured("Crash-safe resume with `ledger_path`", "yes")


def test_without_configuration_a_retry_goes_on_or_refuses(airflow, interruptions, measured):
    run, counts = interruptions
    reached = len([number for number in counts if number.startswith("1380005")])
    if airflow.version >= (3, 3):
        assert run.states["as_it_comes"] == "success", run.output
        assert run.tries["as_it_comes"] > 1
        assert reached == 60
        measured("Crash-safe resume without configuration", "yes")
    else:
        assert run.states["as_it_comes"] == "failed"
        assert run.tries["as_it_comes"] == 2, "the second try refuses, and there is no third"
        assert "LedgerMissingError" in run.output
        assert 0 < reached < 60
        measured("Crash-safe resume without configuration", "no: the retry refuses to send")
