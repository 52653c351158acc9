# SPDX-License-Identifier: Apache-2.0
"""The report: the parts that are billed, the preview's way in, and nothing personal in any of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from airflow_provider_aliyunsms.audience.facts import SourceFacts
from airflow_provider_aliyunsms.audience.recipients import recipient_keys
from airflow_provider_aliyunsms.audience.report import AudienceReport
from airflow_provider_aliyunsms.audience.report.parts import china_parts, globe_parts
from airflow_provider_aliyunsms.audience.rules import ChinaRules
from airflow_provider_aliyunsms.audience.sources import read_blocks
from airflow_provider_aliyunsms.audience.spool import Spool


@pytest.mark.parametrize(("length", "parts"), [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (160, 3)])
def test_parts_in_china(length, parts):
    assert china_parts(length) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 350, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("é" * 160, 1),
        ("张" * 70, 1),
        ("x" * 70 + "张", 2),
        ("张" * 150, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_parts_elsewhere(text, parts):
    assert globe_parts(text) == parts


def loaded(spool, items, *, facts):
    spool.load(
        read_blocks(items, open_binary=open, facts=facts),
        rules=ChinaRules(sign_name="x", template_param=None),
        keys_of=lambda numbers, contents: recipient_keys(
            campaign_id="c", numbers=numbers, contents=contents, dedupe="content"
        ),
    )


def test_its_figures_are_small_and_the_same_after_json():
    items = [{"phone_number": "13800001234"}] * 2 + [{"phone_number": f"{n}"} for n in range(50)]
    facts = SourceFacts()
    with Spool() as spool:
        loaded(spool, items, facts=facts)
        report = AudienceReport.of(spool, facts=facts, several=spool.repeated_numbers)
    figures = report.figures()
    assert json.loads(json.dumps(figures)) == figures
    (rejected,) = figures["rejected"]
    assert (rejected["count"], rejected["rows"]) == (50, [3, 4, 5, 6, 7])
    assert (report.rows, report.ready, report.rejected, report.duplicates) == (52, 1, 50, 1)
    assert report.several == 0
    assert report.needs_a_look
    assert "rows: 52, ready: 1, rejected: 50, duplicates: 1" in report.lines()


def test_one_number_with_several_texts_is_counted_once():
    items = [{"phone_number": "13800001234", "template_param": {"a": f"{n}"}} for n in range(3)]
    with Spool() as spool:
        loaded(
            spool,
            [*items, items[0], {"phone_number": "13900001234", "template_param": {"a": "x"}}],
            facts=SourceFacts(),
        )
        assert spool.repeated_numbers == 1


PREVIEW = "airflow_provider_aliyunsms.audience"
LOADED = f"""
import runpy, sys
sys.argv = ["preview", sys.argv[1]]
try:
    runpy.run_module("{PREVIEW}", run_name="__main__")
except SystemExit as end:
    print("exit", end.code)
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def test_the_preview_of_a_local_file_imports_no_airflow(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("phone_number,name\n13800001234,张三丰\n", encoding="utf-8")
    for path in (str(file), f"file://{file}"):
        done = subprocess.run(
            [sys.executable, "-c", LOADED, path], capture_output=True, text=True, timeout=60, check=False
        )
        assert "exit 0" in done.stdout, done.stderr
        assert not {"airflow", "requests", "openpyxl", "pyarrow"} & {*done.stdout.splitlines()[-1].split()}
        assert "13800001234" not in done.stdout
        assert "张" not in done.stdout


@pytest.mark.parametrize("options", [["--column-mapping", "[1]"], ["--api", "moon"], []])
def test_a_wrong_option_is_explained(options):
    done = subprocess.run(
        [sys.executable, "-m", PREVIEW, *options], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "usage:" in done.stderr
