# SPDX-License-Identifier: Apache-2.0
"""Airflow and simulator together, begun and ended as one."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from crashkit.airflow2_world import Airflow2World
from crashkit.airflow_world import AirflowWorld
from crashkit.audience import china_audience, globe_audience
from crashkit.campaign_run import CampaignRun
from crashkit.environment import clean_environment
from crashkit.gateway import Gateway

if TYPE_CHECKING:
    from pathlib import Path

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
    Start both in ``folder``; on the way out all their processes are killed by pid, whatever happened.

    :param airflow2_python: the interpreter of an environment with Airflow 2, to test that instead.
    """
    with ExitStack() as stack:
        gateway = Gateway(folder=folder, environment=clean_environment())
        stack.callback(gateway.end)
        gateway.start(latency=latency, globe_qps=0)
        where = {"folder": folder, "gateway_url": gateway.url}
        airflow = Airflow2World(python=airflow2_python, **where) if airflow2_python else AirflowWorld(**where)
        stack.callback(airflow.end)
        airflow.start()
        yield Worlds(folder=folder, airflow=airflow, gateway=gateway)
