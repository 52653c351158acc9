# SPDX-License-Identifier: Apache-2.0
"""
Try the built wheel on every supported Airflow and Python, each in an environment of its own.

``make compat`` calls this; by hand: ``nox -s "compat(python='3.12', airflow='3.1.8')"``. The
matrix stands in ``compat/matrix.toml``, the exact versions in ``compat/requirements-<airflow>.lock``.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import nox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent
MATRIX = tomllib.loads((ROOT / "compat" / "matrix.toml").read_text(encoding="utf-8"))
TESTS = ROOT / "tests" / "compat"
REPORTS = ROOT / "build" / "compat"
LOCK_NOTE = '# Written by "make compat-lock": Airflow {version} with the packages of {cut-off}.\n'


def _chosen() -> list[tuple[str, str]]:
    """
    Return the pairs of Python and Airflow to try.

    ``COMPAT`` names Airflows (``2.11 3.3.2``), or says "oldest": the oldest that runs on the Python of this process,
    and that Python alone. Empty means all.
    """
    named = os.environ.get("COMPAT", "").split()
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    pairs = [(python, each["version"]) for each in MATRIX["airflow"] for python in each["pythons"]]
    if named == ["oldest"]:
        return [pair for pair in pairs if pair[0] == here][:1]
    unknown = [
        name for name in named if not any(f"{airflow}.".startswith(f"{name}.") for _, airflow in pairs)
    ]
    if unknown:
        raise SystemExit(f"Not in compat/matrix.toml: {', '.join(unknown)}")
    return [
        pair for pair in pairs if not named or any(f"{pair[1]}.".startswith(f"{name}.") for name in named)
    ]


nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.envdir = ".venv-compat"
nox.options.reuse_existing_virtualenvs = False
nox.options.error_on_missing_interpreters = False


@nox.session
@nox.parametrize("python,airflow", _chosen())
def compat(session: nox.Session, airflow: str) -> None:
    """Install a locked Airflow and our wheel, and run tests/compat in it."""
    work = Path(session.create_tmp()).resolve()
    session.install("--no-deps", "--requirement", str(ROOT / "compat" / f"requirements-{airflow}.lock"))
    session.install("--no-deps", str(_wheel(work)))
    REPORTS.mkdir(parents=True, exist_ok=True)
    report = REPORTS / f"{airflow}-py{session.python}.xml"
    report.unlink(missing_ok=True)
    with _simulator() as url:
        session.run(
            # isolated from the checkout and from the user's own packages: the wheel has to answer
            *("python", "-P", "-s", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull),
            *("--rootdir", str(TESTS), "--import-mode=importlib"),
            *(f"--junitxml={report}", "-o", "junit_family=xunit1"),
            *("--basetemp", str(work / "pytest"), str(TESTS)),
            env={
                **{name: None for name in os.environ if name.startswith(("PYTHON", "AIRFLOW"))},
                "COMPAT_SIMULATOR": url,
                "TMPDIR": str(work),
                "PYTHONPYCACHEPREFIX": str(work / "pycache"),
            },
        )


@nox.session(venv_backend="none")
def compat_lock(session: nox.Session) -> None:
    """Resolve the environments of the matrix anew, of the Airflows named after "--" or of all."""
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    for each in MATRIX["airflow"]:
        if session.posargs and each["version"] not in session.posargs:
            continue
        needs = [need for need in ours if not need.startswith("apache-airflow>")]
        needs += [f"apache-airflow=={each['version']}", "pytest", *each.get("beside", ())]
        first, last = each["pythons"][0], each["pythons"][-1]
        # a resolution for every Python there is would fail for those that this Airflow cannot run on
        pythons = f"python_version >= '{first}' and python_version <= '{last}'"
        project = Path(session.create_tmp()) / "pyproject.toml"
        project.write_text(
            f'[project]\nname = "environment"\nversion = "0"\nrequires-python = ">={first}"\n'
            f"dependencies = {needs!r}\n[tool.uv]\nenvironments = [{pythons!r}]\n",
            encoding="utf-8",
        )
        newer = MATRIX["newer-than-the-cut-off"].items()
        found = session.run(
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--no-header"),
            *("--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--python-version", first),
            *("--exclude-newer", each["cut-off"]),
            *(word for name, day in newer for word in ("--exclude-newer-package", f"{name}={day}")),
            str(project),
            silent=True,
            external=True,
        )
        lock = ROOT / "compat" / f"requirements-{each['version']}.lock"
        lock.write_text(LOCK_NOTE.format(**each) + str(found), encoding="utf-8")


def _wheel(folder: Path) -> Path:
    """Build the wheel of the checkout; everything that needs is in the environment that runs nox."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - our own arguments
    return max(folder.glob("*.whl"), key=lambda path: path.stat().st_mtime)


@contextlib.contextmanager
def _simulator() -> Iterator[str]:
    """Run the simulator in the environment that runs nox: an old Airflow's FastAPI need not suit it."""
    command = [sys.executable, "-m", "airflow_provider_aliyunsms.simulator.main", "--port", "0"]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)  # noqa: S603
        try:
            line = process.stdout.readline() if process.stdout else ""
            if "http://" not in line:
                errors.seek(0)
                raise SystemExit(f"The simulator did not start: {errors.read()}")
            yield line.split()[-1]
        finally:
            process.terminate()
            process.wait()
