# SPDX-License-Identifier: Apache-2.0
"""docs/refusals.md: what each class of refusal costs and ends in, as real tasks meet it; written by this test."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_aliyunsms.operators.aliyun_sms import (
    AliyunBatchSendMessageToGlobeOperator,
    AliyunSendBatchSmsOperator,
)

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(1500)]

PAGE = Path(__file__).parents[2] / "docs" / "refusals.md"
WRITE = "WRITE_REFUSALS"
SIZES = {"few": 3, "many": 300}
TRIES = 2
SENDS = {"China": "SendBatchSms", "Globe": "BatchSendMessageToGlobe"}
QUERIES = {"China": "QuerySendDetails", "Globe": "QueryMessage"}

INTRODUCTION = f"""\
# When the gateway refuses

What a refusal of *every* call costs and ends in: one table for each API, one row for each class of code, for
3 recipients and for 300. Each row is a real task with `retries={TRIES - 1}` against the
[simulator](simulator.md), and a Clear after the cause was mended. Calls are the send calls of the first run,
with all its tries; look-ups are free. One call at a time, 100 recipients in each, `network_patience=3`,
`evidence_wait=3`, `refusal_wait=1`, `settle_time=10`.

* Nobody is recorded as refused who was not tried.
* A Clear sends to those who were not tried, and to those who were refused for a cause that is not theirs. Who was
  refused for the own number, or has received enough, is sent to again only with `resend_rejected=True`.
* Nobody got two messages in any row.

How a code gets its class: [unknown codes](decisions/unknown-codes.md). What each code means: [codes](errors.md). This
page is written by `{WRITE}=1 python -m pytest tests/airflow/test_refusals.py`; without it the same test compares.
"""


@dataclass(frozen=True)
class Refusal:
    """One class of refusal, with a code that stands for it."""

    title: str
    china: tuple[str, int]
    globe: tuple[str, int]


CLASSES = [
    Refusal("key", ("InvalidAccessKeyId", 400), ("InvalidAccessKeyId", 400)),
    Refusal("token missing", ("MissingSecurityToken", 400), ("MissingSecurityToken", 400)),
    Refusal("permission", ("Forbidden.NoPermission", 403), ("NoPermission.Ram", 403)),
    Refusal("template, sender", ("isv.SMS_TEMPLATE_ILLEGAL", 200), ("INVALID_SENDERID", 200)),
    Refusal("balance", ("isv.AMOUNT_NOT_ENOUGH", 200), ("AMOUNT_NOT_ENOUGH", 200)),
    Refusal("text, variables", ("isv.TEMPLATE_MISSING_PARAMETERS", 200), ("SMS_CONTENT_ILLEGAL", 200)),
    Refusal("request", ("MissingPhoneNumbers", 400), ("INVALID_PARAMETERS", 200)),
    Refusal("number", ("isv.MOBILE_NUMBER_ILLEGAL", 200), ("MOBILE_NUMBER_ILLEGAL", 200)),
    Refusal("had enough", ("isv.BUSINESS_LIMIT_CONTROL", 200), ("BUSINESS_LIMIT_DAY", 200)),
    Refusal("clock", ("InvalidTimeStamp.Expired", 400), ("InvalidTimeStamp.Expired", 400)),
    Refusal("rate", ("Throttling.User", 400), ("QPS_LIMIT_CONTROL", 200)),
    Refusal("unknown, HTTP 4xx", ("BrandNewCode", 400), ("BrandNewCode", 400)),
    Refusal("unknown, HTTP 200", ("isv.BRAND_NEW_CODE", 200), ("BRAND_NEW_CODE", 200)),
]


def operator_of(api, *, size, ledger):
    common = {
        "task_id": "send",
        "campaign_id": "refused",
        "ledger_path": str(ledger),
        "receipts_path": str(ledger / "receipts.jsonl"),
        "chunk_size": 100,
        "network_patience": 3,
        "evidence_wait": 3,
        "settle_time": 10,
        "retries": TRIES - 1,
    }
    if api == "China":
        people = [f"1380000{number:04d}" for number in range(size)]
        return AliyunSendBatchSmsOperator(
            recipients=people,
            template_code="SMS_1",
            sign_name="测试",
            refusal_wait=1,
            max_concurrency=1,
            **common,
        )
    people = [f"447400{number:06d}" for number in range(size)]
    return AliyunBatchSendMessageToGlobeOperator(recipients=people, message="hello", max_qps=100, **common)


def calls_of(*, sends, looks, tries):
    """Say how many calls there were; what waits decide varies a little from run to run."""
    if sends > 20 or tries > 1:
        text = next((f"< {limit}" for limit in (20, 200) if sends < limit), "many")
    else:
        text = f"{sends}"
    return f"{text} + look-ups" if looks else text


def observe(refusal, *, api, size, run_dag, simulator, folder):
    """Run a campaign that is refused, mend the cause, clear it, and give the row of the page."""
    from airflow.sdk import DAG

    simulator.reset()
    code, status = refusal.china if api == "China" else refusal.globe
    simulator.misbehave("refuse", action=SENDS[api], times=None, code=code, status=status)
    errors = []

    def note(context):
        errors.append(context["exception"])

    with DAG("refusals", default_args={"on_failure_callback": note}) as dag:
        operator_of(api, size=size, ledger=folder)
    outcome = run_dag(dag)
    stats = simulator.stats()
    tries = outcome.tries["send"]
    calls_text = calls_of(
        sends=stats["requests"].get(SENDS[api], 0),
        looks=stats["requests"].get(QUERIES[api], 0),
        tries=tries,
    )
    assert outcome.states == {"send": "failed"}, "a campaign that reached nobody is not green"
    assert simulator.counts() == {}
    simulator.behave()
    cleared = run_dag(dag)
    counts = simulator.counts()
    assert set(counts.values()) <= {1}
    last = str(errors[0]).partition("\nOf ")[0].partition("\nNext step")[0] if errors else "-"
    # The code has a column of its own, and the id of a request is another one each time.
    last = re.sub(r" \[code=[^]]*\]$", "", " ".join(last.split()))
    told = "failed at once" if tries == 1 else f"failed, {tries} tries"
    served = len(counts)
    after = "serves all" if served == size else f"serves {served} of {size}"
    if cleared.state != "success":
        after += ", failed"
    return f"| {refusal.title} | `{code}` {status} | {calls_text} | {told} | {shortened(last)} | {after} |"


def shortened(text):
    """Give what the log of Airflow shows of an error's first line."""
    text = text.replace("|", "/").partition("; of ")[0]
    return text if len(text) <= 200 else text[:197] + "..."


def section(api, *, size, **surroundings):
    """Give one table of the page."""
    lines = [
        f"## {api}, {size} recipients",
        "",
        "| class | code | calls | task | first line of the error | a Clear after mending |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for index, refusal in enumerate(CLASSES):
        folder = surroundings["folder"] / str(index)
        folder.mkdir()
        lines.append(observe(refusal, api=api, size=size, **{**surroundings, "folder": folder}))
    return "\n".join(lines) + "\n"


def write(title, text):
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    parts[title] = text.removeprefix("## ").rstrip("\n") + "\n"
    order = [f"{api}, {size} recipients" for api in SENDS for size in SIZES.values()]
    body = "\n".join("## " + parts[name].rstrip("\n") + "\n" for name in order if name in parts)
    PAGE.write_text(f"{INTRODUCTION}\n{body}", encoding="utf-8")


@pytest.mark.parametrize("size", SIZES.values(), ids=[*SIZES])
@pytest.mark.parametrize("api", [*SENDS])
def test_the_page_shows_what_tasks_meet(api, size, run_dag, simulator, aliyun_connection, tmp_path):
    text = section(api, size=size, run_dag=run_dag, simulator=simulator, folder=tmp_path)
    if os.environ.get(WRITE):
        write(f"{api}, {size} recipients", text)
    page = PAGE.read_text(encoding="utf-8")
    assert text in page, f"Look at the difference, then set {WRITE}=1"
    assert page.startswith(INTRODUCTION)
