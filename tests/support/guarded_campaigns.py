# SPDX-License-Identifier: Apache-2.0
"""
Campaigns of real audiences for guards that share a store, in this process or in processes of their own.

As a command it runs campaigns up to their sending, in processes that it forks; see :func:`race`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import multiprocessing
import os
import signal
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
from airflow_provider_aliyunsms.campaign.guards import Facts, FrequencyCap
from airflow_provider_aliyunsms.campaign.guards.daily import DailyTotal
from airflow_provider_aliyunsms.products import CHINA

NOW = 1_800_000_000.0
"""A Friday, 16:00 in China."""


@functools.cache
def _session():
    from launcher.s3 import loaded_session

    return loaded_session()


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

        fs = s3fs.S3FileSystem(endpoint_url=self.s3, key="testid", secret="testsecret", session=_session())
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
def campaign(people, *, campaign_id="spring", deployment=None, now=NOW, rules=None, product=CHINA, **facts):
    """Load an audience and give its :class:`Campaign`."""
    clock = [now.timestamp() if hasattr(now, "timestamp") else now]
    with Spool() as spool:
        spool.load(
            read_blocks(
                people, number_field=product.number_field, open_binary=functools.partial(open, mode="rb")
            ),
            rules=rules or ChinaRules(sign_name="阿里云", template_param=None),
            keys_of=lambda numbers, contents: recipient_keys(
                campaign_id=campaign_id, numbers=numbers, contents=contents, dedupe="content"
            ),
        )
        made = Facts(
            campaign_id=campaign_id,
            product=product,
            spool=spool,
            now=lambda: clock[0],
            surroundings=deployment or Deployment(),
            **{"template_code": "SMS_1", "secret": b"secret", **facts},
        )
        yield Campaign(spool, made, clock)


def race(tasks, *, deployment, kills=()):
    """
    Run campaigns up to their sending, each in a process of its own that begins together with the others.

    :param tasks: for each the arguments of :func:`_claim_numbers` or :func:`_claim_day`, by ``claim``.
    :param kills: seconds after the beginning at which the process of the task with this position is killed.
    :returns: for each what it would send, None where it was killed before it knew.
    """
    asked = {"deployment": dataclasses.asdict(deployment), "tasks": tasks, "kills": list(kills)}
    ended = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def _fork_all(asked):
    """Fork a process for each task: this one has loaded everything, and has no threads."""
    fork = multiprocessing.get_context("fork")
    deployment = Deployment(**asked["deployment"])
    if deployment.s3:
        _session()
    barrier = fork.Barrier(len(asked["tasks"]) + 1)
    children = []
    for task in asked["tasks"]:
        mine, theirs = fork.Pipe(duplex=False)
        child = fork.Process(target=_child, args=(theirs, barrier, deployment, task))
        child.start()
        theirs.close()
        children.append((child, mine))
    barrier.wait(60)
    began = time.monotonic()
    for (child, _), delay in zip(children, asked["kills"], strict=False):
        time.sleep(max(began + delay - time.monotonic(), 0))
        child.kill()
    return [_said(*each) for each in children]


def _said(child, pipe):
    try:
        return pipe.recv()
    except EOFError:
        return None
    finally:
        child.join()
        assert child.exitcode in (0, -signal.SIGKILL)


def _child(pipe, barrier, deployment, task):
    claim = {"numbers": _claim_numbers, "day": _claim_day}[task.pop("claim")]
    with campaign(task.pop("people"), campaign_id=task.pop("campaign_id"), deployment=deployment) as one:
        barrier.wait(60)
        pipe.send(claim(one, **task))


def _claim_numbers(one, *, most, store, settles=False):
    guard = FrequencyCap(most, per=timedelta(days=7), store=store)
    verdict = guard.before_sending(one.facts)
    assert verdict.decision == "go", verdict
    passed = one.numbers("pending")
    one.end()
    if settles:
        guard.after_sending(one.facts)
    return passed


def _claim_day(one, *, most, amount, store, settles=False):
    total = DailyTotal(store)
    answer = total.claim(one.facts, unit="messages", amount=amount, most=most)
    got = amount if answer.ok else 0
    if settles:
        total.settle(one.facts, unit="messages", amount=got)
    return got


if __name__ == "__main__":
    print(json.dumps(_fork_all(json.load(sys.stdin))), flush=True)
