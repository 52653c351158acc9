# SPDX-License-Identifier: Apache-2.0
"""
Every file of tests/audience_corpus gives the report that stands beside it.

``x.csv.report`` begins with the options of the preview; the rest is what it prints, its exit code first. Renew the
reports with ``python tests/audience_corpus/build.py``, and read the difference.
"""

from __future__ import annotations

import contextlib
import io
import shlex
from pathlib import Path

import pytest

from airflow_provider_aliyunsms.audience.report.preview import main

CORPUS = Path(__file__).parents[2] / "audience_corpus"
REPORTS = sorted(CORPUS.glob("*.report"))


def preview(file, options):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(file), *options])
    return f"exit {code}\n{out.getvalue()}{err.getvalue()}"


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.stem)
def test_a_file_gives_its_report(report):
    options, expected = report.read_text(encoding="utf-8").split("\n", 1)
    assert preview(CORPUS / report.stem, shlex.split(options.removeprefix("options:"))) == expected


def test_every_file_has_a_report_and_there_are_many():
    others = {"build.py", "README.md"}
    files = {path.name for path in CORPUS.iterdir() if path.is_file() and path.suffix != ".report"} - others
    assert {path.stem for path in REPORTS} >= files
    assert len(files) >= 90
