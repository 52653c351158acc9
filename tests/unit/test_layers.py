# SPDX-License-Identifier: Apache-2.0
"""The floors of the house: who may know whom, as pyproject.toml says, and that it holds at run time as well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PACKAGE = "airflow_provider_aliyunsms"
WITHOUT_AIRFLOW = ("api", "audience", "campaign", "codes", "delivery", "simulator")

# finds Airflow first and refuses, so that an import inside a function that runs at import time is caught too
IMPORT_ALL_WITH_AIRFLOW_BLOCKED = """
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == "airflow" or name.startswith("airflow."):
            raise ImportError(f"{name} must not be imported here")
        return None

sys.meta_path.insert(0, Blocker())
floor = importlib.import_module(sys.argv[1])
names = [floor.__name__]
names += [m.name for m in pkgutil.walk_packages(floor.__path__, floor.__name__ + ".")]
for name in names:
    importlib.import_module(name)
assert not [name for name in sys.modules if name == "airflow" or name.startswith("airflow.")]
print(len(names))
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_contracts_are_kept():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    done = run("-c", code)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("floor", WITHOUT_AIRFLOW)
def test_every_module_below_airflow_can_be_imported_without_it(floor):
    done = run("-c", IMPORT_ALL_WITH_AIRFLOW_BLOCKED, f"{PACKAGE}.{floor}")
    assert done.returncode == 0, done.stderr
    modules = list((CHECKOUT / PACKAGE / floor).rglob("*.py"))
    assert int(done.stdout) == len(modules)


def test_the_blocker_does_block():
    done = run("-c", IMPORT_ALL_WITH_AIRFLOW_BLOCKED, f"{PACKAGE}.hooks")
    assert done.returncode != 0
    assert "must not be imported here" in done.stderr


def test_importing_the_package_imports_nothing_else():
    code = (
        f"import sys; before = set(sys.modules);import {PACKAGE}; print(*sorted(set(sys.modules) - before))"
    )
    assert run("-c", code).stdout.split() == [PACKAGE]
