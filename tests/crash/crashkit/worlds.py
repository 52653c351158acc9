# SPDX-License-Identifier: Apache-2.0
"""Airflow and simulator together, begun and ended as one."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from crashkit.campaign_run import CampaignRun
from judging import china_audience, globe_audience
from launcher.airflow2 import Airflow2
from launcher.airflow3 import Airflow3
from launcher.s3 import ENDPOINT, S3Process
from launcher.simulator import SimulatorProcess

DAGS = Path(__file__).parents[1] / "dags"
GLOBE_QPS = 4

LATENCY = 0.25
"""Seconds of one send call."""


@dataclass
class Worlds:
    """Where campaigns run and who judges them."""

    folder: Path
    airflow: Any
    gateway: Any

    def __post_init__(self):
        self.audiences = []
        self.latest = None
        self._numbers = count()

    def campaign(self, dag_id, *, size, **conf):
        """Prepare a campaign with an audience of its own; ``begin()`` starts it."""
        make = globe_audience if dag_id == "globe" else china_audience
        self.audiences.append(make(folder=self.folder, size=size))
        self.latest = CampaignRun(
            world=self.airflow,
            gateway=self.gateway,
            dag_id=dag_id,
            audience=self.audiences[-1],
            receipts=self.folder / f"receipts-{next(self._numbers)}.jsonl",
            conf=conf,
        )
        return self.latest


@contextmanager
def both_worlds(*, folder, airflow2_python=None, latency=LATENCY):
    """
    Start both in ``folder``, and an S3 server for ledgers; all processes are killed by pid on the way out.

    :param airflow2_python: the interpreter of an environment with Airflow 2, to test that instead.
    """
    with ExitStack() as stack:
        gateway = SimulatorProcess(folder=folder)
        stack.callback(gateway.end)
        gateway.start(latency=latency, globe_qps=0)
        setup = {
            "folder": folder,
            "dags": DAGS,
            "dag_ids": {"china", "globe"},
            "connections": {"aliyun_sms_default": gateway.url},
            "settings": {"CRASH_TEST_GLOBE_QPS": str(GLOBE_QPS)},
        }
        if not airflow2_python:
            storage = S3Process(folder=folder)
            stack.callback(storage.end)
            storage.start()
            setup["settings"][ENDPOINT] = storage.endpoint
        airflow = Airflow2(python=airflow2_python, **setup) if airflow2_python else Airflow3(**setup)
        stack.callback(airflow.end)
        airflow.start()
        yield Worlds(folder=folder, airflow=airflow, gateway=gateway)
