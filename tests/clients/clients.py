# SPDX-License-Identifier: Apache-2.0
"""List the clients that others wrote, with the program around each and its version."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
DRIVERS = HERE / "drivers"
GO_SOURCES = Path("/usr/share/gocode/src/github.com/denverdino/aliyungo/sms")
PACKAGES = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]


@dataclass(frozen=True, kw_only=True)
class Client:
    """
    One client.

    :param label: a short name, as the heads of tables have it.
    :param packages: what is installed for it, with versions.
    :param command: starts the program around it.
    """

    label: str
    packages: str
    command: tuple[str, ...]


def _node(*packages):
    return ", ".join(f"`{package}` {PACKAGES[package]}" for package in packages)


def _python(*packages):
    return ", ".join(f"`{package}` {version(package)}" for package in packages)


def _driver(name, *arguments):
    runtime = {".py": sys.executable, ".cjs": "node"}[Path(name).suffix]
    return (runtime, str(DRIVERS / name), *arguments)


def node_clients():
    """Return the clients from npm."""
    return [
        Client(
            label="Node",
            packages=_node("@alicloud/dysmsapi20170525", "@alicloud/dysmsapi20180501"),
            command=_driver("node_sdk.cjs"),
        ),
        Client(
            label="pop-core POST",
            packages=_node("@alicloud/pop-core"),
            command=_driver("pop_core.cjs", "POST"),
        ),
        Client(
            label="pop-core GET",
            packages=_node("@alicloud/pop-core"),
            command=_driver("pop_core.cjs", "GET"),
        ),
        Client(label="sms-sdk", packages=_node("@alicloud/sms-sdk"), command=_driver("sms_sdk.cjs")),
    ]


def python_clients():
    """Return the clients from PyPI."""
    return [
        Client(
            label="Python",
            packages=_python("alibabacloud-dysmsapi20170525", "alibabacloud-dysmsapi20180501"),
            command=_driver("python_sdk.py"),
        ),
        Client(
            label="Python core",
            packages=_python("aliyun-python-sdk-core"),
            command=_driver("python_core.py"),
        ),
        Client(
            label="Python core classes",
            packages=_python("aliyun-python-sdk-core", "aliyun-python-sdk-dysmsapi"),
            command=_driver("python_core_classes.py"),
        ),
    ]


def go_clients(scratch):
    """Return the client of Debian's Go packages, built into a folder; none where it or Go is missing."""
    if not GO_SOURCES.is_dir() or shutil.which("go") is None:
        return []
    program = scratch / "aliyungo"
    settings = {"GOPATH": "/usr/share/gocode", "GO111MODULE": "off", "GOCACHE": str(scratch / "cache")}
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(scratch), **settings}
    subprocess.run(
        ["go", "build", "-o", program, "./drivers/aliyungo"], cwd=HERE, env=environment, check=True
    )
    package = "golang-github-denverdino-aliyungo-dev"
    asked = ["dpkg-query", "--show", "--showformat=${Version}", package]
    found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return [
        Client(
            label="Go",
            packages=f"`github.com/denverdino/aliyungo` {found} (Debian)",
            command=(str(program),),
        )
    ]
