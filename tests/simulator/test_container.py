# SPDX-License-Identifier: Apache-2.0
"""What the container of the simulator is made of: no Airflow, and files that fit each other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import yaml

import airflow_provider_aliyunsms

ROOT = Path(airflow_provider_aliyunsms.__file__).parents[1]
FOLDER = ROOT / "containers" / "simulator"


def pinned(path):
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def instructions(name):
    text = (FOLDER / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.partition(" ")[2].strip() for line in text.splitlines() if line.startswith(f"{name} ")]


def site_of(names, folder):
    """Lay the installed packages with these names, and no others, into a folder."""
    for name in names:
        for file in distribution(name).files:
            top = file.parts[0]
            if top != ".." and not (folder / top).exists():
                (folder / top).symlink_to(distribution(name).locate_file(top))
    return folder


def test_it_starts_where_only_its_own_packages_are_installed(tmp_path):
    site = site_of(pinned(FOLDER / "requirements.lock"), tmp_path)
    (site / "airflow_provider_aliyunsms").symlink_to(ROOT / "airflow_provider_aliyunsms")
    code = (
        "from airflow_provider_aliyunsms.simulator.server import running\n"
        "with running() as simulator: print(simulator.stats()['accepted'])"
    )
    # -S: without the packages of the environment that runs the tests
    command = [sys.executable, "-S", "-c", code]
    settings = {"cwd": tmp_path, "env": {"PYTHONPATH": str(site)}, "capture_output": True, "text": True}
    done = subprocess.run(command, timeout=120, check=False, **settings)
    assert (done.stdout, done.stderr) == ("0\n", "")
    airflow = subprocess.run([*command[:2], "-c", "import airflow"], timeout=60, check=False, **settings)
    assert "No module named 'airflow'" in airflow.stderr


def test_it_has_packages_of_the_project_and_the_same_versions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (FOLDER / "requirements.in").read_text(encoding="utf-8").splitlines()
    wanted = {line for line in lines if not line.startswith("#")}
    assert wanted
    assert wanted <= {*project["optional-dependencies"]["simulator"], *project["dependencies"]}
    locked, everything = pinned(FOLDER / "requirements.lock"), pinned(ROOT / "requirements.lock")
    assert locked == {name: everything[name] for name in locked}


def test_it_copies_what_is_there_and_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    copied = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert copied
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored


def test_it_runs_as_nobody_and_says_where_it_listens():
    assert instructions("USER") == ["10001:10001"]
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["aliyunsms-simulator", "--host", "0.0.0.0"]


def test_its_health_check_tells_a_running_one_from_none(simulator):
    check = json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2])
    assert check[:2] == ["python", "-c"]

    def status(url):
        code = check[2].replace("http://127.0.0.1:8025", url)
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, timeout=60, check=False
        ).returncode

    assert (status(simulator.url), status("http://127.0.0.1:1")) == (0, 1)


def test_compose_publishes_it_on_loopback_alone():
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    (name,) = services
    service = services[name]
    assert service["ports"] == ["127.0.0.1:8025:8025"]
    assert service["command"] == ["--allow-host", name]
    context = (FOLDER / service["build"]["context"]).resolve()
    assert (context / service["build"]["dockerfile"]).is_file()
    assert context == ROOT.resolve()
