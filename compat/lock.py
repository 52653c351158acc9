# SPDX-License-Identifier: Apache-2.0
"""Resolve the environments of the matrix anew: ``make compat-lock``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import matrix

if TYPE_CHECKING:
    from matrix import Airflow, Matrix

NOTE = '# Written by "make compat-lock": Airflow {version} with the packages of {cut_off}.\n'


def main() -> None:
    """Write one lock for each Airflow named in the arguments, for all without any."""
    wanted = matrix.read()
    for airflow in wanted.choose(sys.argv[1:]):
        _say(f"Resolving Airflow {airflow.version} as of {airflow.cut_off}")
        airflow.lock.write_text(
            NOTE.format(version=airflow.version, cut_off=airflow.cut_off) + _resolve(airflow, wanted),
            encoding="utf-8",
        )


def _resolve(airflow: Airflow, wanted: Matrix) -> str:
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--no-header"),
        *("--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
        *("--python-version", airflow.pythons[0], "--exclude-newer", airflow.cut_off),
    ]
    for name, day in wanted.newer.items():
        command += ["--exclude-newer-package", f"{name}={day}"]
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "pyproject.toml")
        project.write_text(_project(airflow), encoding="utf-8")
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            [*command, str(project)], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
        )
    return done.stdout


def _project(airflow: Airflow) -> str:
    """Describe an environment: this Airflow, what our package needs beside it, and pytest."""
    ours = tomllib.loads((matrix.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = [need for need in ours["dependencies"] if not need.startswith("apache-airflow>")]
    needs += [f"apache-airflow=={airflow.version}", "pytest", *airflow.beside]
    first, last = airflow.pythons[0], airflow.pythons[-1]
    # a resolution for every Python there is would fail for those that this Airflow cannot run on
    pythons = f"python_version >= '{first}' and python_version <= '{last}'"
    return (
        f'[project]\nname = "environment"\nversion = "0"\nrequires-python = ">={first}"\n'
        f"dependencies = {needs!r}\n[tool.uv]\nenvironments = [{pythons!r}]\n"
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
