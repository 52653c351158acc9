# SPDX-License-Identifier: Apache-2.0
"""The documentation builds without a warning, and what is written by a script or copied from code is current."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site with warnings as errors."""
    folder = tmp_path_factory.mktemp("docs")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    # whatever the build asked the network for would fail
    environment |= {"AIRFLOW_HOME": str(folder / "home"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-q",
            "-W",
            "--keep-going",
            "-d",
            folder / "doctrees",
            DOCS,
            folder / "html",
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_every_page_is_there_and_found_from_the_first(site):
    first = (site / "index.html").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).with_suffix(".html").as_posix()
        assert (site / name).exists()
        if name != "index.html":
            assert f'href="{name}"' in first


def test_the_reference_comes_from_the_docstrings(site):
    text = (site / "api" / "index.html").read_text(encoding="utf-8")
    for name in ("AliyunSendBatchSmsOperator", "AliyunSmsNotifier", "DeliveryTimeoutError", "explain"):
        assert f">{name}<" in text
    assert "look-ups must stay empty" in text


def test_the_pages_hold_code_of_the_examples_and_no_other():
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
            assert len(block.splitlines()) < 10, f"{page.name}: take it from dags_examples/"
            ast.parse(block)


@pytest.mark.parametrize("name", ["errors.md", "errors.zh-CN.md"])
def test_the_error_tables_are_current(name):
    spec = importlib.util.spec_from_file_location("build_errors", DOCS / "build_errors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / name).read_text(encoding="utf-8") == module.page(name), "run python docs/build_errors.py"


def test_the_notifier_s_table_has_its_parameters_and_defaults():
    source = ROOT / "airflow_provider_aliyunsms" / "notifications" / "aliyun_sms.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    (init,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    ]
    table = (DOCS / "notifier.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, flags=re.MULTILINE))
    assert list(rows) == [argument.arg for argument in init.args.kwonlyargs]
    assert rows["max_per_hour"] == "10"


def test_every_kind_of_credentials_has_its_row():
    source = inspect.cleandoc((DOCS / "credentials.md").read_text(encoding="utf-8"))
    rows = set(re.findall(r"^\| `(\w+)`", source, flags=re.MULTILINE)) - {"credential_type"}
    info = (ROOT / "airflow_provider_aliyunsms" / "get_provider_info.py").read_text(encoding="utf-8")
    (kinds,) = re.findall(r"kinds = \[(.*?)\]", info, flags=re.DOTALL)
    assert rows == set(re.findall(r'"(\w+)"', kinds))
