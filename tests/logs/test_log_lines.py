# SPDX-License-Identifier: Apache-2.0
"""The real logs of tasks that end in every way there is: lines that can be seen whole, and what to do."""

from __future__ import annotations

import re

import pytest

from airflow_provider_aliyunsms.log_lines import ERROR_LINE, LINE

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(1800)]

FAILED = {
    "too_many": "TooManyRefusedError: ",
    "doomed": "CampaignDoomedError: ",
    "wrong_signature": "ConfigurationError: ",
    "wrong_encoding": "ConfigurationError: ",
    "wrong_template": "ConfigurationError: ",
    "wrong_path": "AudienceError: ",
    "wrong_rows": "AudienceError: ",
    "wrong_credentials": "CredentialsError: ",
    "wrong_secret": "CampaignDoomedError: ",
    "unreachable": "NotSentError: ",
    "guard_stops": "GuardError: ",
    "guard_undecided": "GuardUndecidedError: ",
    "unknown": "OutcomeUnknownError: ",
    "unknown_for_good": "OutcomeUnknownError: ",
    "killed": "SendInterruptedError: ",
    "sensor_fails": "DeliveryError: ",
    "sensor_times_out": "DeliveryTimeoutError: ",
}
SUCCEEDED = ["success", "query", "resumed", "refusals", "rehearsal", "globe", "plain"]
TASKS = [
    *FAILED,
    *SUCCEEDED,
    "empty",
    "guard_skips",
    "guard_waits",
    "timeout",
    "no_ledger",
    "sensor_succeeds",
]
# An id or a path, which nobody can divide.
UNBREAKABLE = re.compile(r"\S{40,}")


@pytest.mark.parametrize("task_id", TASKS)
def test_no_line_is_longer_than_the_log_page_shows(endings, task_id):
    lines = endings.lines(task_id)
    assert lines
    long = [line for line in lines if len(line) > LINE and not UNBREAKABLE.search(line)]
    assert long == []
    assert [line for line in lines if "\n" in line] == []


@pytest.mark.parametrize("task_id", TASKS)
def test_what_to_do_is_on_a_line_of_its_own(endings, task_id):
    assert [
        line for line in endings.lines(task_id) if line.startswith("Next step")
    ] or task_id == "sensor_succeeds"
    assert [line for line in endings.lines(task_id) if re.search(r"\S.*Next step", line)] == []


@pytest.mark.parametrize("task_id", FAILED)
def test_an_error_is_told_before_its_only_short_traceback(endings, task_id):
    assert endings.states[task_id] == "failed"
    records = endings.log(task_id)
    (place,) = [number for number, record in enumerate(records) if record.errors]
    (error,) = records[place].errors
    told = [record.text for record in records[:place] if record.is_ours and record.level == "error"]
    assert told[0].startswith(FAILED[task_id])
    assert any(line.startswith("Next step: ") for line in told)
    assert len(told) <= 8
    text = error["exc_value"].split("\n")
    assert any(line.startswith("Next step: ") for line in text)
    assert [line for line in text[1:] if len(line) > ERROR_LINE] == []
    assert len(f"{error['exc_type']}: {text[0]}") <= ERROR_LINE
    ours = [frame for frame in error["frames"] if "airflow_provider_aliyunsms" in frame["filename"]]
    assert len(ours) <= 2


@pytest.mark.parametrize("task_id", ["success", "refusals"])
def test_a_result_is_a_table_of_codes(endings, task_id):
    lines = endings.lines(task_id)
    (result,) = [number for number, line in enumerate(lines) if line.startswith("Result: ")]
    assert lines[result + 1].split() == ["count", "code", "meaning"]
    assert re.match(r" +\d+  \S+ +\S", lines[result + 2])
    assert lines[-1].startswith(("Next step", "  "))


def test_a_skip_says_why_and_what_to_do(endings):
    assert endings.states["empty"] == endings.states["guard_skips"] == "skipped"
    assert any("the shop is closed" in line for line in endings.lines("guard_skips"))


def test_a_try_without_a_ledger_says_so_in_short(endings):
    told = [record.text for record in endings.log("no_ledger", attempt=2) if record.level == "error"]
    assert told[0].startswith("LedgerMissingError: ")
    assert any(line.startswith("Next step: ") for line in told)


def test_no_number_and_no_secret_is_in_any_log(endings):
    for task_id in endings.states:
        for path in endings.folder.glob(f"**/task_id={task_id}/*.log"):
            assert re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)|447700\d{6}|testsecret", path.read_text()) == []
