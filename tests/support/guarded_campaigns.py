# SPDX-License-Identifier: Apache-2.0
"""
Campaigns of real audiences for guards that share a store, in this process or in processes of their own.

As a command it runs one campaign up to its sending: ``python guarded_campaigns.py <JSON>``, see :class:`Racer`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.rules import ChinaRules
from airflow_provider_aliyunsms.audience.sources import read_blocks
from airflow_provider_aliyunsms.audience.spool import Settlement, Spool
from airflow_provider_aliyunsms.campaign.guards import Facts
from airflow_provider_aliyunsms.products import CHINA

NOW = 1_800_000_000.0
"""A Friday, 16:00 in China."""


class RemoteFolder:
    """A folder of an object storage, with what ``ObjectStoragePath`` has of it."""

    def __init__(self, fs, path):
        self.fs, self.path, self.protocol = fs, path, "s3"

    def __truediv__(self, name):
        return RemoteFolder(self.fs, f"{self.path}/{name}")


@dataclasses.dataclass(frozen=True)
class Deployment:
    """
    What guards may use: connections by id, each the address of a database; and an S3 server.

    :param connections: by conn_id: ``{"kind": "sqlite", "path": ...}``, or an Airflow connection as a dict.
    :param s3: the address of the server; None for none.
    """

    connections: dict = dataclasses.field(default_factory=dict)
    s3: str | None = None

    def storage_path(self, path):
        if not path.startswith("s3://"):
            return Path(path)
        import s3fs

        fs = s3fs.S3FileSystem(endpoint_url=self.s3, key="testid", secret="testsecret")
        return RemoteFolder(fs, path.removeprefix("s3://"))

    def sql_connection(self, conn_id):
        found = self.connections[conn_id]
        if found.get("kind") == "sqlite":
            import sqlite3

            return sqlite3.connect(found["path"])
        if found["conn_type"] == "postgres":
            import psycopg2

            return psycopg2.connect(
                host=found["host"], port=found["port"], user=found["login"], dbname=found["schema"]
            )
        import MySQLdb

        return MySQLdb.connect(
            host=found["host"],
            port=found["port"],
            user=found["login"],
            passwd=found["password"],
            db=found["schema"],
        )


class Campaign:
    """
    One try of a campaign, with what came of each row by hand.

    :ivar facts: for the guards.
    """

    def __init__(self, spool, facts, now):
        self._spool, self.facts, self._now = spool, facts, now

    def wait(self, length):
        """Let time pass."""
        self._now[0] += length.total_seconds() if isinstance(length, timedelta) else length

    def end(self, outcome="accepted", *, numbers=None, most=None):
        """Give an outcome to all who are pending, or to those of them with these numbers, or to the first few."""
        for members in [*self._spool.unsettled(batch=1000)]:
            keys = [
                key
                for key, number in zip(members.keys, members.numbers, strict=True)
                if numbers is None or number in numbers
            ]
            if keys := keys[:most]:
                self._spool.settle(
                    out_id="out", biz_id=None, time="now", settlements=[Settlement(keys, outcome)]
                )

    def numbers(self, outcome):
        """Return the numbers of all rows with an outcome, in order."""
        return [
            number
            for rows in self._spool.rows()
            for number, found in zip(rows.members.numbers, rows.outcomes, strict=True)
            if found == outcome
        ]

    @property
    def errors(self):
        return self._spool.errors()


@contextmanager
def campaign(people, *, campaign_id="spring", deployment=None, now=NOW, rules=None, **facts):
    """Load an audience and give its :class:`Campaign`."""
    clock = [now.timestamp() if hasattr(now, "timestamp") else now]
    with Spool() as spool:
        spool.load(
            read_blocks(people, number_field="phone_number", open_binary=open),
            rules=rules or ChinaRules(sign_name="阿里云", template_param=None),
            keys_of=lambda numbers, contents: recipient_keys(
                campaign_id=campaign_id, numbers=numbers, contents=contents, dedupe="content"
            ),
        )
        made = Facts(
            campaign_id=campaign_id,
            product=CHINA,
            spool=spool,
            now=lambda: clock[0],
            surroundings=deployment or Deployment(),
            **{"template_code": "SMS_1", "secret": b"secret", **facts},
        )
        yield Campaign(spool, made, clock)


class Racer:
    """
    A process that runs one campaign with a guard, up to its sending; then it says whom it would send to.

    :param start: a file; it begins when the file is there, so that several begin together.
    :param claim: ``numbers`` with a FrequencyCap, or ``day`` with a DailyTotal.
    """

    def __init__(self, *, deployment, start, **task):
        asked = {"deployment": dataclasses.asdict(deployment), "start": str(start), **task}
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(asked)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def wait_until_ready(self):
        assert self._process.stdout.readline() == "ready\n"

    def kill(self):
        self._process.kill()
        self._process.wait(30)

    @property
    def running(self):
        return self._process.poll() is None

    def result(self):
        """Return what it would send: numbers, or the amount it has claimed; None when it was killed."""
        said, _ = self._process.communicate(timeout=120)
        return json.loads(said) if said else None


def _race(asked):
    deployment = Deployment(**asked["deployment"])
    begins = Path(asked["start"])
    with campaign(asked["people"], campaign_id=asked["campaign_id"], deployment=deployment) as one:
        print("ready", flush=True)
        while not begins.exists():
            time.sleep(0.005)
        if asked["claim"] == "numbers":
            return _claim_numbers(one, **asked["guard"])
        return _claim_day(one, **asked["guard"])


def _claim_numbers(one, *, most, store, settles=False):
    from airflow_provider_aliyunsms.campaign.guards import FrequencyCap

    guard = FrequencyCap(most, per=timedelta(days=7), store=store)
    verdict = guard.before_sending(one.facts)
    assert verdict.decision == "go", verdict
    passed = one.numbers("pending")
    one.end()
    if settles:
        guard.after_sending(one.facts)
    return passed


def _claim_day(one, *, most, amount, store, settles=False):
    from airflow_provider_aliyunsms.campaign.guards.daily import DailyTotal

    total = DailyTotal(store)
    answer = total.claim(one.facts, unit="messages", amount=amount, most=most)
    if settles:
        total.settle(one.facts, unit="messages", amount=amount if answer.ok else 0)
    return amount if answer.ok else 0


if __name__ == "__main__":
    print(json.dumps(_race(json.loads(sys.argv[1]))), flush=True)
