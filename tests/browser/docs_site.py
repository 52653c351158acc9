# SPDX-License-Identifier: Apache-2.0
"""The documentation site: its search finds codes and parameters, commands can be copied, and it fits a phone."""

from __future__ import annotations

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from browserkit.chromium import find_chromium, open_browser
from launcher.environment import clean_environment

DOCS = Path(__file__).parents[2] / "docs"
IN_SIGHT = """
() => {
  const {top, bottom} = document.querySelector("tr:target").getBoundingClientRect();
  return top >= 0 && bottom <= window.innerHeight;
}
"""
# tables of codes and parameters that are wider than their place
PUSHED_SIDEWAYS = """
() => [...document.querySelectorAll("table.rows")]
  .filter(({parentElement: place}) => place.scrollWidth > place.clientWidth).length
"""
SEARCHED = re.compile(r"Search finished|did not match any documents")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Build the site and serve it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-d", folder / "doctrees", DOCS, folder / "html"]
    environment = clean_environment() | {"AIRFLOW_HOME": str(folder / "home")}
    subprocess.run(command, env=environment, check=True, timeout=300)
    handler = functools.partial(_Quiet, directory=os.fspath(folder / "html"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory, chromium, address):
    """Give a page of Chromium that is at the site."""
    profile = tmp_path_factory.mktemp("site-browser") / "profile"
    with open_browser(chromium, executable=find_chromium(), profile=profile, url=address) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        yield page


@pytest.fixture(scope="module")
def results(site):
    """Give a function that searches and returns where the results lead, best first."""

    def results(query):
        site.goto("/index.html")
        site.locator("input.sidebar-search").fill(query)
        site.keyboard.press("Enter")
        site.get_by_text(SEARCHED).first.wait_for()
        links = site.locator("#search-results ul.search > li > a")
        return [link.get_attribute("href") for link in links.all()]

    return results


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("isv.BUSINESS_LIMIT_CONTROL", "code-isv-business-limit-control"),
        ("isv.business_limit_control", "code-isv-business-limit-control"),
        ("BUSINESS_LIMIT_CONTROL", "code-isv-business-limit-control"),
        ("local.CONTENT_CHANGED", "code-local-content-changed"),
        ("content_changed", "code-local-content-changed"),
        ("VALVE:M_MC", "code-valve-m-mc"),
        ("isp.SYSTEM_ERROR", "code-isp-system-error"),
        ("SignatureNonceUsed", "code-signaturenonceused"),
        ("invalidtimestamp.expired", "code-invalidtimestamp-expired"),
    ],
)
def test_a_code_leads_to_its_row(results, site, query, row):
    found = results(query)
    assert found[0].partition("?")[0].partition("#")[0] == "errors.html"
    assert found[0].endswith(f"#{row}")
    site.locator("#search-results ul.search > li > a").first.click()
    target = site.locator("tr:target")
    target.wait_for()
    assert query.rpartition(".")[2].lower() in target.text_content().lower()
    # the page scrolls there smoothly
    site.wait_for_function(IN_SIGHT)


def test_a_part_of_a_code_finds_all_that_have_it(results):
    rows = {href.partition("#")[2] for href in results("business_limit")[:6]}
    assert {"code-business-limit-day", "code-business-limit-hour"} <= rows


def test_a_parameter_leads_to_its_row(results):
    found = results("settle_time")
    rows = {
        "parameter-aliyunsendbatchsmsoperator-settle-time",
        "parameter-aliyunbatchsendmessagetoglobeoperator-settle-time",
    }
    assert {href.partition("#")[2] for href in found[:2]} == rows


@pytest.mark.parametrize(
    ("query", "page"),
    [("退订名单", "operators/guards.zh-CN"), ("余额不足", "errors.zh-CN"), ("连接 权限", "connection.zh-CN")],
)
def test_chinese_words_are_found(results, query, page):
    assert f"{page}.html" in [href.partition("?")[0].partition("#")[0] for href in results(query)]


def test_the_menu_of_a_chinese_page_begins_in_chinese(site):
    heights = {}
    for page in ("quickstart", "quickstart.zh-CN"):
        site.goto(f"/{page}.html")
        menu = site.locator(".sidebar-tree")
        names = ("Quickstart", "快速开始")
        heights[page] = [
            menu.get_by_role("link", name=name, exact=True).bounding_box()["y"] for name in names
        ]
    assert heights["quickstart"] == sorted(heights["quickstart"])
    assert heights["quickstart.zh-CN"] == sorted(heights["quickstart.zh-CN"], reverse=True)


def test_a_command_is_copied_as_it_is_run(site):
    site.goto("/tutorial.html")
    site.locator("div.highlight-bash", has_text="mkdir -p sms-tutorial").hover()
    site.locator("div.highlight-bash", has_text="mkdir -p sms-tutorial").locator("button.copybtn").click()
    copied = site.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[0] == "mkdir -p sms-tutorial/dags && cd sms-tutorial"
    assert "$ " not in copied


def test_tabs_for_china_and_globe_change_together(site):
    site.goto("/operators.html")
    site.get_by_text("Globe", exact=True).first.click()
    assert site.locator("code", has_text="AliyunBatchSendMessageToGlobeOperator").first.is_visible()
    site.goto("/operators/decorators.html")
    assert site.get_by_text("@task.aliyun_sms_globe(...)").is_visible()
    assert not site.get_by_text("@task.aliyun_sms(...)").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name",
    [
        *("index", "tutorial", "operators/china", "errors", "how-a-message-is-settled"),
        *("index.zh-CN", "tutorial.zh-CN", "operators/china.zh-CN", "operators/guards.zh-CN", "errors.zh-CN"),
    ],
)
def test_a_page_fits_a_phone(site, name, scheme):
    size = site.viewport_size
    site.emulate_media(color_scheme=scheme)
    site.set_viewport_size({"width": 390, "height": 844})
    try:
        site.goto(f"/{name}.html")
        assert site.evaluate("document.documentElement.scrollWidth") <= 390
        assert site.evaluate(PUSHED_SIDEWAYS) == 0
        broken = site.evaluate(
            "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)"
        )
        assert broken == []
    finally:
        site.set_viewport_size(size)
        site.emulate_media(color_scheme="light")
