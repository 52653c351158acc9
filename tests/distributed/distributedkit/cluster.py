# SPDX-License-Identifier: Apache-2.0
"""An Airflow on several machines: CeleryExecutor, PostgreSQL, Redis, object storage, two workers, one simulator."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
from celery import Celery
from database_servers import PostgresServer, RedisServer
from distributedkit import s3_provider
from distributedkit.campaign import Campaign
from distributedkit.worker import DISK, WORKERS, Worker, namespaces
from judging import china_audience, globe_audience
from launcher.airflow3 import Airflow3
from launcher.environment import connection
from launcher.s3 import BUCKET, S3Process
from launcher.simulator import SimulatorProcess

DAGS = Path(__file__).parents[1] / "dags"
VISIBILITY = 10
"""Seconds after which Redis gives a task that still runs to another worker once more; a day by default."""

DAG_IDS = frozenset({"china", "globe", "sharded", "elsewhere"})
CHINA_QPS = 40
GLOBE_QPS = 4
LATENCY = 0.1
"""Seconds of one send call."""


@dataclass
class Cluster:
    """
    Everything there is, and what it is told to do.

    :param folder: what all machines see.
    :param workers: the machines by name.
    :param celery: asks and orders the workers, as a person with Celery's command does.
    """

    folder: Path
    airflow: Any
    gateway: Any
    postgres: Any
    redis: Any
    workers: dict[str, Any]
    celery: Any
    storage: str
    audiences: list[Any] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)

    @property
    def own_disk(self):
        """The folder that is another one on each machine; None where the system allows no such thing."""
        return self.folder / DISK if namespaces() else None

    def campaign(self, dag_id, *, sizes, storage=f"s3://{BUCKET}", on_storage=False, ledger=""):
        """
        Prepare a campaign with audiences of its own; ``begin()`` starts it.

        :param sizes: recipients of each mapped task.
        :param storage: where the receipts go; None for the disk of the worker that sends.
        :param on_storage: the ledger is there as well, instead of Airflow's database.
        :param ledger: another place for it.
        """
        make = globe_audience if dag_id == "globe" else china_audience
        audiences = [make(folder=self.folder, size=size) for size in sizes]
        self.audiences += audiences
        name = f"campaign-{next(self._numbers)}"
        conf = {
            "receipts": f"{storage}/{name}" if storage else "",
            "ledger": f"{storage}/{name}-ledger" if on_storage else ledger,
        }
        return Campaign(
            airflow=self.airflow,
            gateway=self.gateway,
            dag_id=dag_id,
            audiences=audiences,
            conf=conf,
            folder=self.folder,
            storage=self.storage,
        )

    def celery_task(self, *, run, map_index):
        """Return the label under which Celery runs a send."""
        query = (
            "select external_executor_id from task_instance "
            "where run_id = %s and task_id = 'send' and map_index = %s"
        )
        with closing(psycopg2.connect(self.postgres.address)) as database, database.cursor() as cursor:
            cursor.execute(query, (run.run_id, map_index))
            return cursor.fetchone()[0]

    def redelivered(self):
        """Count the tasks that were given out while they still ran, and were refused for that."""
        return sum(worker.log.count("ignoring redelivered message") for worker in self.workers.values())

    def machine_of(self, pid):
        """Return the worker on whose machine a process runs."""
        return next(worker for worker in self.workers.values() if pid in worker.processes())


class Keeper(threading.Thread):
    """
    Start what has ended, as systemd or Kubernetes would: some parts of Airflow end when their database is away.

    :param components: those of the Airflow; whoever ends one on purpose finds it started again.
    """

    def __init__(self, components):
        super().__init__(daemon=True)
        self._components = components
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(2):
            for component in self._components:
                if not component.running:
                    component.start()

    def end(self):
        self._over.set()
        self.join()


@contextmanager
def running_cluster(*, folder, dags=DAGS, dag_ids=DAG_IDS, sms=None):
    """
    Start everything in ``folder``, and end it by pid on the way out.

    :param dags: the folder of the DAG files.
    :param dag_ids: the DAGs that must be there.
    :param sms: the address of another gateway than the simulator, which keeps no limit of an account.
    """
    # Workers run as this user, PostgreSQL as an ordinary one that must reach its own folder below.
    with ExitStack() as stack:
        for name in ("postgres", "redis"):
            (folder / name).mkdir()
        postgres, redis = PostgresServer(folder / "postgres"), RedisServer(folder / "redis")
        gateway, storage = SimulatorProcess(folder=folder), S3Process(folder=folder)
        for each in (postgres, redis):
            stack.callback(each.end)
            each.start()
        stack.callback(gateway.end)
        gateway.start(latency=LATENCY, globe_qps=GLOBE_QPS)
        stack.callback(storage.end)
        storage.start()
        settings = _settings(postgres=postgres, redis=redis, sms=_sms(sms or gateway.url, paced=not sms))
        settings |= s3_provider.install(folder, endpoint=storage.endpoint)
        airflow = Airflow3(
            folder=folder,
            dags=dags,
            dag_ids=dag_ids,
            settings=settings,
            further=("triggerer",),
        )
        stack.callback(airflow.end)
        airflow.start()
        keeper = Keeper(airflow.components.values())
        keeper.start()
        stack.callback(keeper.end)
        workers = {
            name: Worker(name=name, environment=airflow.environment, folder=folder) for name in WORKERS
        }
        for worker in workers.values():
            stack.callback(worker.end)
            worker.start()
        yield Cluster(
            folder=folder,
            airflow=airflow,
            gateway=gateway,
            postgres=postgres,
            redis=redis,
            workers=workers,
            storage=storage.endpoint,
            celery=Celery(broker=settings["AIRFLOW__CELERY__BROKER_URL"]),
        )


def _sms(url, *, paced):
    fields = json.loads(connection(url)["AIRFLOW_CONN_ALIYUN_SMS_DEFAULT"])
    limits = {"pace_conn_id": "sms_pace", "china_qps": CHINA_QPS, "globe_qps": GLOBE_QPS}
    return fields | {"extra": limits if paced else {}}


def _settings(*, postgres, redis, sms):
    database = postgres.address.partition("://")[2]
    broker = f"redis://127.0.0.1:{redis.port}"
    return {
        "AIRFLOW_CONN_ALIYUN_SMS_DEFAULT": json.dumps(sms),
        "AIRFLOW_CONN_SMS_PACE": f"{broker}/1",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__PARALLELISM": "16",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
        "AIRFLOW__CELERY__BROKER_URL": f"{broker}/0",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql://{database}",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": str(VISIBILITY),
        # a queue that Redis has lost is filled again
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "20",
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    }
