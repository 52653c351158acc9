# SPDX-License-Identifier: Apache-2.0
"""
Run ``tests/compat`` on every supported Airflow and Python, one after the other: ``make compat``.

    python compat/run.py [--pythons "python3.11 /opt/python3.12"] [--write-page] [2.11.2 3.3 ... | oldest]

The exit status is 0 when every combination that could be run passed, and at least one could.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import environment
import matrix
import page
import pythons
import results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matrix import Airflow

ENVIRONMENTS = matrix.ROOT / ".venv-compat"
TESTS = matrix.ROOT / "tests" / "compat"


def main() -> int:
    """Run what the arguments ask for."""
    arguments = _parser().parse_args()
    wanted = matrix.read()
    found = pythons.find(wanted.pythons, named=arguments.pythons.split())
    named = arguments.airflow
    airflows = wanted.oldest(found) if named == ["oldest"] else wanted.choose(named)
    _say("Pythons: " + (", ".join(f"{version} ({path})" for version, path in found.items()) or "none"))
    # a process under test that outlives its folder must not find it in the way of the next run
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _simulator() as url:
        runner = _Runner(scratch=Path(folder), url=url)
        outcome = [
            runner.run(airflow, version, found.get(version))
            for airflow in airflows
            for version in wanted.pythons
        ]
    with contextlib.suppress(OSError):
        ENVIRONMENTS.rmdir()
    _say("\n" + page.combinations(outcome) + "\n\n" + page.features(outcome))
    if arguments.write_page:
        page.write(outcome)
        _say(f"\nWritten to {page.PAGE.relative_to(matrix.ROOT)}")
    failed = [each for each in outcome if each.outcome == "failed"]
    for each in failed:
        _say(f"FAILED: Airflow {each.airflow} on Python {each.python}: {', '.join(each.failures)}")
    return int(bool(failed) or not any(each.outcome == "passed" for each in outcome))


class _Runner:
    """
    Runs one combination after the other.

    :param scratch: a folder for everything but the environments.
    :param url: where the simulator listens.
    """

    def __init__(self, *, scratch: Path, url: str) -> None:
        self._scratch = scratch
        self._url = url
        self._wheel = environment.build_wheel(scratch, root=matrix.ROOT)

    def run(self, airflow: Airflow, version: str, python: str | None) -> results.Result:
        """Run it, or say why not."""
        if version not in airflow.pythons:
            return results.Result(airflow.version, version, "not supported")
        if python is None:
            return results.Result(airflow.version, version, "not available here")
        _say(f"\n== Airflow {airflow.version} on Python {version}")
        began = time.monotonic()
        name = f"{airflow.version}-py{version}"
        report = self._scratch / f"{name}.xml"
        try:
            with environment.made(
                ENVIRONMENTS / name, python=python, lock=airflow.lock, wheel=self._wheel
            ) as interpreter:
                _say(f"environment made in {time.monotonic() - began:.0f} s")
                self._test(interpreter, report)
        except environment.BuildError as error:
            _say(str(error))
        return results.read(report, airflow=airflow.version, python=version, seconds=time.monotonic() - began)

    def _test(self, interpreter: Path, report: Path) -> None:
        work = Path(tempfile.mkdtemp(dir=self._scratch))
        command = [
            # isolated from the checkout and from the user's own packages: the wheel has to answer
            *(str(interpreter), "-P", "-s", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull),
            *(
                "--rootdir",
                str(TESTS),
                "--import-mode=importlib",
                f"--junitxml={report}",
                "-o",
                "junit_family=xunit1",
            ),
            *("--basetemp", str(work / "pytest"), str(TESTS)),
        ]
        surroundings = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AIRFLOW"))
        }
        surroundings |= {
            "COMPAT_SIMULATOR": self._url,
            "TMPDIR": str(work),
            "PYTHONPYCACHEPREFIX": str(work / "pycache"),
        }
        subprocess.run(command, cwd=work, env=surroundings, check=False)  # noqa: S603 - our own arguments


@contextlib.contextmanager
def _simulator() -> Iterator[str]:
    """Run the simulator in the environment that runs this: an old Airflow's FastAPI need not suit it."""
    command = [sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own arguments
        try:
            line = process.stdout.readline() if process.stdout else ""
            if "http://" not in line:
                raise SystemExit("The simulator did not start")
            yield line.split()[-1]
        finally:
            process.terminate()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Run tests/compat on every supported Airflow and Python.")
    parser.add_argument("airflow", nargs="*", help='versions, or "oldest"; everything when none is named')
    parser.add_argument("--pythons", default="", help="the interpreters to look at, and at no others")
    parser.add_argument("--write-page", action="store_true", help="write the tables to docs/compatibility.md")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
