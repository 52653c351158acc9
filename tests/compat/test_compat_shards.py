# SPDX-License-Identifier: Apache-2.0
"""A campaign in shards through ``airflow dags test``: what it asks of Airflow differs between versions."""

from __future__ import annotations

import re


def test_every_phone_gets_one_message_and_the_sum_is_there(airflow, simulator):
    run = airflow.dags_test("compat_shards")
    assert set(run.states.values()) == {"success"}, run.output
    assert {name for name in run.states if name.startswith("send")} == {
        f"send[{index}]" for index in range(3)
    }
    assert simulator.counts() == {f"1380003{number:04d}": 1 for number in range(30)}
    assert "3 shards" in run.output
    assert re.search(r"1380003\d{4}", run.rendered + run.output) is None


def test_a_sum_of_nothing_is_skipped(airflow, simulator):
    run = airflow.dags_test("compat_no_shards")
    assert run.states.pop("shards") == "success"
    assert set(run.states.values()) == {"skipped"}, run.output
    assert simulator.counts() == {}
