# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: a slow or busy machine makes no test fail."""

from __future__ import annotations

import contextlib

import pytest

# Not everywhere where tests run: the oldest versions are tried without it.
with contextlib.suppress(ImportError):
    from hypothesis import settings

    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")


@pytest.fixture(autouse=True)
def whole_sentences(request, monkeypatch):
    """Let tests look for whole sentences in what is logged; those of the lines themselves look at lines."""
    with contextlib.suppress(ImportError):
        from airflow_provider_aliyunsms import log_lines, task_errors

        if "logs" not in request.node.path.parts:
            monkeypatch.setattr(log_lines, "LINE", 10_000)
            monkeypatch.setattr(task_errors, "ERROR_LINE", 10_000)
