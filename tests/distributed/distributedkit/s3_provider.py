# SPDX-License-Identifier: Apache-2.0
"""A provider of Airflow that brings ``s3://`` to every process, as Amazon's does; only for this test's server."""

from __future__ import annotations

import os
from pathlib import Path

_PROVIDER = """\
def get_provider_info():
    return {
        "package-name": "s3-for-tests",
        "name": "S3 for tests",
        "description": "Brings s3:// to Airflow.",
        "filesystems": ["s3_for_tests.storage"],
    }
"""
_STORAGE = """\
import os

from s3fs import S3FileSystem

schemes = ["s3"]


def get_fs(conn_id, storage_options):
    return S3FileSystem(
        endpoint_url=os.environ["DISTRIBUTED_TEST_S3"], key="testid", secret="testsecret", **storage_options
    )
"""
_METADATA = "Metadata-Version: 2.1\nName: s3-for-tests\nVersion: 1.0\n"
_ENTRY_POINTS = "[apache_airflow_provider]\nprovider_info = s3_for_tests:get_provider_info\n"


def install(folder, *, endpoint):
    """Write it where an interpreter finds it, and return the settings with which it does."""
    place = Path(folder) / "packages"
    information = place / "s3_for_tests-1.0.dist-info"
    information.mkdir(parents=True)
    package = place / "s3_for_tests"
    package.mkdir()
    (package / "__init__.py").write_text(_PROVIDER)
    (package / "storage.py").write_text(_STORAGE)
    (information / "METADATA").write_text(_METADATA)
    (information / "entry_points.txt").write_text(_ENTRY_POINTS)
    known = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(place), known))), "DISTRIBUTED_TEST_S3": endpoint}
