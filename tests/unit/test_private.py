# SPDX-License-Identifier: Apache-2.0
"""What is private stays usable and stays hidden."""

from __future__ import annotations

import copy
import pickle

import pytest

from airflow_provider_aliyunsms.private import Private, unwrap

NUMBER = "13800001234"


@pytest.mark.parametrize("show", [str, repr, Private.serialize, "{}".format, "%s".__mod__])
def test_only_the_description_shows(show):
    private = Private([{"phone_number": NUMBER}], description="1 recipient")
    assert NUMBER not in show(private)
    assert "1 recipient" in show(private)


def test_only_the_description_shows_inside_containers():
    assert NUMBER not in repr({"campaign": [Private(NUMBER, description="hidden")]})


def test_the_value_comes_back():
    value = [{"phone_number": NUMBER}]
    assert unwrap(Private(value, description="1 recipient")) is value
    assert unwrap(value) is value


def test_wrapping_twice_is_wrapping_once():
    once = Private(NUMBER, description="once")
    assert unwrap(Private(once, description="twice")) == NUMBER


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_it_can_be_copied(clone):
    twin = clone(Private([NUMBER], description="hidden"))
    assert unwrap(twin) == [NUMBER]
    assert str(twin) == "hidden"


@pytest.mark.parametrize("value", [None, [], {}, ""])
def test_an_empty_value_stays_falsy(value):
    assert not Private(value, description="nothing")
