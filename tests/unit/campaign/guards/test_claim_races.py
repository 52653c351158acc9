# SPDX-License-Identifier: Apache-2.0
"""Processes that claim at once, and are killed, on real storages and databases: the cap is kept, exactly."""

from __future__ import annotations

import importlib.util
import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from database_servers import NoServerError, mariadb, postgres
from guarded_campaigns import Deployment, race
from launcher.s3 import BUCKET, S3Process

PEOPLE = [f"1380000{number:04d}" for number in range(2500)]
"""More than one page of an audience."""

MOST = 2


def campaigns(deployment):
    """Return their names: fewer on the S3 server, which takes one write after the other."""
    return "abc" if deployment.s3 else "abcde"


@pytest.fixture(scope="module", params=["folder", "sqlite", "postgres", "mariadb", "s3"])
def place(request):
    """Give a function that returns a new store, and the deployment in which all of them are."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        if request.param == "s3":
            server = S3Process(folder=folder)
            server.start()
            try:
                yield lambda store: f"s3://{BUCKET}/{store}", Deployment(s3=server.endpoint)
            finally:
                server.end()
        elif request.param == "folder":

            def made(store):
                (folder / store).mkdir()
                return str(folder / store)

            yield made, Deployment()
        elif request.param == "sqlite":
            counts = {"kind": "sqlite", "path": str(folder / "counts.db")}
            yield lambda store: f"sql:counts/{store}_", Deployment({"counts": counts})
        else:
            if request.param == "mariadb" and importlib.util.find_spec("MySQLdb") is None:
                pytest.skip("mysqlclient is not installed")
            running = {"postgres": postgres, "mariadb": mariadb}[request.param](folder)
            try:
                connection = running.__enter__()
            except NoServerError as error:
                pytest.skip(str(error))
            try:
                yield lambda store: f"sql:counts/{store}_", Deployment({"counts": connection})
            finally:
                running.__exit__(None, None, None)


def tasks(names, *, store, **more):
    return [
        {
            "claim": "numbers",
            "campaign_id": name,
            "people": PEOPLE,
            "most": MOST,
            "store": store,
            "settles": name in "ace",
            **more,
        }
        for name in names
    ]


def test_campaigns_that_begin_together_share_the_cap_exactly(place):
    made, deployment = place
    store = made("together")
    names = campaigns(deployment)
    ended = race(tasks(names, store=store), deployment=deployment)
    assert Counter(number for passed in ended for number in passed) == dict.fromkeys(PEOPLE, MOST)
    # the same campaigns are tried again, and get what they had
    assert race(tasks(names, store=store), deployment=deployment) == ended


def test_kills_in_the_middle_never_lead_to_more_than_the_cap(place):
    made, deployment = place
    store = made("kills")
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    passed = {}
    left = [*campaigns(deployment)]
    for turn in range(3):
        chance.shuffle(left)
        delays = sorted(chance.uniform(0, 0.4) for _ in left[: 2 - turn])
        ended = race(tasks(left, store=store), deployment=deployment, kills=delays)
        for name, numbers in zip([*left], ended, strict=True):
            if numbers is not None:
                passed[name] = numbers
                left.remove(name)
        sums = Counter(number for numbers in passed.values() for number in numbers)
        assert max(sums.values(), default=0) <= MOST, f"seed {seed}"
        if not left:
            break
    assert sorted(passed) == [*campaigns(deployment)]
    assert sums == dict.fromkeys(PEOPLE, MOST), f"seed {seed}"


def test_the_claims_on_a_day_add_up_exactly(place):
    made, deployment = place
    store = made("day")
    asked = [
        {
            "claim": "day",
            "campaign_id": name,
            "people": PEOPLE[:1],
            "amount": 30,
            "most": 70,
            "store": store,
            "settles": name in "ace",
        }
        for name in campaigns(deployment)
    ]
    got = race(asked, deployment=deployment)
    assert Counter(got) == {30: 2, 0: len(asked) - 2}
