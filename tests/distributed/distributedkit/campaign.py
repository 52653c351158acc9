# SPDX-License-Identifier: Apache-2.0
"""One DAG run of mapped sends and three sensors, and the verdict on it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import s3fs
from judging import judge
from launcher.logs import sentences
from launcher.processes import alive, parent_of, wait_for

FINISHED = ("success", "failed")
CHINA = "SendBatchSms"
SHARDS = 4
ACTIONS = {"china": CHINA, "elsewhere": CHINA, "sharded": CHINA, "globe": "BatchSendMessageToGlobe"}
CHUNK_SIZES = {"china": 100, "elsewhere": 100, "sharded": 100, "globe": 50}
LONGEST = 600.0


@dataclass
class Campaign:
    """
    One run; each mapped task has an audience of its own, or a shard of the only one.

    :param airflow: where it runs.
    :param gateway: the simulator.
    :param conf: more for the run's configuration.
    :param folder: for what is fetched from the storage.
    :param storage: the address of the S3 server.
    """

    airflow: Any
    gateway: Any
    dag_id: str
    audiences: list[Any]
    conf: dict[str, str]
    folder: Path
    storage: str
    run_id: str = ""
    _calls_before: int = 0
    _looked: tuple[float, bool] = (0.0, False)

    def begin(self):
        self._calls_before = self.gateway.calls(ACTIONS[self.dag_id])
        self.run_id = self.airflow.trigger(
            self.dag_id, audiences=[audience.path for audience in self.audiences], **self.conf
        )
        return self

    @property
    def sharded(self):
        """Whether its one audience is cut into shards, instead of one audience for each mapped task."""
        return self.dag_id == "sharded"

    @property
    def mapped(self):
        """How many sends there are."""
        return SHARDS if self.sharded else len(self.audiences)

    def calls(self):
        """Count the calls to its API since it began; no other campaign of the same API may run."""
        return self.gateway.calls(ACTIONS[self.dag_id]) - self._calls_before

    def wait_for_share(self, share):
        """Wait until this share of its calls was made; False when every send had ended before."""
        calls = int(
            share * sum(-(-len(each.everybody) // CHUNK_SIZES[self.dag_id]) for each in self.audiences)
        )
        wait_for(
            lambda: self.calls() >= calls or self.sends_are_over(),
            timeout=LONGEST,
            what=f"{calls} calls of {self.run_id}",
        )
        return not self.sends_are_over()

    def instances(self, task_id=None):
        """Return the task instances as the REST API shows them."""
        found = self.airflow.call(
            "GET", f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances", params={"limit": 100}
        )
        return [each for each in found["task_instances"] if task_id in (None, each["task_id"])]

    def sends(self):
        """Return the mapped sends in their order; empty until they are made."""
        found = sorted(self.instances("send"), key=lambda each: each["map_index"])
        return [each for each in found if each["map_index"] >= 0]

    def sends_are_over(self):
        """Whether every send has ended; Airflow is asked once a second at most."""
        at, over = self._looked
        if not over and time.monotonic() - at > 1:
            sends = self.sends()
            over = len(sends) == self.mapped and all(each["state"] in FINISHED for each in sends)
            self._looked = (time.monotonic(), over)
        return over

    def over(self):
        return self.airflow.run_state(self.dag_id, self.run_id) in FINISHED

    def running(self):
        """Return the sends whose process runs, each with the pids of its process and its supervisor."""
        found = []
        for each in self.sends():
            pid = each["pid"]
            if each["state"] == "running" and pid and alive(pid):
                supervisor = parent_of(pid)
                if supervisor not in (None, 1):
                    found.append(
                        Running(
                            map_index=each["map_index"],
                            tried=each["try_number"],
                            pid=pid,
                            supervisor=supervisor,
                        )
                    )
        return found

    def wait_until_running(self):
        """Return the sends that run as soon as there is one; empty when all have ended."""
        wait_for(lambda: self.running() or self.sends_are_over(), timeout=120, what="a send runs")
        return self.running()

    def tries_of(self, map_index):
        return next(each["try_number"] for each in self.sends() if each["map_index"] == map_index)

    def is_back(self, victim):
        """Whether a later try of a send runs than the one that was struck."""
        return any(
            each.map_index == victim.map_index and each.tried > victim.tried for each in self.running()
        )

    def clear(self, map_index):
        """Clear one send, as a person does in the UI."""
        body = {
            "dry_run": False,
            "only_failed": False,
            "task_ids": [["send", map_index]],
            "dag_run_id": self.run_id,
        }
        self.airflow.call("POST", f"/dags/{self.dag_id}/clearTaskInstances", json=body)
        self._looked = (0.0, False)

    def tries(self):
        return sum(each["try_number"] for each in self.sends())

    def wait_until_over(self):
        """Return the state in which the run ended."""
        wait_for(self.over, timeout=LONGEST, what=f"{self.dag_id} {self.run_id} is over: {self._states()}")
        return self.airflow.run_state(self.dag_id, self.run_id)

    def verdicts(self, *, most_unknown=0):
        """Wait for the end and judge each mapped task."""
        self.wait_until_over()
        counts = self.gateway.client.counts()
        sends = self.sends()
        if self.sharded:
            told = [self._told_by_shards(sends)]
        else:
            told = [(sent["state"], self._summary(sent), self._receipts(sent)) for sent in sends]
        return [
            judge(
                audience=audience,
                accepted={number: counts[number] for number in audience.everybody if number in counts},
                state=state,
                summary=summary,
                receipts_path=receipts,
                most_unknown=most_unknown,
            )
            for audience, (state, summary, receipts) in zip(self.audiences, told, strict=True)
        ]

    def delivered(self):
        """Return what each sensor says, by its task: its state and its result."""
        return {
            each["task_id"]: (each["state"], self._xcom(each, "return_value"))
            for each in self.instances()
            if each["task_id"].startswith("delivered_")
        }

    def logs(self):
        return self.airflow.logs(self.run_id)

    def said(self):
        """Return what its tasks logged, as sentences to search."""
        return sentences(self.logs())

    def _told_by_shards(self, sends):
        """Return state, sum and receipts of one audience that was cut into shards."""
        (total,) = self.instances("total")
        together = self.folder / f"{self.run_id}.jsonl"
        together.write_bytes(b"".join(self._receipts(sent).read_bytes() for sent in sends))
        return total["state"], self._xcom(total, "return_value"), together

    def _summary(self, sent):
        """Return what the task says of itself: a failed one has no return value but the same facts beside it."""
        return self._xcom(sent, "return_value" if sent["state"] == "success" else "campaign")

    def _xcom(self, instance, key):
        path = (
            f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{instance['task_id']}/xcomEntries/{key}"
        )
        parameters = {"deserialize": "true", "map_index": instance["map_index"]}
        return self.airflow.call("GET", path, params=parameters, missing={}).get("value")

    def _receipts(self, sent):
        """Return a file with the receipts of one send; they are fetched from the storage."""
        path = (self._summary(sent) or {}).get("receipts_path") or ""
        if not path.startswith("s3://"):
            return Path(path or "/nonexistent")
        here = self.folder / f"{self.run_id}-{sent['map_index']}.jsonl"
        storage = s3fs.S3FileSystem(
            endpoint_url=self.storage, key="testid", secret="testsecret", skip_instance_cache=True
        )
        if storage.exists(path):
            storage.get_file(path, str(here))
        return here

    def _states(self):
        return {f"{each['task_id']}[{each['map_index']}]": each["state"] for each in self.instances()}


@dataclass(frozen=True)
class Running:
    """
    A send that runs.

    :param pid: its process.
    :param supervisor: the process that started it, one of the worker's pool.
    """

    map_index: int
    tried: int
    pid: int
    supervisor: int
