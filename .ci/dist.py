# SPDX-License-Identifier: Apache-2.0
"""
Build what is released, and try it as a user would: ``make dist``.

The wheel is built from the unpacked source distribution, so both are known to be complete. Then both are checked, and
the demo is run from the unpacked source against the wheel in an environment in which nothing else is.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
ENVIRONMENTS = ROOT / ".venv-dist"
PACKAGE = "airflow_provider_aliyunsms"
IN_SOURCE = {
    "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "PKG-INFO", "README.md", "README.zh-CN.md",
    "SECURITY.md", "pyproject.toml", "dags_examples", "docs", "tests", "noxfile.py", "requirements.lock", ".ci",
    PACKAGE,
}  # fmt: skip
ENTRY_POINTS = {
    "apache_airflow_provider": {"provider_info": f"{PACKAGE}.get_provider_info:get_provider_info"},
    "console_scripts": {"aliyunsms-simulator": f"{PACKAGE}.simulator.main:main"},
}
WHERE = f"import {PACKAGE}; print({PACKAGE}.__file__)"


class DistError(Exception):
    """It must not be released like this."""


def main() -> int:
    """Build, check, install, run; the exit status is 0 when all of it works."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _make(Path(folder))
        except DistError as error:
            sys.stderr.write(f"make dist: {error}\n")
            return 1
        finally:
            shutil.rmtree(ENVIRONMENTS, ignore_errors=True)
    return 0


def _make(scratch: Path) -> None:
    shutil.rmtree(DIST, ignore_errors=True)
    source = _build("sdist", of=ROOT)
    unpacked = _unpack(source, scratch)
    wheel = _build("wheel", of=unpacked)
    _check_source(unpacked)
    _check_wheel(wheel)
    _run(sys.executable, "-m", "twine", "check", "--strict", str(source), str(wheel))
    clean = _environment("clean", "--constraint", str(ROOT / "requirements.lock"), f"{wheel}[simulator]")
    _check_installed(clean, away=scratch)
    _run(str(clean), str(unpacked / "dags_examples" / "demo" / "run.py"), cwd=scratch)
    _say(f"Fit to be released: {source.name}, {wheel.name}")


def _build(kind: str, *, of: Path) -> Path:
    _run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(DIST), cwd=of)
    (built,) = DIST.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return built


def _unpack(source: Path, scratch: Path) -> Path:
    with tarfile.open(source) as archive:
        archive.extractall(scratch, filter="data")
    return scratch / source.name.removesuffix(".tar.gz")


def _check_source(unpacked: Path) -> None:
    there = {path.name for path in unpacked.iterdir()}
    _expect("the source distribution lacks", IN_SOURCE - there)
    caches = {
        str(path.relative_to(unpacked))
        for path in unpacked.rglob("*")
        if path.suffix in (".pyc", ".db", ".log")
    }
    _expect("the source distribution should not hold", caches)


def _check_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    tops = {name.partition("/")[0] for name in names}
    _expect("the wheel should not hold", tops - {PACKAGE, info})
    _expect("the wheel lacks", {f"{PACKAGE}/py.typed", f"{info}/licenses/LICENSE"} - names)
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE).rglob("*.py")}
    _expect("the wheel lacks", modules - names)
    parser = configparser.ConfigParser()
    parser.read_string(entry_points)
    found = {section: dict(parser[section]) for section in parser.sections()}
    if found != ENTRY_POINTS:
        raise DistError(f"the entry points are {found}")


def _check_installed(python: Path, *, away: Path) -> None:
    """Nothing but the wheel may answer, and Airflow has to know it."""
    where = Path(_output(str(python), "-c", WHERE, cwd=away).strip())
    if not where.is_relative_to(ENVIRONMENTS):
        raise DistError(f"{PACKAGE} is taken from somewhere else: {where}")
    listed = _output(str(python), "-m", "airflow", "providers", "list", cwd=away)
    if "airflow-provider-aliyunsms" not in listed:
        raise DistError("airflow providers list does not show the provider")


def _environment(name: str, *requirements: str) -> Path:
    uv = (sys.executable, "-m", "uv")
    python = ENVIRONMENTS / name / "bin" / "python"
    _run(*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENTS / name))
    _run(*uv, "pip", "install", "--quiet", "--python", str(python), *requirements)
    return python


def _expect(what: str, rest: set[str]) -> None:
    if rest:
        raise DistError(f"{what} {', '.join(sorted(rest))}")


def _run(*command: str, cwd: Path | None = None) -> None:
    if subprocess.run(command, cwd=cwd, env=_surroundings(), check=False).returncode:  # noqa: S603 - our own arguments
        raise DistError(f"failed: {' '.join(command)}")


def _output(*command: str, cwd: Path) -> str:
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command,
            cwd=cwd,
            env=_surroundings() | {"AIRFLOW_HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise DistError(f"failed: {' '.join(command)}\n{done.stderr}")
    return done.stdout


def _surroundings() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AIRFLOW"))}
    # nothing is written into the unpacked source, and Airflow's processes share what the first one compiles
    return kept | {"PYTHONPYCACHEPREFIX": str(ENVIRONMENTS / "pycache")}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
