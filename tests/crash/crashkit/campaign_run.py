# SPDX-License-Identifier: Apache-2.0
"""One campaign on its way through an Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from judging import judge
from launcher.logs import sentences
from launcher.processes import wait_for

if TYPE_CHECKING:
    from pathlib import Path

FINISHED = ("success", "failed")


@dataclass
class CampaignRun:
    """
    One DAG run of one audience; nothing else may send at the same time.

    :param world: the Airflow.
    :param gateway: the simulator.
    :param conf: more for the run's configuration.
    """

    world: Any
    gateway: Any
    dag_id: str
    audience: Any
    receipts: Path
    conf: dict[str, str]
    run_id: str = ""

    def begin(self):
        self._total_before = self.gateway.total()
        self.run_id = self.world.trigger(
            self.dag_id, audience=self.audience.path, receipts=str(self.receipts), **self.conf
        )
        return self

    def sent(self):
        """Count the messages accepted since it began."""
        return self.gateway.total() - self._total_before

    def wait_until_sent(self, count, *, timeout=90.0):
        """Wait until so many messages were accepted; False when it ended before."""
        wait_for(
            lambda: self.sent() >= count or self.finished(),
            timeout=timeout,
            what=f"{count} messages accepted",
        )
        return not self.finished()

    def task(self):
        return self.world.task(self.dag_id, self.run_id)

    def tries(self):
        return self.task()["try_number"]

    def finished(self):
        return self.world.run_state(self.dag_id, self.run_id) in FINISHED

    def wait_until_finished(self, *, timeout=240.0):
        """Return the state in which it ended."""
        wait_for(self.finished, timeout=timeout, what=f"{self.dag_id} {self.run_id} has finished")
        return self.world.run_state(self.dag_id, self.run_id)

    def sending_process(self, *, timeout=90.0):
        """
        Wait for a try that runs, or for the end.

        :returns: the pids of its process and of its supervisor, and its number; None when the run has ended.
        """

        def found():
            process = self.world.sending_process(self.dag_id, self.run_id)
            return (process,) if process or self.finished() else None

        return wait_for(found, timeout=timeout, what=f"a try of {self.dag_id} {self.run_id} runs")[0]

    def summary(self, *, state):
        """Return what the task says of itself: a failed one has no return value but the same facts beside it."""
        key = "return_value" if state == "success" else "campaign"
        return self.world.xcom(self.dag_id, self.run_id, key)

    def verdict(self, *, most_unknown=0):
        """Wait for the end and judge it: a run succeeds unless somebody's fate is unknown."""
        state = self.wait_until_finished()
        return judge(
            audience=self.audience,
            accepted=self.gateway.accepted(self.audience),
            state=state,
            summary=self.summary(state=state),
            receipts_path=self.receipts,
            most_unknown=most_unknown,
        )

    def logs(self):
        return self.world.logs(self.run_id)

    def said(self):
        """Return what its tries logged, as sentences to search."""
        return sentences(self.logs())
