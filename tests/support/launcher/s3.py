# SPDX-License-Identifier: Apache-2.0
"""An S3 server as a process, and an Airflow that knows the way to it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import requests

from launcher.environment import clean_environment
from launcher.processes import Component, free_ports, wait_for

BUCKET = "ledgers"
ENDPOINT = "RACE_TEST_S3_ENDPOINT"
"""The environment variable with the address of the server."""


class S3Process:
    """
    An S3 server on loopback with one bucket; see ``s3_app.py``.

    :param folder: for its log.
    :param ignore_conditions: it takes every conditional write.
    """

    def __init__(self, *, folder, ignore_conditions=False):
        (port,) = free_ports(1)
        self.endpoint = f"http://127.0.0.1:{port}"
        options = ["--ignore-conditions"] if ignore_conditions else []
        command = [sys.executable, str(Path(__file__).with_name("s3_app.py")), "--port", str(port), *options]
        self._process = Component(
            name="s3", command=command, environment=clean_environment(), folder=Path(folder)
        )

    def start(self):
        """Start it and make the bucket."""
        self._process.start()
        wait_for(self._has_bucket, timeout=60, what="the S3 server has a bucket")

    def end(self):
        self._process.end()

    def _has_bucket(self):
        assert self._process.running, self._process.tail()
        session = requests.Session()
        session.trust_env = False
        try:
            return session.put(f"{self.endpoint}/{BUCKET}", timeout=10).ok
        except requests.RequestException:
            return False


def loaded_session():
    """Return a session that has read all that a client needs: once, before anybody forks, because it takes long."""
    from aiobotocore.session import AioSession

    session = AioSession()
    loader = session.get_component("data_loader")
    for name in ("service-2", "paginators-1", "waiters-2", "endpoint-rule-set-1"):
        loader.load_service_model("s3", name)
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        loader.load_data(name)
    return session


def teach_airflow():
    """Make ``s3://`` known to the Airflow of this process, as Amazon's provider would; needs :data:`ENDPOINT`."""
    from airflow.sdk.io import fs
    from s3fs import S3FileSystem

    session = loaded_session()

    def get_fs(conn_id, storage_options):
        return S3FileSystem(
            endpoint_url=os.environ[ENDPOINT],
            key="testid",
            secret="testsecret",
            session=session,
            **storage_options,
        )

    known = {**fs._register_filesystems(), "s3": get_fs}
    fs._register_filesystems = lambda: known
