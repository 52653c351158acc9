# SPDX-License-Identifier: Apache-2.0
"""
A connection made through the form of the real UI, and tested by its button.

The tests are steps of one visit, in the order of the file. What was typed must be seen nowhere afterwards.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from browserkit.chromium import SIZE
from browserkit.connections_page import ConnectionsPage
from launcher.processes import wait_for

CONNECTION = "aliyun_sms_default"
KIND = "Alibaba Cloud SMS"
TALL = SIZE | {"height": 1300}
"""Shows the extra fields down to those for roles."""


@pytest.fixture(scope="module")
def connections(page):
    return ConnectionsPage(page)


@pytest.fixture(scope="module")
def where(gateway):
    """Give the simulator as the form wants it."""
    address = urlsplit(gateway.url)
    return {"host": f"{address.scheme}://{address.hostname}", "port": str(address.port)}


@pytest.fixture(scope="module")
def unseen(airflow, connections, key):
    """Give a function that searches everything a person may see, now and again at the end."""

    def unseen():
        answers = {
            path: json.dumps(airflow.get(path))
            for path in (f"/connections/{CONNECTION}", "/connections", "/eventLogs?limit=100")
        }
        places = {"the page": connections.text(), **answers, **airflow.outputs(), **airflow.all_logs()}
        found = [(place, name) for place, text in places.items() for name in key.private if name in text]
        assert found == []

    return unseen


def test_the_form_shows_our_fields_with_our_labels(connections, screenshots, page):
    connections.go()
    connections.add(kind=KIND)
    standard = connections.form.inner_text()
    for label in ("Endpoint (optional)", "Port (optional)", "AccessKey ID", "AccessKey secret"):
        assert label in standard
    assert "Schema" not in standard
    connections.open_section("Extra Fields")
    connections.form.get_by_text("Credentials URI", exact=True).wait_for()
    page.set_viewport_size(TALL)
    screenshots.take("connection-form-extra")
    page.set_viewport_size(SIZE)


def test_secret_and_token_cannot_be_read_over_a_shoulder(connections, key, where, screenshots):
    connections.go()
    connections.add(kind=KIND)
    connections.fill(connection_id=CONNECTION, login=key.key_id, password=key.secret, **where)
    secret = connections.form.locator("[name=password]")
    assert secret.get_attribute("type") == "password"
    screenshots.take("connection-form-filled")
    connections.open_section("Extra Fields")
    connections.fill_extra(sign_name="测试", security_token=key.token)
    assert connections.form.locator("[name=element_security_token]").get_attribute("type") == "password"
    connections.save()


def test_airflow_stored_what_was_typed(airflow, key, where):
    stored = airflow.get(f"/connections/{CONNECTION}")
    extra = json.loads(stored["extra"])
    assert stored["conn_type"] == "aliyun_sms"
    assert (stored["host"], str(stored["port"]), stored["login"]) == (*where.values(), key.key_id)
    assert stored["password"] == extra["security_token"] == "***"
    assert extra["sign_name"] == "测试"
    assert extra["credential_type"] == "access_key"


def test_the_button_praises_the_right_secret(connections, gateway, screenshots, unseen):
    connections.go()
    asked = gateway.calls("QuerySmsSignList")
    said = connections.press_test(CONNECTION)
    assert "Test Connection Successful" in said
    assert "accepts the AccessKey LTAI****" in said
    assert "Nothing was sent" in said
    assert gateway.calls("QuerySmsSignList") == asked + 1
    screenshots.take("connection-test-success")
    unseen()


def test_the_form_shows_stars_where_something_secret_is_stored(connections, unseen):
    connections.edit(CONNECTION)
    assert connections.form.locator("[name=password]").input_value() in ("", "***")
    unseen()


def test_the_button_says_that_the_secret_is_wrong(connections, key, screenshots, unseen):
    connections.fill(password=key.wrong_secret)
    connections.save()
    connections.go()
    said = connections.press_test(CONNECTION)
    assert "Test Connection Failed" in said
    assert "The AccessKey secret does not belong to the AccessKey ID LTAI****. Enter it again." in said
    screenshots.take("connection-test-failure")
    unseen()


def test_the_right_secret_again_and_the_token_was_never_lost(connections, key, unseen):
    connections.edit(CONNECTION)
    connections.fill(password=key.secret)
    connections.save()
    connections.go()
    assert "Test Connection Successful" in connections.press_test(CONNECTION)
    unseen()


@pytest.mark.parametrize("good", [True, False])
def test_a_test_on_a_worker_says_the_same(airflow, key, where, unseen, good):
    fields = {"connection_id": "not_saved", "conn_type": "aliyun_sms", "host": where["host"]}
    fields |= {"port": int(where["port"]), "login": key.key_id}
    fields |= {"password": key.secret if good else key.wrong_secret}
    fields |= {"extra": json.dumps({"security_token": key.token})}
    token = airflow.call("POST", "/connections/enqueue-test", json=fields)["token"]
    header = {"Airflow-Connection-Test-Token": token}

    def finished():
        answer = airflow.get("/connections/enqueue-test", headers=header)
        return answer if answer["state"] in ("success", "failed") else None

    answer = wait_for(finished, timeout=90, what="the worker has tested the connection")
    assert answer["state"] == ("success" if good else "failed")
    expected = "accepts the AccessKey LTAI****" if good else "secret does not belong to the AccessKey ID"
    assert expected in answer["result_message"]
    assert not [name for name in key.private if name in json.dumps(answer)]
    unseen()
