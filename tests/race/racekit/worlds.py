# SPDX-License-Identifier: Apache-2.0
"""The gateway and the storage that the processes share, and the task that each of them runs."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

from launcher.environment import connection
from launcher.oss import OssProcess, oss_connection
from launcher.s3 import BUCKET, ENDPOINT, S3Process, teach_airflow
from launcher.simulator import SimulatorProcess

REFUSED = ("s3-unconditional", "oss-versioned")
"""Storages that take every conditional write, so that nobody may send."""

STORAGES = ("local", "s3", "oss", *REFUSED)
LATENCY = 0.04
"""Seconds of one send call."""

LEASE = 0.5
TAKEOVER_WAIT = 1.0
"""The product's own 15 and 30 seconds, in the same order and short enough for hundreds of rounds."""


@dataclass
class World:
    """
    One gateway and one storage for many campaigns.

    :param gateway: the simulator, which is the judge.
    :param root: below it every campaign gets a ledger_path of its own.
    :param refused: the storage is one that no ledger may rest on.
    """

    gateway: Any
    root: str
    refused: bool = False

    def __post_init__(self):
        self._numbers = count(1000)
        self._places = count(1)

    def people(self, size):
        """Return numbers that nobody had before; their last four digits choose no fate at the simulator."""
        picked = []
        while len(picked) < size:
            number = next(self._numbers)
            if number % 10_000 >= 1000:
                picked.append(f"138{number:08d}")
        return picked

    def place(self):
        """Return a new ledger_path."""
        return f"{self.root}/{next(self._places)}"


@contextmanager
def world(*, folder, storage):
    """Start gateway and storage; on the way out both are ended, whatever happened."""
    with ExitStack() as stack:
        gateway = SimulatorProcess(folder=folder)
        stack.callback(gateway.end)
        gateway.start(latency=LATENCY)
        os.environ.update(connection(gateway.url))
        root = _storage(stack, folder=folder, storage=storage)
        yield World(gateway=gateway, root=root, refused=storage in REFUSED)


def _storage(stack, *, folder, storage):
    """Start the server of a storage; return the root of all ledgers."""
    if storage == "local":
        return str(folder / "ledgers")
    if storage.startswith("oss"):
        server = OssProcess(folder=folder, versioned=storage in REFUSED)
    else:
        server = S3Process(folder=folder, ignore_conditions=storage in REFUSED)
    stack.callback(server.end)
    server.start()
    if storage.startswith("oss"):
        os.environ.update(oss_connection(server.endpoint, conn_id="race_oss"))
        return f"oss://race_oss@{BUCKET}/ledgers"
    os.environ[ENDPOINT] = server.endpoint
    teach_airflow()
    return f"s3://{BUCKET}/ledgers"


class Instance:
    """What the operator asks of the task instance that Airflow gives it."""

    dag_id, task_id, map_index = "race", "send", -1

    def __init__(self, *, run_id, try_number, max_tries):
        self.run_id, self.try_number, self.max_tries = run_id, try_number, max_tries

    def xcom_push(self, *, key, value):
        """Nobody pulls here."""


def make_try(*, people, place, run_id, try_number=1, max_tries=0):
    """Return a function that runs one try of the campaign ``race`` as a worker would, and gives its summary."""
    operator = _operator_class()(
        task_id="send",
        recipients=people,
        template_code="SMS_152550005",
        sign_name="测试",
        campaign_id="race",
        ledger_path=place,
        chunk_size=2,
        max_concurrency=2,
        settle_time=3,
        evidence_wait=60,
        retries=max_tries,
    )
    context = {"ti": Instance(run_id=run_id, try_number=try_number, max_tries=max_tries)}
    return partial(operator.execute, context)


def _operator_class():
    from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator

    class Racer(AliyunSendBatchSmsOperator):
        """The operator, with less patience."""

        def _policy(self):
            return replace(super()._policy(), lease=LEASE, takeover_wait=TAKEOVER_WAIT)

    return Racer
