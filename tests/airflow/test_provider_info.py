# SPDX-License-Identifier: Apache-2.0
"""
What Airflow sees of this package, asked of the built wheel in a fresh process.

A faulty provider info takes every ``airflow`` command down, so nothing here trusts the checkout.
"""

from __future__ import annotations

import ast
import configparser
import importlib
import json
import os
import re
import site
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import HeaderParser
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import jsonschema
import pytest

from airflow_provider_aliyunsms.get_provider_info import get_provider_info

CHECKOUT = Path(__file__).parents[2]
PACKAGE = "airflow_provider_aliyunsms"
DISTRIBUTION = "airflow-provider-aliyunsms"
HOOK_MODULE = f"{PACKAGE}.hooks.aliyun_sms"

# the authoring schema is for Airflow's own repository and demands what only its release process needs
AUTHORING_ONLY = {"state": "ready", "source-date-epoch": 0, "versions": ["1.0.0"]}

ASK_THE_PROVIDERS_MANAGER = """
import json, sys
from airflow.providers_manager import ProvidersManager
import airflow_provider_aliyunsms

manager = ProvidersManager()
(found,) = [m for m in manager.iter_connection_type_hook_ui_metadata() if m.connection_type == "aliyun_sms"]
widgets = manager._connection_form_widgets_from_metadata
print(json.dumps({
    "module": airflow_provider_aliyunsms.__file__,
    "version": manager.providers["airflow-provider-aliyunsms"].version,
    "name": found.hook_name,
    "hook": found.hook_class_name,
    "standard": found.field_behaviour,
    "extra": {
        widget.field_name: {"sensitive": widget.is_sensitive, "default": widget.field["value"]}
        for name, widget in widgets.items() if name.startswith("extra__aliyun_sms__")
    },
    "ours_loaded": sorted(name for name in sys.modules if name.startswith("airflow_provider_aliyunsms")),
}))
"""


class Installed(NamedTuple):
    """A virtual environment in which only the wheel can answer for our package."""

    python: Path
    site_packages: Path
    environment: dict[str, str]
    scratch: Path

    def run(self, *arguments):
        """Run its Python far from the checkout and give what it printed."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=self.scratch,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("installed")
    venv = scratch / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, capture_output=True)
    python = venv / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "--python", python, wheel],
        check=True,
        capture_output=True,
    )
    site_packages = Path(sysconfig.get_path("purelib", vars={"base": str(venv)}))
    # borrows Airflow from here; the .pth of an editable install over there is not followed from a .pth
    borrowed = [
        path for path in {*site.getsitepackages(), sysconfig.get_path("platlib")} if Path(path).is_dir()
    ]
    (site_packages / "borrowed.pth").write_text("\n".join(borrowed))
    home = scratch / "airflow"
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PYTHON"))
    }
    environment |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "COLUMNS": "300"}
    return Installed(python=python, site_packages=site_packages, environment=environment, scratch=scratch)


def airflow_schema(name):
    return json.loads(resources.files("airflow").joinpath(name).read_text())


# ---- the wheel in a process of its own


def test_airflow_providers_list_shows_the_wheel(installed):
    table = installed.run("-m", "airflow", "providers", "list", "--output", "json")
    rows = json.loads(table[table.index("[{") :])
    (ours,) = [row for row in rows if row["package_name"] == DISTRIBUTION]
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", ours["version"])


def test_the_connection_form_is_drawn_without_importing_the_hook(installed):
    answer = json.loads(installed.run("-c", ASK_THE_PROVIDERS_MANAGER).splitlines()[-1])
    assert Path(answer["module"]).is_relative_to(installed.site_packages)
    assert answer["name"] == "Alibaba Cloud SMS"
    assert answer["hook"] == f"{HOOK_MODULE}.AliyunSmsHook"
    assert answer["standard"]["relabeling"]["login"] == "AccessKey ID"
    assert "schema" in answer["standard"]["hidden_fields"]
    assert set(answer["extra"]) == {
        "region_id",
        "globe_region_id",
        "security_token",
        "sign_name",
        "sender_id",
        "alert_phone_numbers",
        "ledger_secret",
        "oss_endpoint",
        "pace_conn_id",
        "china_qps",
        "globe_qps",
        "query_qps",
        "connect_timeout",
        "read_timeout",
        "credential_type",
        "role_arn",
        "role_session_name",
        "role_session_expiration",
        "policy",
        "external_id",
        "sts_endpoint",
        "oidc_provider_arn",
        "oidc_token_file_path",
        "role_name",
        "disable_imds_v1",
        "credentials_uri",
    }
    assert [name for name, field in answer["extra"].items() if field["sensitive"]] == [
        "ledger_secret",
        "security_token",
    ]
    assert answer["ours_loaded"] == [PACKAGE, f"{PACKAGE}.get_provider_info"]


ASK_FOR_THE_STORAGE = """
import sys
from airflow.sdk.io.fs import _register_filesystems
from upath.registry import get_upath_class

found = _register_filesystems()["oss"]
print(found.__module__, get_upath_class("oss").__name__, sorted({"ossfs", "oss2"} & set(sys.modules)))
"""


def test_the_wheel_brings_a_storage_and_its_path_and_loads_nothing_for_them(installed):
    answer = installed.run("-c", ASK_FOR_THE_STORAGE).splitlines()[-1]
    assert answer == f"{PACKAGE}.fs.oss CloudPath []"


def test_the_installed_hook_is_found_by_its_connection_type(installed):
    code = (
        "from airflow.sdk import Connection;"
        "c = Connection(conn_id='x', conn_type='aliyun_sms');"
        "print(type(c.get_hook()).__module__, __import__('sys').modules['" + HOOK_MODULE + "'].__file__)"
    )
    module, path = installed.run("-c", code).splitlines()[-1].split()
    assert module == HOOK_MODULE
    assert Path(path).is_relative_to(installed.site_packages)


def test_reading_the_provider_info_imports_nothing_else(installed):
    code = (
        "import sys; before = set(sys.modules);"
        f"import {PACKAGE}.get_provider_info as module; module.get_provider_info();"
        "print(*sorted(set(sys.modules) - before))"
    )
    assert installed.run("-c", code).split() == [PACKAGE, f"{PACKAGE}.get_provider_info"]


# ---- what is in the wheel


@pytest.fixture(scope="module")
def wheel_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def dist_info(files, name):
    (content,) = [text for path, text in files.items() if re.fullmatch(rf"[^/]+\.dist-info/{name}", path)]
    return content.decode()


def test_the_wheel_holds_our_package_and_nothing_beside_it(wheel_files):
    tops = {name.partition("/")[0] for name in wheel_files}
    assert {top for top in tops if not top.endswith(".dist-info")} == {PACKAGE}
    assert len(tops) == 2
    assert not [name for name in wheel_files if name.endswith((".pyc", ".db", ".log"))]


def test_the_wheel_holds_every_module_of_the_checkout(wheel_files):
    root = CHECKOUT / PACKAGE
    modules = {path.relative_to(CHECKOUT).as_posix() for path in root.rglob("*.py")}
    assert modules <= set(wheel_files)
    assert f"{PACKAGE}/py.typed" in wheel_files


def test_the_wheel_carries_its_licence(wheel_files):
    assert "Apache License" in dist_info(wheel_files, "licenses/LICENSE")


def test_the_entry_points_lead_somewhere(wheel_files):
    parser = configparser.ConfigParser()
    parser.optionxform = str
    parser.read_string(dist_info(wheel_files, "entry_points.txt"))
    assert dict(parser["apache_airflow_provider"]) == {
        "provider_info": f"{PACKAGE}.get_provider_info:get_provider_info"
    }
    targets = [target for section in parser.sections() for target in parser[section].values()]
    for target in targets:
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_the_metadata_fit_and_no_dependency_has_an_upper_bound(wheel_files):
    headers = HeaderParser().parsestr(dist_info(wheel_files, "METADATA"))
    assert headers["Name"] == DISTRIBUTION
    assert headers["License-Expression"] == "Apache-2.0"
    assert headers["Requires-Python"] == ">=3.11"
    wanted = headers.get_all("Requires-Dist")
    assert [text for text in wanted if re.search(r"[<~]|==", text.partition(";")[0])] == []


# ---- the provider info itself


def test_it_satisfies_the_schema_airflow_checks_at_run_time():
    jsonschema.validate(get_provider_info(), airflow_schema("provider_info.schema.json"))


def test_it_satisfies_the_stricter_schema_of_the_official_providers():
    jsonschema.validate(get_provider_info() | AUTHORING_ONLY, airflow_schema("provider.yaml.schema.json"))


def test_its_name_is_the_distributions():
    assert get_provider_info()["package-name"] == DISTRIBUTION


def test_each_caller_gets_its_own_copy():
    get_provider_info()["hooks"].clear()
    assert get_provider_info()["hooks"]


def test_the_module_has_no_import_statement():
    tree = ast.parse((CHECKOUT / PACKAGE / "get_provider_info.py").read_text())
    assert [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))] == []


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers"])
def test_the_modules_it_lists_are_those_that_exist(kind):
    listed = {name for entry in get_provider_info()[kind] for name in entry["python-modules"]}
    for name in listed:
        importlib.import_module(name)
    assert {name.rpartition(".")[0] for name in listed} == {f"{PACKAGE}.{kind}"}


def test_the_classes_it_lists_exist():
    info = get_provider_info()
    paths = [entry["hook-class-name"] for entry in info["connection-types"]]
    paths += [*info.get("notifications", []), *info.get("extra-links", [])]
    for path in paths:
        module, _, name = path.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), name), type)


def test_every_integration_it_names_is_described():
    info = get_provider_info()
    described = {entry["integration-name"] for entry in info["integrations"]}
    named = {
        entry["integration-name"]
        for kind in ("hooks", "operators", "sensors", "triggers")
        for entry in info[kind]
    }
    assert named == described
