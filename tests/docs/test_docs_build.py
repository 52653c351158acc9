# SPDX-License-Identifier: Apache-2.0
"""The documentation builds without a warning, and what is written by a script or copied from code is current."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree

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
    assert "A call without a clear response is settled by evidence" in text


@pytest.fixture(scope="module")
def search_index(site):
    """Give what the search of the site looks in."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))


@pytest.fixture(scope="module")
def found(search_index):
    """Give the places to which the search leads for a whole name: page and anchor."""
    places = {}
    for prefix, objects in search_index["objects"].items():
        for document, _, _, anchor, name in objects:
            whole = f"{prefix}.{name}" if prefix else name
            places.setdefault(whole, set()).add((search_index["docnames"][document], anchor))
    return places


def test_the_search_leads_to_the_row_of_every_code(site, found):
    from airflow_provider_aliyunsms.codes import LOCAL_CODES, all_codes

    for page in ("errors", "errors.zh-CN"):
        text = (site / f"{page}.html").read_text(encoding="utf-8")
        for code in {info.code for info in (*LOCAL_CODES, *all_codes())}:
            anchors = [anchor for name, anchor in found[code] if name == page]
            assert len(anchors) == 1, code
            (row,) = re.findall(rf'<tr [^>]*id="{re.escape(anchors[0])}">.*?</tr>', text, flags=re.DOTALL)
            assert f">{code}<" in row


def test_the_search_leads_to_the_row_of_every_parameter(found):
    for name, rows in script("build_parameters").everything().items():
        for row in rows:
            places = found[f"{name}.{row.name}"]
            pages = {page for page, anchor in places if anchor.startswith("parameter-")}
            assert {page.endswith(".zh-CN") for page in pages} == {False, True}, f"{name}.{row.name}"


def test_nothing_else_is_taken_for_a_parameter(found):
    rows = script("build_parameters").everything()
    wanted = {f"{name}.{row.name}" for name in rows for row in rows[name]}
    assert {
        name for name, places in found.items() if any(anchor.startswith("parameter-") for _, anchor in places)
    } == wanted


def test_what_the_reference_lists_is_public(found):
    wanted, modules = set(), set()
    for section in script("build_api").sections():
        modules.add(section["module"])
        wanted |= {f"{section['module']}.{name}" for name in section["names"] if name != "*"}
    listed = {name for name, places in found.items() if any(page == "api/index" for page, _ in places)}
    top = {name for name in listed if name.rpartition(".")[0] in modules}
    errors = {name for name in top if ".exceptions." in name}
    assert top - errors == wanted
    assert all(name.rpartition(".")[0] in wanted | errors | modules for name in listed - modules)


def test_the_pages_hold_code_of_the_examples_and_no_other():
    for page in DOCS.rglob("*.md"):
        for block in blocks(page):
            # the DAG of the tutorial is run, see tests/airflow/test_tutorial.py
            if not page.name.startswith("tutorial."):
                assert len(block.splitlines()) < 10, f"{page.name}: take it from dags_examples/"
            ast.parse(block)


def blocks(page):
    """Give the Python written on a page itself."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


IN_A_DAG = (
    "delivery.md",
    "operators/china.md",
    "operators/globe.md",
    "operators/guards.md",
    "operators/report.md",
)


def test_the_only_code_outside_the_examples_runs(tmp_path):
    """In a process of its own, which may import Airflow."""
    # the Chinese pages have the same, see test_chinese.py
    pages = [page for page in DOCS.rglob("*.md") if not page.name.endswith(".zh-CN.md")]
    written = {page.relative_to(DOCS).as_posix() for page in pages if blocks(page)}
    assert written == {"retry-policy.md", "simulator.md", "tutorial.md", *IN_A_DAG}
    (policy,), (simulator,) = blocks("retry-policy.md"), blocks("simulator.md")
    arguments = "task_id='send', template_code='SMS_1', recipients=['13800001234'],"
    parts = [policy.replace("..., ", arguments), SEND_TO, simulator, DAG]
    for page in IN_A_DAG:
        parts += ["with dag:\n", *(textwrap.indent(block, "    ") for block in blocks(page))]
    script = tmp_path / "blocks.py"
    script.write_text(IMPORTS + "".join(parts), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


IMPORTS = """
from airflow_provider_aliyunsms.operators.aliyun_sms import AliyunSendBatchSmsOperator
from airflow_provider_aliyunsms.sensors.aliyun_sms import AliyunSmsDeliverySensor
"""
DAG = """
from airflow.providers.common.compat.sdk import DAG

dag = DAG("blocks", schedule=None)
send = AliyunSendBatchSmsOperator(
    task_id="send", template_code="SMS_1", recipients=["13800001234"], dag=dag)

"""
SEND_TO = """
from contextlib import suppress
from airflow.providers.common.compat.sdk import Connection
from airflow_provider_aliyunsms.exceptions import AmbiguousOutcomeError
from airflow_provider_aliyunsms.hooks.clients import client_for
from airflow_provider_aliyunsms.hooks.settings import read_settings

def send_something_to(url):
    key = {"login": "testid", "password": "testsecret"}
    client = client_for(read_settings(Connection(conn_id="x", conn_type="aliyun_sms", host=url, **key)))
    numbers = [f"1380000{number:04d}" for number in range(1000, 1100)]
    with suppress(AmbiguousOutcomeError):
        client.send_batch_sms(phone_numbers=numbers, sign_names=["x"] * 100, template_code="SMS_1")

"""


@pytest.mark.parametrize("name", ["errors.md", "errors.zh-CN.md"])
def test_the_error_tables_are_current(name):
    page = script("build_errors").page(name)
    assert (DOCS / name).read_text(encoding="utf-8") == page, "run python docs/build_errors.py"


def test_the_description_of_the_simulator_is_current():
    build = script("build_simulator_api")
    served = build.description()
    for path, text in ((build.JSON, build.as_json(served)), (build.PAGE, build.as_page(served))):
        assert path.read_text(encoding="utf-8") == text, "run python docs/build_simulator_api.py"


def test_the_page_of_other_clients_has_the_versions_that_are_locked():
    packages = json.loads((ROOT / "tests" / "clients" / "package.json").read_text(encoding="utf-8"))
    page = (DOCS / "simulator-clients.md").read_text(encoding="utf-8")
    for name, version in packages["dependencies"].items():
        # reached through the others
        if name != "@alicloud/openapi-core":
            assert f"`{name}` {version}" in page, "run make clients-test"
    assert "**failed**" not in page


def script(name):
    """Load one of the scripts that write into the docs."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    # where dataclasses look for it
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_current():
    for name, svg in script("build_pictures").pictures().items():
        assert (DOCS / "_static" / name).read_text(encoding="utf-8") == svg, (
            "run python docs/build_pictures.py"
        )


def test_the_pictures_need_no_font_of_their_own_and_are_on_a_page():
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    for name, svg in script("build_pictures").pictures().items():
        assert svg.isascii()
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        assert f"(_static/{name})" in pages


def test_the_package_map_names_every_package_and_no_other():
    package = ROOT / "airflow_provider_aliyunsms"
    folders = {path.parent.relative_to(package).as_posix() for path in package.rglob("__init__.py")}
    modules = {path.name for path in package.glob("*.py")}
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Packages\n(.*?)^## ", text, flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE)
    assert sorted(named) == sorted(folders - {"."} | modules - {"__init__.py"})


def test_the_files_and_names_on_the_architecture_page_exist():
    package = ROOT / "airflow_provider_aliyunsms"
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^## Invariants\n(.*?)^## ", text, flags=re.MULTILINE | re.DOTALL)
    for row in re.findall(r"^\| \d+ \|.*\| (.*) \|$", table, flags=re.MULTILINE):
        source = ""
        for name in re.findall(r"`([^`]+)`", row):
            if name.endswith(".py"):
                source = (package / name).read_text(encoding="utf-8")
            else:
                assert re.search(rf"(def|class) {name.rpartition('.')[2]}\b", source), f"{name} in: {row}"


def test_the_performance_page_says_what_was_measured(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    from benchkit.page import page

    results = json.loads((ROOT / "docs" / "bench" / "results.json").read_text(encoding="utf-8"))
    assert (ROOT / "docs" / "performance.md").read_text(encoding="utf-8") == page(results)


def test_every_kind_of_credentials_has_its_row():
    source = inspect.cleandoc((DOCS / "credentials.md").read_text(encoding="utf-8"))
    rows = set(re.findall(r"^\| `(\w+)`", source, flags=re.MULTILINE)) - {"credential_type"}
    info = (ROOT / "airflow_provider_aliyunsms" / "get_provider_info.py").read_text(encoding="utf-8")
    (kinds,) = re.findall(r"kinds = \[(.*?)\]", info, flags=re.DOTALL)
    assert rows == set(re.findall(r'"(\w+)"', kinds))


def test_the_table_of_places_is_that_of_the_privacy_test():
    spec = importlib.util.spec_from_file_location("build_security", DOCS / "build_security.py")
    build_security = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_security)
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    assert build_security.written(page) == page, "run make docs"


def test_the_figures_of_fuzzing_are_there_for_every_target():
    sys.path.insert(0, str(ROOT / "tests" / "fuzz"))
    from targets import TARGETS

    page = (DOCS / "security.md").read_text(encoding="utf-8")
    rows = page.partition("<!-- fuzz: begin -->")[2].partition("<!-- fuzz: end -->")[0]
    assert [target.what for target in TARGETS.values() if f"| {target.what} |" not in rows] == []
